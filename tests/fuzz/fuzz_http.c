/* fuzz_http.c - requests in a row through the gate, as a connection gives them to it.
 *
 * The first byte says in how large pieces they arrive. A head that passed is read again here, by
 * nothing but the grammar: what two programs could read differently must not have passed. */
#include <string.h>

#include "base/err.h"
#include "fuzz/fuzz.h"
#include "server/cache_control.h"
#include "server/gate.h"
#include "server/http.h"

#define HEADER_BYTES 4096

struct seen {
    size_t n_hosts, n_lengths, n_fields;
};

static bool is_name(struct str s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= '0' && s.p[i] <= '9') && !((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z') &&
            !(s.p[i] && strchr(marks, s.p[i])))
            return false;
    return s.n > 0;
}

/* Up to a CRLF; a CR or LF by itself is in no line. */
static struct str next_line(struct str *rest)
{
    size_t n = 0;

    while (n < rest->n && rest->p[n] != '\r' && rest->p[n] != '\n')
        n++;
    FUZZ_TRUE(n + 1 < rest->n && rest->p[n] == '\r' && rest->p[n + 1] == '\n');
    struct str line = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n + 2, rest->n);
    return line;
}

static void check_field(struct str line, struct seen *seen)
{
    const char *colon = memchr(line.p, ':', line.n);

    FUZZ_TRUE(colon != NULL);
    struct str name = str_sub(line, 0, (size_t)(colon - line.p));
    struct str value = str_trim(str_sub(line, name.n + 1, line.n));
    FUZZ_TRUE(is_name(name));
    FUZZ_TRUE(!str_eq_nocase(name, STR_LIT("transfer-encoding")));
    FUZZ_TRUE(!str_eq_nocase(name, STR_LIT("upgrade")));
    for (size_t i = 0; i < value.n; i++)
        FUZZ_TRUE(value.p[i] == '\t' || ((unsigned char)value.p[i] >= 32 && value.p[i] != 127));
    seen->n_fields++;
    seen->n_hosts += str_eq_nocase(name, STR_LIT("host"));
    if (!str_eq_nocase(name, STR_LIT("content-length")))
        return;
    seen->n_lengths++;
    FUZZ_TRUE(value.n > 0 && strspn(value.p, "0123456789") >= value.n);
}

static struct seen check_grammar(struct str head)
{
    struct str rest = head, line = next_line(&rest);
    struct seen seen = {0};
    const char *space = memchr(line.p, ' ', line.n);

    FUZZ_TRUE(space && is_name(str_sub(line, 0, (size_t)(space - line.p))) && space[1] == '/');
    FUZZ_TRUE(str_ends(line, STR_LIT(" HTTP/1.1")) || str_ends(line, STR_LIT(" HTTP/1.0")));
    while ((line = next_line(&rest)).n)
        check_field(line, &seen);
    FUZZ_TRUE(rest.n == 0);
    return seen;
}

/* What a route does with a head. */
static void read_parts(const struct http_head *h, struct arena *mem)
{
    static const char *const known[] = {"id", "limit", NULL};
    struct str path = {"", 0}, id = {NULL, 0};
    struct cache_control c = cache_control_of(h);

    FUZZ_TRUE(c.max_age_s >= 0 && c.max_age_s <= CACHE_CONTROL_S_MAX);
    if (http_percent_decode(h->path, mem, &path) == ERR_OK)
        FUZZ_TRUE(path.n <= h->path.n && !memchr(path.p, 0, path.n));
    if (http_query_param(h->query, "id", mem, &id) == ERR_OK && id.p)
        FUZZ_TRUE(id.n <= h->query.n);
    (void)http_query_only(h->query, known);
    (void)http_accepts(http_field(h, "accept"), "text/event-stream");
    (void)http_media_is(http_field(h, "content-type"), "application/json");
    (void)gate_host_is_local(http_field(h, "host"));
}

static void check_passed(const struct gate *g, struct arena *mem)
{
    struct str head = buf_view(&g->head);
    struct seen seen = check_grammar(head);
    struct http_head h;

    FUZZ_TRUE(seen.n_hosts <= 1 && (seen.n_hosts == 1 || g->http_minor == 0));
    FUZZ_TRUE(seen.n_lengths <= 1 && g->content_length >= 0);
    FUZZ_TRUE(seen.n_lengths == (size_t)g->has_length);
    FUZZ_TRUE(g->n_seen <= HEADER_BYTES && head.n <= g->n_seen);
    FUZZ_TRUE(http_parse_head(head, mem, &h) == ERR_OK);
    FUZZ_TRUE(h.n_fields == seen.n_fields && h.http_minor == g->http_minor);
    FUZZ_TRUE(str_starts(head, h.method) && head.p[h.method.n] == ' ');
    FUZZ_TRUE(h.target.p == head.p + h.method.n + 1);
    FUZZ_TRUE(str_eq(http_path_of(head), h.path));
    read_parts(&h, mem);
}

/* The verdict of one head, `step` bytes at a time; *used is how far it came. */
static enum gate_verdict feed(struct gate *g, struct str in, size_t step, size_t *used)
{
    enum gate_verdict v = GATE_MORE;

    *used = 0;
    while (v == GATE_MORE && *used < in.n) {
        size_t n = in.n - *used < step ? in.n - *used : step, took = 0;

        v = gate_feed(g, in.p + *used, n, &took);
        FUZZ_TRUE(took <= n && (v != GATE_MORE || took == n));
        *used += took;
    }
    return v;
}

/* False when there is no request behind it. */
static bool one_request(struct str *rest, size_t step, struct arena *mem)
{
    const struct gate_limits limits = {.header_bytes = HEADER_BYTES};
    struct gate g, whole;
    size_t used, used_whole, body;
    enum gate_verdict v;

    gate_init(&g, &limits);
    gate_init(&whole, &limits);
    v = feed(&g, *rest, step, &used);
    FUZZ_TRUE(feed(&whole, *rest, rest->n + 1, &used_whole) == v);
    FUZZ_TRUE(used == used_whole && str_eq(buf_view(&g.head), buf_view(&whole.head)));
    (void)http_path_of(buf_view(&g.head));
    if (v == GATE_PASSED)
        check_passed(&g, mem);
    else if (v == GATE_REFUSED)
        FUZZ_TRUE(g.status >= 400 && g.status < 500 && g.reason);
    *rest = str_sub(*rest, used, rest->n);
    body = (uint64_t)g.content_length < rest->n ? (size_t)g.content_length : rest->n;
    *rest = str_sub(*rest, body, rest->n);
    gate_done(&g);
    gate_done(&whole);
    return v == GATE_PASSED && rest->n;
}

FUZZ_TARGET(http)
{
    size_t step = (size_t)fuzz_byte(&in) + 1;

    while (one_request(&in, step, mem))
        ;
}
