#include "server/http.h"

#include <errno.h>
#include <http_parser.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "base/utf8.h"
#include "server/gate.h"

/* ---- the parser behind the gate ---- */

/* The head is one piece of memory, so each callback comes once for each name and value. */
struct parse {
    struct http_head *head;
    struct http_field fields[GATE_FIELDS_MAX];
    bool complete;
};

static int on_url(http_parser *p, const char *at, size_t n)
{
    struct parse *s = p->data;

    s->head->target = (struct str){at, n};
    return 0;
}

static int on_name(http_parser *p, const char *at, size_t n)
{
    struct parse *s = p->data;

    if (s->head->n_fields == GATE_FIELDS_MAX)
        return 1;
    s->fields[s->head->n_fields++] = (struct http_field){{at, n}, {at + n, 0}};
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
    struct parse *s = p->data;

    s->fields[s->head->n_fields - 1].value = (struct str){at, n};
    return 0;
}

/* Stops here: the body is counted by us, from the length that the gate has read. */
static int on_headers_complete(http_parser *p)
{
    struct parse *s = p->data;

    s->complete = true;
    http_parser_pause(p, 1);
    return 0;
}

static void split_target(struct http_head *h)
{
    const char *mark = memchr(h->target.p, '?', h->target.n);
    size_t n = mark ? (size_t)(mark - h->target.p) : h->target.n;

    h->path = str_sub(h->target, 0, n);
    h->query = mark ? str_sub(h->target, n + 1, h->target.n) : (struct str){"", 0};
}

int http_parse_head(struct str head, struct arena *mem, struct http_head *out)
{
    http_parser_settings on;
    http_parser p;
    struct http_head h = {0};
    struct parse s = {.head = &h};

    http_parser_settings_init(&on);
    on.on_url = on_url;
    on.on_header_field = on_name;
    on.on_header_value = on_value;
    on.on_headers_complete = on_headers_complete;
    http_parser_init(&p, HTTP_REQUEST);
    p.data = &s;
    http_parser_execute(&p, &on, head.p, head.n);
    if (!s.complete || HTTP_PARSER_ERRNO(&p) != HPE_PAUSED)
        return FAIL(ERR_FORMAT, "the request's head: %s",
                    http_errno_description(HTTP_PARSER_ERRNO(&p)));
    h.method = str_of(http_method_str((enum http_method)p.method));
    h.http_minor = p.http_minor;
    h.keep_alive = http_should_keep_alive(&p) != 0;
    h.fields = arena_dup(mem, s.fields, h.n_fields * sizeof *s.fields);
    split_target(&h);
    *out = h;
    return ERR_OK;
}

struct str http_path_of(struct str head)
{
    const char *end = head.p + head.n;
    const char *from = head.n ? memchr(head.p, ' ', head.n) : NULL, *to;

    if (!from)
        return (struct str){"", 0};
    for (to = ++from; to < end && *to != ' ' && *to != '?' && *to != '\r'; to++)
        ;
    return to < end ? (struct str){from, (size_t)(to - from)} : (struct str){"", 0};
}

/* ---- fields ---- */

struct str http_field(const struct http_head *h, const char *name)
{
    for (size_t i = 0; i < h->n_fields; i++)
        if (str_eq_nocase(h->fields[i].name, str_of(name)))
            return str_trim(h->fields[i].value);
    return (struct str){NULL, 0};
}

/* Cuts the part before the first `sep` off *rest. False at the end. */
static bool next_part(struct str *rest, char sep, struct str *part)
{
    const char *at;
    size_t n;

    if (!rest->p)
        return false;
    at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
    n = at ? (size_t)(at - rest->p) : rest->n;
    *part = str_sub(*rest, 0, n);
    *rest = at ? str_sub(*rest, n + 1, rest->n) : (struct str){NULL, 0};
    return true;
}

bool http_media_is(struct str value, const char *type)
{
    struct str part = {NULL, 0};

    return next_part(&value, ';', &part) && str_eq_nocase(str_trim(part), str_of(type));
}

static bool is_zero_weight(struct str parameters)
{
    struct str part;

    while (next_part(&parameters, ';', &part)) {
        part = str_trim(part);
        if (part.n >= 3 && (part.p[0] | 0x20) == 'q' && part.p[1] == '=') {
            for (size_t i = 2; i < part.n; i++)
                if (part.p[i] >= '1' && part.p[i] <= '9')
                    return false;
            return true;
        }
    }
    return false;
}

bool http_accepts(struct str accept, const char *type)
{
    struct str entry;

    while (next_part(&accept, ',', &entry)) {
        struct str rest = entry, media;

        next_part(&rest, ';', &media);
        if (str_eq_nocase(str_trim(media), str_of(type)))
            return !is_zero_weight(rest);
    }
    return false;
}

