#include "server/gate.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct gate_limits limits = {.header_bytes = 16384, .local_hosts_only = true};

/* Feeds in pieces of `step` bytes; returns 0 when it passes, the status when refused, -1 when it
 * wants more. *used: how many bytes were taken. */
static int judge_in_steps(struct str s, size_t step, size_t *used, struct buf *head)
{
    struct gate g;
    enum gate_verdict v = GATE_MORE;
    int status;

    gate_init(&g, &limits);
    *used = 0;
    while (*used < s.n && v == GATE_MORE) {
        size_t n = s.n - *used < step ? s.n - *used : step, took;

        v = gate_feed(&g, s.p + *used, n, &took);
        *used += took;
    }
    status = v == GATE_PASSED ? 0 : v == GATE_REFUSED ? g.status : -1;
    if (v == GATE_REFUSED)
        cr_assert_not_null(g.reason);
    if (head)
        buf_add_view(head, buf_view(&g.head));
    gate_done(&g);
    return status;
}

static int judge_bytes(struct str s)
{
    size_t whole, single;
    int status = judge_in_steps(s, s.n, &whole, NULL);

    cr_expect_eq(judge_in_steps(s, 1, &single, NULL), status, "pieces must not matter");
    cr_expect_eq(whole, single);
    return status;
}

static int judge(const char *s)
{
    return judge_bytes(str_of(s));
}

Test(gate, passes_what_clients_send)
{
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 0);
    cr_expect_eq(judge("GET /a%20b?x=1&y=%2F HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"), 0);
    cr_expect_eq(judge("POST /query HTTP/1.1\r\nHOST:[::1]:80\r\ncontent-length:\t5 \r\n\r\n"), 0);
    cr_expect_eq(judge("GET / HTTP/1.0\r\n\r\n"), 0, "HTTP/1.0 needs no Host");
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\nX:\r\nY: \xc3\xa9\r\n\r\n"), 0);
}

Test(gate, wants_more_until_the_empty_line)
{
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\n"), -1);
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\n\r"), -1);
}

Test(gate, stops_at_the_end_of_the_head)
{
    struct str s = STR_LIT("GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /next");
    size_t used;

    cr_expect_eq(judge_in_steps(s, s.n, &used, NULL), 0);
    cr_expect_eq(used, s.n - strlen("GET /next"));
}

Test(gate, refuses_two_content_lengths)
{
    cr_expect_eq(judge("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                       "Content-Length: 6\r\n\r\n"),
                 400);
    cr_expect_eq(judge("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                       "content-length: 5\r\n\r\n"),
                 400, "even when they agree");
}

Test(gate, refuses_content_length_with_chunked)
{
    cr_expect_eq(judge("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n"),
                 411);
}

Test(gate, refuses_unknown_transfer_codings)
{
    cr_expect_eq(judge("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n"),
                 411);
}

Test(gate, refuses_space_before_the_colon)
{
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length : 5\r\n\r\n"), 400);
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding\t: x\r\n\r\n"), 400);
}

Test(gate, refuses_folded_lines)
{
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n"), 400);
    cr_expect_eq(judge("GET / HTTP/1.1\r\n Host: localhost\r\n\r\n"), 400);
}

Test(gate, refuses_a_bare_line_feed_at_once)
{
    struct str s = STR_LIT("GET / HTTP/1.1\r\nHost: localhost\nmore that is not looked at");
    size_t used;

    cr_expect_eq(judge_in_steps(s, s.n, &used, NULL), 400);
    cr_expect_eq(used, strlen("GET / HTTP/1.1\r\nHost: localhost\n"));
    cr_expect_eq(judge("GET / HTTP/1.1\nHost: localhost\r\n\r\n"), 400);
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\n\n"), 400);
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: local\rhost\r\n\r\n"), 400, "nor a bare CR");
}

Test(gate, refuses_nul)
{
    cr_expect_eq(judge_bytes(STR_LIT("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n")), 400);
    cr_expect_eq(judge_bytes(STR_LIT("GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n")), 400);
    cr_expect_eq(judge_bytes(STR_LIT("G\0T / HTTP/1.1\r\nHost: localhost\r\n\r\n")), 400);
}

Test(gate, content_length_is_digits)
{
    const char *bad[] = {"",    "+5",   "-1",  "5, 5", "0x5",
                         "5 6", "five", "5.0", "５",   "99999999999999999999x"};
    char s[200];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(s, sizeof s, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %s\r\n\r\n",
                 bad[i]);
        cr_expect_eq(judge(s), 400, "'%s'", bad[i]);
    }
}

Test(gate, a_length_that_does_not_fit_is_too_large)
{
    cr_expect_eq(judge("POST / HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Length: 99999999999999999999999999\r\n\r\n"),
                 413);
    cr_expect_eq(judge("POST / HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Length: 9223372036854775807\r\n\r\n"),
                 0, "the largest that fits: the route's limit refuses it");
}

Test(gate, one_host_that_is_this_machine)
{
    cr_expect_eq(judge("GET / HTTP/1.1\r\n\r\n"), 400);
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"), 400);
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"), 421);
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost.example.com\r\n\r\n"), 421);
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost:80x\r\n\r\n"), 421);
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: user@localhost\r\n\r\n"), 400);
}

Test(gate, only_versions_1_0_and_1_1)
{
    const char *bad[] = {"HTTP/2.0",  "HTTP/0.9",  "HTTP/1.2", "http/1.1",
                         "HTTP/1.1 ", "HTTP/1.10", ""};
    char s[100];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(s, sizeof s, "GET / %s\r\nHost: localhost\r\n\r\n", bad[i]);
        cr_expect_eq(judge(s), 400, "'%s'", bad[i]);
    }
    cr_expect_eq(judge("GET /\r\nHost: localhost\r\n\r\n"), 400);
}

