#include "net/sse_reader.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/err.h"

#define EVENT_MAX 1000

/* Events as one text: "name|data|id;" each. */
struct log {
    struct buf text;
    int refuse_after; /* events; 0: none is refused */
    int n;
};

static int note(void *arg, const struct sse_event *e)
{
    struct log *l = arg;

    buf_addf(&l->text, "%.*s|%.*s|%.*s;", STR_ARGS(e->name), STR_ARGS(e->data), STR_ARGS(e->id));
    if (l->refuse_after && ++l->n == l->refuse_after)
        return FAIL(ERR_FORMAT, "enough");
    return ERR_OK;
}

/* Reads the stream in pieces of `step` bytes, the first of them of `first`. */
static int read_in_pieces(struct str s, size_t first, size_t step, struct log *l)
{
    struct sse_reader r;
    int rc = ERR_OK;

    buf_init(&l->text);
    sse_reader_init(&r, EVENT_MAX, note, l);
    for (size_t at = 0; at < s.n && rc == ERR_OK;) {
        size_t n = at == 0 && first ? first : step;
        char *piece; /* of its own size, so that reading beyond it is seen */

        n = n < s.n - at ? n : s.n - at;
        piece = malloc(n);
        memcpy(piece, s.p + at, n);
        rc = sse_reader_feed(&r, (struct str){piece, n});
        free(piece);
        at += n;
    }
    sse_reader_done(&r);
    return rc;
}

static void expect(struct str s, const char *events)
{
    struct log l = {0};

    cr_expect_eq(read_in_pieces(s, 0, s.n, &l), ERR_OK);
    cr_expect_str_eq(buf_view(&l.text).p, events, "'%.*s'", STR_ARGS(s));
    buf_done(&l.text);
}

#define EXPECT(stream, events) expect(STR_LIT(stream), events)

Test(sse_reader, an_empty_line_ends_an_event)
{
    EXPECT("data: one\n\ndata: two\n\n", "message|one|;message|two|;");
}

Test(sse_reader, lines_end_in_cr_lf_or_both)
{
    EXPECT("data: a\r\rdata: b\r\n\r\ndata: c\n\n", "message|a|;message|b|;message|c|;");
    EXPECT("data: a\r\n\ndata: b\n\r\n", "message|a|;message|b|;");
}

Test(sse_reader, lines_of_data_are_joined_by_lf)
{
    EXPECT("data: a\ndata:\ndata:  b\n\n", "message|a\n\n b|;");
    EXPECT("data\n\n", "message||;");
    EXPECT("data\ndata\n\n", "message|\n|;");
}

Test(sse_reader, one_space_after_the_colon_is_not_part_of_the_value)
{
    EXPECT("data:x\n\ndata:  x\n\ndata:\tx\n\n", "message|x|;message| x|;message|\tx|;");
    EXPECT("data: a: b\n\n", "message|a: b|;");
}

Test(sse_reader, an_event_without_data_is_none_and_its_name_is_forgotten)
{
    EXPECT("event: ping\n\ndata: x\n\n", "message|x|;");
    EXPECT("event: a\nevent: b\ndata: x\n\ndata: y\n\n", "b|x|;message|y|;");
}

Test(sse_reader, an_id_stays_until_the_next)
{
    EXPECT("id: 1\ndata: x\n\ndata: y\n\nid\ndata: z\n\n", "message|x|1;message|y|1;message|z|;");
    EXPECT("id: 1\nid: 2\0\ndata: x\n\n", "message|x|1;");
}

Test(sse_reader, comments_and_unknown_fields_mean_nothing)
{
    EXPECT(":\n: OPENROUTER PROCESSING\n\nwhat: x\n data: y\nDATA: z\ndata: x\n\n", "message|x|;");
}

Test(sse_reader, a_byte_order_mark_is_skipped_at_the_start_only)
{
    EXPECT("\xEF\xBB\xBF"
           "data: x\n\n\xEF\xBB\xBF"
           "data: y\n\n",
           "message|x|;");
    EXPECT("\xEF\xBB\xBF\xEF\xBB\xBF"
           "data: x\n\n",
           "");
}

Test(sse_reader, what_has_no_empty_line_behind_it_never_happened)
{
    EXPECT("data: x\n\ndata: y\n", "message|x|;");
    EXPECT("data: x", "");
}

Test(sse_reader, retry_takes_digits_only)
{
    struct sse_reader r;
    struct log l = {0};

    sse_reader_init(&r, EVENT_MAX, note, &l);
    cr_expect_eq(r.retry_ms, -1);
    cr_expect_eq(sse_reader_feed(&r, STR_LIT("retry: 2500\n")), ERR_OK);
    cr_expect_eq(r.retry_ms, 2500);
    cr_expect_eq(sse_reader_feed(&r, STR_LIT("retry\nretry: -1\nretry: 1s\nretry: "
                                             "99999999999999999999999\n")),
                 ERR_OK);
    cr_expect_eq(r.retry_ms, 2500);
    sse_reader_done(&r);
}

