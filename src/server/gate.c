#include "server/gate.h"

#include <string.h>

#include "base/check.h"

/* A head of a usual client does not make the buffer grow. */
#define USUAL_HEAD_BYTES 511

enum state {
    METHOD,
    TARGET,
    VERSION,
    VERSION_LF,
    LINE,
    NAME,
    VALUE,
    VALUE_LF,
    END_LF,
    PASSED,
    REFUSED
};

/* RFC 9110: what may stand in a method or a field name. */
static const bool tokens[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

static bool is_token(unsigned char c)
{
    return tokens[c];
}

static bool is_value_char(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

void gate_init(struct gate *g, const struct gate_limits *limits)
{
    *g = (struct gate){.limits = limits, .state = METHOD};
    buf_init(&g->head);
    buf_reserve(&g->head, USUAL_HEAD_BYTES);
}

void gate_done(struct gate *g)
{
    buf_done(&g->head);
}

static void refuse(struct gate *g, int status, const char *reason)
{
    g->state = REFUSED;
    g->status = status;
    g->reason = reason;
}

/* What stands in head from `at` up to the byte just taken. */
static struct str token_from(const struct gate *g, size_t at)
{
    return (struct str){g->head.p + at, g->head.n - 1 - at};
}

static bool is_served(struct str method)
{
    static const char *const served[] = {"GET",    "HEAD",  "POST",   "PUT",
                                         "DELETE", "PATCH", "OPTIONS"};

    for (size_t i = 0; i < sizeof served / sizeof *served; i++)
        if (str_eq(method, str_of(served[i])))
            return true;
    return false;
}

static void method_ends(struct gate *g)
{
    if (!is_served(token_from(g, g->at_token))) {
        refuse(g, 405, "this method is not served; use one of " GATE_METHODS);
        return;
    }
    g->state = TARGET;
    g->at_token = g->head.n;
}

static void version_ends(struct gate *g)
{
    struct str v = token_from(g, g->at_token);

    if (str_eq(v, STR_LIT("HTTP/1.1")))
        g->http_minor = 1;
    else if (str_eq(v, STR_LIT("HTTP/1.0")))
        g->http_minor = 0;
    else {
        refuse(g, 400, "the request line must end in HTTP/1.0 or HTTP/1.1");
        return;
    }
    g->state = VERSION_LF;
}

bool gate_host_is_local(struct str host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct str name = str_of(names[i]);
        struct str rest;

        if (host.n < name.n || !str_eq_nocase(str_sub(host, 0, name.n), name))
            continue;
        rest = str_sub(host, name.n, host.n);
        if (rest.n == 0)
            return true;
        if (rest.p[0] != ':' || rest.n > 6)
            continue;
        rest = str_sub(rest, 1, rest.n);
        while (rest.n && rest.p[0] >= '0' && rest.p[0] <= '9')
            rest = str_sub(rest, 1, rest.n);
        return rest.n == 0;
    }
    return false;
}

static bool is_host_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr(".-_:[]", c));
}

static void check_host(struct gate *g, struct str value)
{
    if (g->has_host) {
        refuse(g, 400, "more than one Host");
        return;
    }
    g->has_host = true;
    for (size_t i = 0; i < value.n; i++) {
        if (!is_host_char((unsigned char)value.p[i])) {
            refuse(g, 400, "Host must be a name and perhaps a port");
            return;
        }
    }
    if (g->limits->local_hosts_only && !gate_host_is_local(value))
        refuse(
            g, 421,
            "without API keys this server answers only to localhost, 127.0.0.1 and [::1] as Host");
}

static void check_length(struct gate *g, struct str value)
{
    int64_t n = 0;
    bool fits = true;

    if (g->has_length) {
        refuse(g, 400, "more than one Content-Length");
        return;
    }
    g->has_length = true;
    for (size_t i = 0; i < value.n; i++) {
        int digit = value.p[i] - '0';

        if (digit < 0 || digit > 9) {
            refuse(g, 400, "Content-Length must be digits");
            return;
        }
        fits = fits && n <= (INT64_MAX - digit) / 10;
        n = fits ? n * 10 + digit : 0;
    }
    if (value.n == 0)
        refuse(g, 400, "Content-Length must be digits");
    else if (!fits)
        refuse(g, 413, "Content-Length is over every limit (limits.body_bytes, documents_bytes)");
    g->content_length = n;
}

static void check_expectation(struct gate *g, struct str value)
{
    if (!str_eq_nocase(value, STR_LIT("100-continue")))
        refuse(g, 417, "the only expectation known is 100-continue");
    g->expect_continue = true;
}

/* The lengths first: most fields are none of ours. */
#define IS_FIELD(name, literal)                                                                    \
    ((name).n == sizeof(literal) - 1 && str_eq_nocase(name, STR_LIT(literal)))