/* ---- targets ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

static int decode(struct str in, bool plus_is_space, struct arena *mem, struct str *out)
{
    char *p = arena_alloc(mem, in.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];

        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < in.n ? hex_digit(in.p[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(in.p[i + 2]) : -1;

            if (low < 0)
                return FAIL(ERR_ARGUMENT,
                            "a '%%' in the target must be followed by two hex digits");
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return FAIL(ERR_ARGUMENT, "a NUL in the request target");
        p[n++] = c;
    }
    if (!utf8_valid(p, n))
        return FAIL(ERR_ARGUMENT, "the request target is not UTF-8");
    p[n] = '\0';
    *out = (struct str){p, n};
    return ERR_OK;
}

int http_percent_decode(struct str in, struct arena *mem, struct str *out)
{
    return decode(in, false, mem, out);
}

static bool next_param(struct str *rest, struct str *name, struct str *value)
{
    struct str pair;

    while (next_part(rest, '&', &pair)) {
        if (pair.n == 0)
            continue;
        *value = pair;
        next_part(value, '=', name);
        if (!value->p)
            *value = (struct str){"", 0};
        return true;
    }
    return false;
}

int http_query_param(struct str query, const char *name, struct arena *mem, struct str *out)
{
    struct str key, value;

    while (next_param(&query, &key, &value))
        if (str_eq(key, str_of(name)))
            return decode(value, true, mem, out);
    return ERR_OK;
}

int http_query_only(struct str query, const char *const *known)
{
    struct str key, value;

    while (next_param(&query, &key, &value)) {
        const char *const *k = known;

        while (*k && !str_eq(key, str_of(*k)))
            k++;
        if (!*k)
            return FAIL(ERR_ARGUMENT, "this route has no parameter '%.*s'",
                        (int)(key.n < 64 ? key.n : 64), key.p);
    }
    return ERR_OK;
}

/* ---- replies ---- */

const char *http_reason(int status)
{
    switch (status) {
#define XX(num, name, string)                                                                      \
    case num: return #string;
        HTTP_STATUS_MAP(XX)
#undef XX
    }
    return "Unknown";
}

int http_status_of(int rc)
{
    switch (rc) {
    case ERR_FORMAT:
    case ERR_ARGUMENT:
    case ERR_UNSUPPORTED: return 400;
    case ERR_FORBIDDEN: return 403;
    case ERR_NOT_FOUND: return 404;
    case ERR_EXISTS: return 409;
    case ERR_LIMIT: return 413;
    case ERR_MISMATCH: return 422;
    case ERR_BUSY:
    case ERR_CANCELLED:
    case ERR_UNAVAILABLE:
    case ERR_GONE: return 503;
    case ERR_TIMEOUT: return 504;
    case ERR_NO_SPACE: return 507;
    default: return rc >= 0 ? 200 : 500;
    }
}

void http_problem(struct buf *out, int status, const char *code, struct str detail)
{
    struct jsonw w = jsonw_to(out);

    jsonw_open(&w, '{');
    jsonw_key(&w, "type"), jsonw_cstr(&w, "about:blank");
    jsonw_key(&w, "title"), jsonw_cstr(&w, http_reason(status));
    jsonw_key(&w, "status"), jsonw_int(&w, status);
    jsonw_key(&w, "code"), jsonw_cstr(&w, code);
    jsonw_key(&w, "detail"), jsonw_str(&w, detail);
    jsonw_close(&w, '}');
}

#define ID_BYTES 16

static void draw(unsigned char *bytes, size_t n)
{
    for (size_t at = 0; at < n;) { /* a signal may cut it short */
        ssize_t some = getrandom(bytes + at, n - at, 0);

        CHECK(some > 0 || errno == EINTR);
        at += some > 0 ? (size_t)some : 0;
    }
}

void http_random_bytes(struct id_source *ids, void *out, size_t n)
{
    if (!ids) {
        draw(out, n);
        return;
    }
    if (ids->left < n) {
        draw(ids->bytes, sizeof ids->bytes);
        ids->left = sizeof ids->bytes;
    }
    ids->left -= n;
    memcpy(out, ids->bytes + ids->left, n);
}

void http_random_id(struct id_source *ids, const char *prefix, char *out)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char b[ID_BYTES];

    http_random_bytes(ids, b, ID_BYTES);
    out = stpcpy(out, prefix);
    for (size_t i = 0; i < ID_BYTES; i++) {
        *out++ = hex[b[i] >> 4];
        *out++ = hex[b[i] & 15];
    }
    *out = '\0';
}

void http_request_id(struct id_source *ids, struct str wanted, char out[REQUEST_ID_MAX + 1])
{
    bool sane = wanted.n >= 1 && wanted.n <= REQUEST_ID_MAX;

    for (size_t i = 0; sane && i < wanted.n; i++) {
        char c = wanted.p[i];

        sane = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    }
    if (!sane) {
        http_random_id(ids, "", out);
        return;
    }
    memcpy(out, wanted.p, wanted.n);
    out[wanted.n] = '\0';
}

void http_quote(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c >= 0x7f)
            c = '?';
        if (c == '"' || c == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}
