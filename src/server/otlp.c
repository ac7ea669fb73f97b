#include "server/otlp.h"

#include "base/check.h"
#include "base/jsonw.h"

#define STATUS_ERROR 2
#define SPAN_BYTES   511 /* most spans; longer ones grow the buffer */

/* Bits 8 and 9 of a span's flags: whether its parent is known to be of another process. */
#define FLAG_SAMPLED       0x001
#define FLAG_REMOTE_KNOWN  0x100
#define FLAG_PARENT_REMOTE 0x200

void otlp_add(struct otlp_span *s, struct otlp_attribute a)
{
    CHECK(s->n_attributes < OTLP_ATTRIBUTES_MAX);
    s->attributes[s->n_attributes++] = a;
}

/* Names are of our own words and ids of hex digits, so nothing in them needs an escape: written by
 * hand this takes a third of what a general writer does, and a hundredth of all requests have it.
 */
static void add_id(struct buf *b, const char *key, const unsigned char *id, size_t n)
{
    char hex[TRACE_ID_HEX];

    trace_hex(id, n, hex);
    buf_add_str(b, key);
    buf_add(b, hex, 2 * n);
    buf_add_char(b, '"');
}

/* 64 bits are a string. */
static void add_u64(struct buf *b, const char *key, uint64_t v)
{
    buf_add_str(b, key);
    buf_add_u64(b, v);
    buf_add_char(b, '"');
}

static void add_words(struct buf *b, struct str words)
{
    buf_add_str(b, "{\"arrayValue\":{\"values\":[");
    for (bool first = true; words.n; first = false) {
        const char *space = memchr(words.p, ' ', words.n);
        size_t n = space ? (size_t)(space - words.p) : words.n;

        buf_add_str(b, first ? "{\"stringValue\":" : ",{\"stringValue\":");
        jsonw_string(b, str_sub(words, 0, n));
        buf_add_char(b, '}');
        words = str_sub(words, space ? n + 1 : n, words.n);
    }
    buf_add_str(b, "]}}");
}

static void add_value(struct buf *b, const struct otlp_attribute *a)
{
    switch (a->type) {
    case OTLP_TEXT:
        buf_add_str(b, "{\"stringValue\":");
        jsonw_string(b, a->text);
        break;
    case OTLP_INT:
        buf_add_str(b, "{\"intValue\":\"");
        jsonw_integer(b, a->number);
        buf_add_char(b, '"');
        break;
    case OTLP_REAL:
        buf_add_str(b, "{\"doubleValue\":");
        jsonw_number(b, a->real);
        break;
    case OTLP_BOOL:
        buf_add_str(b, a->number ? "{\"boolValue\":true" : "{\"boolValue\":false");
        break;
    case OTLP_LIST: add_words(b, a->text); return;
    }
    buf_add_char(b, '}');
}

static void add_attributes(struct buf *b, const struct otlp_attribute *a, size_t n)
{
    buf_add_str(b, "\"attributes\":[");
    for (size_t i = 0; i < n; i++) {
        buf_add_str(b, i ? ",{\"key\":\"" : "{\"key\":\"");
        buf_add_str(b, a[i].key);
        buf_add_str(b, "\",\"value\":");
        add_value(b, &a[i]);
        buf_add_char(b, '}');
    }
    buf_add_char(b, ']');
}

static void add_event(struct buf *b, const struct otlp_span *s)
{
    buf_add_str(b, ",\"events\":[{\"name\":\"");
    buf_add_str(b, s->event);
    add_u64(b, "\",\"timeUnixNano\":\"", s->event_ns);
    buf_add_str(b, "}]");
}

static void add_status(struct buf *b, const char *message)
{
    buf_add_str(b, ",\"status\":{\"code\":");
    buf_add_u64(b, STATUS_ERROR);
    if (message && *message) {
        buf_add_str(b, ",\"message\":");
        jsonw_string(b, str_of(message));
    }
    buf_add_char(b, '}');
}

static unsigned flags_of(const struct otlp_span *s)
{
    return (s->context.sampled ? FLAG_SAMPLED : 0u) | FLAG_REMOTE_KNOWN |
           (s->parent_is_remote ? FLAG_PARENT_REMOTE : 0u);
}

static void add_ids(struct buf *b, const struct otlp_span *s)
{
    add_id(b, "{\"traceId\":\"", s->context.trace_id, TRACE_ID_BYTES);
    add_id(b, ",\"spanId\":\"", s->context.span_id, SPAN_ID_BYTES);
    if (s->parent_id)
        add_id(b, ",\"parentSpanId\":\"", s->parent_id, SPAN_ID_BYTES);
    if (s->context.state && *s->context.state) {
        buf_add_str(b, ",\"traceState\":");
        jsonw_string(b, str_of(s->context.state));
    }
    buf_add_str(b, ",\"flags\":");
    buf_add_u64(b, flags_of(s));
}

void otlp_span_write(const struct otlp_span *s, struct buf *out)
{
    buf_reserve(out, SPAN_BYTES);
    if (out->n)
        buf_add_char(out, ',');
    add_ids(out, s);
    buf_add_str(out, ",\"name\":");
    jsonw_string(out, s->name);
    buf_add_str(out, ",\"kind\":");
    buf_add_u64(out, s->kind);
    add_u64(out, ",\"startTimeUnixNano\":\"", s->start_ns);
    add_u64(out, ",\"endTimeUnixNano\":\"", s->end_ns);
    if (s->n_attributes) {
        buf_add_char(out, ',');
        add_attributes(out, s->attributes, s->n_attributes);
    }
    if (s->event)
        add_event(out, s);
    if (s->failed)
        add_status(out, s->message);
    buf_add_char(out, '}');
}

void otlp_request_write(const struct otlp_resource *r, struct str spans, struct buf *out)
{
    const struct otlp_attribute about[] = {
        OTLP_S("service.name", str_of(r->service)),
        OTLP_S("service.version", STR_LIT(RAGD_VERSION)),
        OTLP_S("service.instance.id", str_of(r->instance)),
    };

    buf_reserve(out, spans.n + SPAN_BYTES);
    buf_add_str(out, "{\"resourceSpans\":[{\"resource\":{");
    add_attributes(out, about, sizeof about / sizeof *about);
    buf_add_str(out, "},\"scopeSpans\":[{\"scope\":{\"name\":\"ragd\",\"version\":\"" RAGD_VERSION
                     "\"},\"spans\":[");
    buf_add_view(out, spans);
    buf_add_str(out, "]}]}]}");
}