/* Everything at once: every cut in two, and every size of pieces, gives the same events. */
Test(sse_reader, every_cut_gives_the_same_events)
{
    static const char text[] = "\xEF\xBB\xBF: hello\r\nid: 7\r\nevent: token\r\ndata: {\"a\":1}\r\n"
                               "data: more\r\n\r\nretry: 10\rdata: x\r\rdata\n\n:c\nevent:e\n"
                               "data: \xC3\xA9\n\nid\ndata: [DONE]\r\n\n";
    struct str s = {text, sizeof text - 1};
    struct log whole = {0};

    cr_assert_eq(read_in_pieces(s, 0, s.n, &whole), ERR_OK);
    cr_assert_str_eq(whole.text.p, "token|{\"a\":1}\nmore|7;message|x|7;message||7;"
                                   "e|\xC3\xA9|7;message|[DONE]|;");
    for (size_t cut = 1; cut < s.n; cut++) {
        struct log two = {0}, many = {0};

        cr_expect_eq(read_in_pieces(s, cut, s.n, &two), ERR_OK);
        cr_expect_str_eq(two.text.p, whole.text.p, "cut at %zu", cut);
        cr_expect_eq(read_in_pieces(s, 0, cut, &many), ERR_OK);
        cr_expect_str_eq(many.text.p, whole.text.p, "pieces of %zu", cut);
        buf_done(&two.text);
        buf_done(&many.text);
    }
    buf_done(&whole.text);
}

static int read_long(const char *before, size_t n, const char *after, size_t step)
{
    struct buf s;
    struct log l = {0};
    int rc;

    buf_init(&s);
    buf_add_str(&s, before);
    for (size_t i = 0; i < n; i++)
        buf_add_char(&s, 'x');
    buf_add_str(&s, after);
    rc = read_in_pieces(buf_view(&s), 0, step, &l);
    buf_done(&s);
    buf_done(&l.text);
    return rc;
}

Test(sse_reader, a_line_beyond_the_limit_is_refused_before_it_is_kept)
{
    static const size_t steps[] = {1, 7, 100000};

    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(read_long("data: ", EVENT_MAX - 6, "\n\n", steps[i]), ERR_OK);
        cr_expect_eq(read_long("data: ", EVENT_MAX - 5, "\n\n", steps[i]), ERR_LIMIT);
        cr_expect_eq(read_long(":", 5 * EVENT_MAX, "", steps[i]), ERR_LIMIT);
    }
    cr_expect_str_eq(err_text(), "an event of the stream is longer than the limit of 1000 bytes");
}

Test(sse_reader, many_short_lines_of_one_event_are_bounded_too)
{
    struct sse_reader r;
    struct log l = {0};
    int rc = ERR_OK, n = 0;

    sse_reader_init(&r, EVENT_MAX, note, &l);
    while (rc == ERR_OK && n++ < EVENT_MAX)
        rc = sse_reader_feed(&r, STR_LIT("data\n"));
    cr_expect_eq(rc, ERR_LIMIT);
    sse_reader_done(&r);
}

Test(sse_reader, a_negative_return_ends_the_reading)
{
    struct log l = {.refuse_after = 2};

    cr_expect_eq(read_in_pieces(STR_LIT("data: 1\n\ndata: 2\n\ndata: 3\n\n"), 0, 100, &l),
                 ERR_FORMAT);
    cr_expect_str_eq(err_text(), "enough");
    cr_expect_str_eq(l.text.p, "message|1|;message|2|;");
    buf_done(&l.text);
}

/* ---- mutation: 10^5 streams made of what matters, in random pieces ---- */

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void make_stream(uint64_t *seed, struct buf *out)
{
    static const struct str parts[] = {{"data", 4}, {"event", 5}, {"id", 2},   {"retry", 5},
                                       {":", 1},    {": ", 2},    {"\r", 1},   {"\n", 1},
                                       {"\n", 1},   {"\r\n", 2},  {"\n\n", 2}, {"\0", 1},
                                       {"x", 1},    {"123", 3},   {"\xEF", 1}, {"\xEF\xBB\xBF", 3}};
    size_t n = next(seed) % 40;

    buf_clear(out);
    for (size_t i = 0; i < n; i++)
        buf_add_view(out, parts[next(seed) % (sizeof parts / sizeof *parts)]);
    if (out->n && next(seed) % 4 == 0)
        out->p[next(seed) % out->n] = (char)next(seed);
}

Test(sse_reader, random_streams_read_the_same_in_random_pieces)
{
    uint64_t seed = 88172645463325252u;
    struct buf s;

    buf_init(&s);
    for (int i = 0; i < 100000; i++) {
        struct log whole = {0}, cut = {0};

        make_stream(&seed, &s);
        cr_assert_eq(read_in_pieces(buf_view(&s), 0, s.n, &whole), ERR_OK);
        cr_assert_eq(read_in_pieces(buf_view(&s), next(&seed) % 8, 1 + next(&seed) % 9, &cut),
                     ERR_OK);
        cr_assert(str_eq(buf_view(&whole.text), buf_view(&cut.text)), "stream %d", i);
        buf_done(&whole.text);
        buf_done(&cut.text);
    }
    buf_done(&s);
}