Test(gate, methods_that_are_not_served)
{
    cr_expect_eq(judge("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
    cr_expect_eq(judge("TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
    cr_expect_eq(judge("get / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
    cr_expect_eq(judge("PROPFIND / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
    cr_expect_eq(judge("\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
    cr_expect_eq(judge(" GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
}

Test(gate, targets_are_paths)
{
    cr_expect_eq(judge("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
    cr_expect_eq(judge("GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
    cr_expect_eq(judge("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
    cr_expect_eq(judge("GET /\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
    cr_expect_eq(judge("GET /#x HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
}

Test(gate, limits_have_their_own_status)
{
    struct buf b = {0};

    buf_add_str(&b, "GET /");
    for (int i = 0; i < GATE_TARGET_MAX; i++)
        buf_add_char(&b, 'a');
    buf_add_str(&b, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_expect_eq(judge_bytes(buf_view(&b)), 414);

    buf_clear(&b);
    buf_add_str(&b, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ");
    for (int i = 0; i < 16384; i++)
        buf_add_char(&b, 'a');
    cr_expect_eq(judge_bytes(buf_view(&b)), 431);

    buf_clear(&b);
    buf_add_str(&b, "GET / HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < GATE_FIELDS_MAX; i++)
        buf_add_str(&b, "X: a\r\n");
    buf_add_str(&b, "\r\n");
    cr_expect_eq(judge_bytes(buf_view(&b)), 431);
    buf_done(&b);
}

Test(gate, the_parser_never_sees_an_upgrade)
{
    struct str s = STR_LIT("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nX: 1\r\n\r\n");
    struct buf head = {0};
    size_t used;

    cr_expect_eq(judge_in_steps(s, s.n, &used, &head), 0);
    cr_expect_str_eq(head.p, "GET / HTTP/1.1\r\nHost: localhost\r\nX: 1\r\n\r\n");
    buf_done(&head);
}

Test(gate, expectations)
{
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n"), 0);
    cr_expect_eq(judge("GET / HTTP/1.1\r\nHost: localhost\r\nExpect: the worst\r\n\r\n"), 417);
}

/* ---- 500 bad requests from a seed ---- */

static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Damages a good request in one of the ways that no client of ours may. */
static void damage(struct buf *b, unsigned *seed)
{
    static const char *const lines[] = {
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Content-Length: 3\r\n",
        "Content-Length : 3\r\n",
        " folded\r\n",
        "\tfolded\r\n",
        "no colon\r\n",
        ": no name\r\n",
        "Bad(Name): x\r\n",
        "Host: localhost\r\n",
        "X: \x01\r\n",
        "X: a\nY: b\r\n",
        "X: a\r\r\n",
        "Host: evil.example\r\n",
    };
    char junk[] = {'\n', '\0', '\r', '\x7f', '\x01', '\x0b'};
    const char *end = strstr(b->p, "\r\n");
    size_t at = (size_t)(end - b->p) + 2, n_tail;
    char tail[512];

    if (next_random(seed) % 3 == 0) { /* a control character somewhere in the head */
        size_t i = next_random(seed) % (b->n - 4);
        char c = junk[next_random(seed) % sizeof junk];

        b->p[i] = b->p[i] == c ? '\0' : c;
        return;
    }
    n_tail = b->n - at;
    memcpy(tail, b->p + at, n_tail);
    buf_cut(b, at);
    buf_add_str(b, lines[next_random(seed) % (sizeof lines / sizeof *lines)]);
    buf_add(b, tail, n_tail);
}

Test(gate, five_hundred_bad_requests_are_refused)
{
    unsigned seed = 20260301;

    for (int i = 0; i < 500; i++) {
        struct buf b = {0};
        int status;

        buf_addf(&b,
                 "POST /query?x=%u HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                 "X-%u: %u\r\n\r\n",
                 next_random(&seed), next_random(&seed) % 100, next_random(&seed));
        damage(&b, &seed);
        status = judge_bytes(buf_view(&b));
        cr_assert(status >= 400 && status < 500, "request %d: status %d: %s", i, status, b.p);
        buf_done(&b);
    }
}

Test(gate, local_names)
{
    cr_expect(gate_host_is_local(STR_LIT("LOCALHOST")));
    cr_expect(gate_host_is_local(STR_LIT("127.0.0.1:65535")));
    cr_expect(gate_host_is_local(STR_LIT("[::1]")));
    cr_expect_not(gate_host_is_local(STR_LIT("127.0.0.1.nip.io")));
    cr_expect_not(gate_host_is_local(STR_LIT("localhost:123456")));
    cr_expect_not(gate_host_is_local(STR_LIT("")));
    cr_expect_not(gate_host_is_local(STR_LIT("127.0.0.2")));
}