/* A field line is whole in head, its CRLF included. */
static void field_ends(struct gate *g)
{
    struct str name = {g->head.p + g->at_token, g->at_value - 1 - g->at_token};
    struct str value = str_trim(token_from(g, g->at_value));

    g->state = LINE;
    if (++g->n_fields > GATE_FIELDS_MAX)
        refuse(g, 431, "more than 100 header fields");
    else if (IS_FIELD(name, "host"))
        check_host(g, value);
    else if (IS_FIELD(name, "content-length"))
        check_length(g, value);
    else if (IS_FIELD(name, "transfer-encoding"))
        refuse(g, 411, "Transfer-Encoding is not taken: send a Content-Length");
    else if (IS_FIELD(name, "upgrade"))
        buf_cut(&g->head, g->at_token);
    else if (IS_FIELD(name, "expect"))
        check_expectation(g, value);
}

static void head_ends(struct gate *g)
{
    if (g->http_minor == 1 && !g->has_host)
        refuse(g, 400, "HTTP/1.1 needs a Host");
    else
        g->state = PASSED;
}

static void in_request_line(struct gate *g, unsigned char c)
{
    size_t n_token = g->head.n - 1 - g->at_token;

    switch (g->state) {
    case METHOD:
        if (c == ' ' && n_token > 0)
            method_ends(g);
        else if (!is_token(c))
            refuse(g, 400, "the request must begin with a method and one space");
        else if (n_token == GATE_METHOD_MAX)
            refuse(g, 405, "this method is not served; use one of " GATE_METHODS);
        break;
    case TARGET:
        if (c == ' ' && n_token > 0) {
            g->state = VERSION;
            g->at_token = g->head.n;
        } else if (n_token == 0 && c != '/') {
            refuse(g, 400, "the request target must begin with '/'");
        } else if (c <= 0x20 || c >= 0x7f || c == '#') {
            refuse(g, 400, "the request target has a byte that must be percent-encoded");
        } else if (n_token == GATE_TARGET_MAX) {
            refuse(g, 414, "the request target is over the limit of 8192 bytes");
        }
        break;
    case VERSION:
        if (c == '\r')
            version_ends(g);
        else if (n_token == GATE_VERSION_LEN || c <= 0x20 || c >= 0x7f)
            refuse(g, 400, "the request line must end in HTTP/1.0 or HTTP/1.1 and CRLF");
        break;
    }
}

static void in_field(struct gate *g, unsigned char c)
{
    switch (g->state) {
    case LINE:
        if (c == '\r') {
            g->state = END_LF;
        } else if (c == ' ' || c == '\t') {
            refuse(g, 400, "a folded header line");
        } else if (!is_token(c)) {
            refuse(g, 400, "a header line must begin with a name");
        } else {
            g->state = NAME;
            g->at_token = g->head.n - 1;
        }
        break;
    case NAME:
        if (c == ':') {
            g->state = VALUE;
            g->at_value = g->head.n;
        } else if (!is_token(c)) {
            refuse(g, 400, "a header name must be a token directly followed by ':'");
        }
        break;
    case VALUE:
        if (c == '\r')
            g->state = VALUE_LF;
        else if (!is_value_char(c))
            refuse(g, 400, "a control character in a header value, or a line that ends without CR");
        break;
    }
}

static void at_line_end(struct gate *g, unsigned char c)
{
    if (c != '\n')
        refuse(g, 400, "a CR without LF");
    else if (g->state == END_LF)
        head_ends(g);
    else if (g->state == VALUE_LF)
        field_ends(g);
    else
        g->state = LINE;
}

static void take(struct gate *g, unsigned char c)
{
    buf_add_char(&g->head, (char)c);
    if (g->state <= VERSION)
        in_request_line(g, c);
    else if (g->state == VERSION_LF || g->state == VALUE_LF || g->state == END_LF)
        at_line_end(g, c);
    else
        in_field(g, c);
}

/* How many of the bytes that come only make the name or value longer: most of a head. */
static size_t plain_run(const struct gate *g, const char *p, size_t n)
{
    size_t i = 0;

    if (g->state == NAME)
        while (i < n && is_token((unsigned char)p[i]))
            i++;
    else if (g->state == VALUE)
        while (i < n && is_value_char((unsigned char)p[i]))
            i++;
    return i;
}

enum gate_verdict gate_feed(struct gate *g, const char *p, size_t n, size_t *used)
{
    size_t i = 0;

    DCHECK(g->state < PASSED);
    while (i < n && g->state < PASSED) {
        size_t left = g->limits->header_bytes - g->n_seen;
        size_t run = plain_run(g, p + i, n - i < left ? n - i : left);

        if (left == 0) {
            refuse(g, 431, "the request's head is over the limit (limits.header_bytes)");
            break;
        }
        if (run) {
            buf_add(&g->head, p + i, run);
        } else {
            take(g, (unsigned char)p[i]);
            run = 1;
        }
        g->n_seen += run;
        i += run;
    }
    *used = i;
    return g->state == PASSED ? GATE_PASSED : g->state == REFUSED ? GATE_REFUSED : GATE_MORE;
}
