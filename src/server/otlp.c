#include "server/otlp.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/jsonw.h"

#define STATUS_ERROR 2

/* Bits 8 and 9 of a span's flags: whether its parent is known to be of another process. */
#define FLAG_SAMPLED       0x001
#define FLAG_REMOTE_KNOWN  0x100
#define FLAG_PARENT_REMOTE 0x200

void otlp_add(struct otlp_span *s, struct otlp_attribute a)
{
    CHECK(s->n_attributes < OTLP_ATTRIBUTES_MAX);
    s->attributes[s->n_attributes++] = a;
}

static void write_id(struct jsonw *w, const char *key, const unsigned char *id, size_t n)
{
    char hex[TRACE_ID_HEX];

    trace_hex(id, n, hex);
    jsonw_key(w, key), jsonw_cstr(w, hex);
}

/* 64 bits are a string. */
static void write_u64(struct jsonw *w, const char *key, uint64_t v)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, v);
    jsonw_key(w, key), jsonw_cstr(w, text);
}

static void write_list(struct jsonw *w, struct str words)
{
    jsonw_key(w, "arrayValue"), jsonw_open(w, '{');
    jsonw_key(w, "values"), jsonw_open(w, '[');
    while (words.n) {
        const char *space = memchr(words.p, ' ', words.n);
        size_t n = space ? (size_t)(space - words.p) : words.n;

        jsonw_open(w, '{');
        jsonw_key(w, "stringValue"), jsonw_str(w, str_sub(words, 0, n));
        jsonw_close(w, '}');
        words = str_sub(words, space ? n + 1 : n, words.n);
    }
    jsonw_close(w, ']');
    jsonw_close(w, '}');
}

static void write_attribute(struct jsonw *w, const struct otlp_attribute *a)
{
    char number[24];

    jsonw_open(w, '{');
    jsonw_key(w, "key"), jsonw_cstr(w, a->key);
    jsonw_key(w, "value"), jsonw_open(w, '{');
    switch (a->type) {
    case OTLP_TEXT: jsonw_key(w, "stringValue"), jsonw_str(w, a->text); break;
    case OTLP_INT:
        snprintf(number, sizeof number, "%" PRId64, a->number);
        jsonw_key(w, "intValue"), jsonw_cstr(w, number);
        break;
    case OTLP_REAL: jsonw_key(w, "doubleValue"), jsonw_real(w, a->real); break;
    case OTLP_BOOL: jsonw_key(w, "boolValue"), jsonw_bool(w, a->number != 0); break;
    case OTLP_LIST: write_list(w, a->text); break;
    }
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}

static void write_attributes(struct jsonw *w, const struct otlp_attribute *a, size_t n)
{
    jsonw_key(w, "attributes"), jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++)
        write_attribute(w, &a[i]);
    jsonw_close(w, ']');
}

static void write_event(struct jsonw *w, const struct otlp_span *s)
{
    jsonw_key(w, "events"), jsonw_open(w, '[');
    jsonw_open(w, '{');
    write_u64(w, "timeUnixNano", s->event_ns);
    jsonw_key(w, "name"), jsonw_cstr(w, s->event);
    jsonw_close(w, '}');
    jsonw_close(w, ']');
}

static void write_status(struct jsonw *w, const struct otlp_span *s)
{
    jsonw_key(w, "status"), jsonw_open(w, '{');
    jsonw_key(w, "code"), jsonw_int(w, STATUS_ERROR);
    if (s->message && *s->message)
        jsonw_key(w, "message"), jsonw_cstr(w, s->message);
    jsonw_close(w, '}');
}

static int64_t flags_of(const struct otlp_span *s)
{
    return (s->context.sampled ? FLAG_SAMPLED : 0) | FLAG_REMOTE_KNOWN |
           (s->parent_is_remote ? FLAG_PARENT_REMOTE : 0);
}

void otlp_span_write(const struct otlp_span *s, struct buf *out)
{
    struct jsonw w = {out, out->n > 0};

    jsonw_open(&w, '{');
    write_id(&w, "traceId", s->context.trace_id, TRACE_ID_BYTES);
    write_id(&w, "spanId", s->context.span_id, SPAN_ID_BYTES);
    if (s->parent_id)
        write_id(&w, "parentSpanId", s->parent_id, SPAN_ID_BYTES);
    if (s->context.state && *s->context.state)
        jsonw_key(&w, "traceState"), jsonw_cstr(&w, s->context.state);
    jsonw_key(&w, "flags"), jsonw_int(&w, flags_of(s));
    jsonw_key(&w, "name"), jsonw_str(&w, s->name);
    jsonw_key(&w, "kind"), jsonw_int(&w, s->kind);
    write_u64(&w, "startTimeUnixNano", s->start_ns);
    write_u64(&w, "endTimeUnixNano", s->end_ns);
    if (s->n_attributes)
        write_attributes(&w, s->attributes, s->n_attributes);
    if (s->event)
        write_event(&w, s);
    if (s->failed)
        write_status(&w, s);
    jsonw_close(&w, '}');
}

void otlp_request_write(const struct otlp_resource *r, struct str spans, struct buf *out)
{
    const struct otlp_attribute about[] = {
        OTLP_S("service.name", str_of(r->service)),
        OTLP_S("service.version", STR_LIT(RAGD_VERSION)),
        OTLP_S("service.instance.id", str_of(r->instance)),
    };
    struct jsonw w = jsonw_to(out);

    buf_reserve(out, spans.n + 512);
    jsonw_open(&w, '{');
    jsonw_key(&w, "resourceSpans"), jsonw_open(&w, '['), jsonw_open(&w, '{');
    jsonw_key(&w, "resource"), jsonw_open(&w, '{');
    write_attributes(&w, about, sizeof about / sizeof *about);
    jsonw_close(&w, '}');
    jsonw_key(&w, "scopeSpans"), jsonw_open(&w, '['), jsonw_open(&w, '{');
    jsonw_key(&w, "scope"), jsonw_open(&w, '{');
    jsonw_key(&w, "name"), jsonw_cstr(&w, "ragd");
    jsonw_key(&w, "version"), jsonw_cstr(&w, RAGD_VERSION);
    jsonw_close(&w, '}');
    jsonw_key(&w, "spans"), jsonw_open(&w, '['), jsonw_raw(&w, spans), jsonw_close(&w, ']');
    jsonw_close(&w, '}'), jsonw_close(&w, ']');
    jsonw_close(&w, '}'), jsonw_close(&w, ']');
    jsonw_close(&w, '}');
}
