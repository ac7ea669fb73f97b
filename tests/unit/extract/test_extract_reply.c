#include "extract/extract_reply.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"
#include "extract/extract_wire.h"

/* What a helper sends, and how much of it has been read. */
struct sent {
    struct wire_reply r;
    char rest[64];
    size_t n, at;
};

static int take(void *arg, void *p, size_t n)
{
    struct sent *s = arg;

    if (n > sizeof s->r + s->n - s->at)
        return ERR_GONE;
    memcpy(p, (const char *)s + s->at, n);
    s->at += n;
    return ERR_OK;
}

static void add(struct sent *s, const void *p, size_t n)
{
    cr_assert_leq(s->n + n, sizeof s->rest);
    memcpy(s->rest + s->n, p, n);
    s->n += n;
}

static int read_it(struct sent *s, struct textout *t, bool *answered)
{
    struct extract_source from = {take, s};

    s->r.magic = WIRE_REPLY_MAGIC;
    s->at = 0;
    textout_init(t, 1000);
    return extract_reply_read(&from, 1000, t, answered);
}

static void expect_refused(struct sent *s, const char *what)
{
    struct textout t;
    bool answered = true;

    cr_expect_eq(read_it(s, &t, &answered), ERR_FORMAT, "%s", what);
    cr_expect(strstr(err_text(), what), "%s", err_text());
    cr_expect_not(answered);
    cr_expect_eq(t.text.n, 0);
    cr_expect_null(t.metadata);
    cr_expect_null(t.pages);
    textout_done(&t);
}

/* "Title", {"a":1}, a page, a heading and a text of 9 bytes. */
static void whole(struct sent *s)
{
    struct page_mark page = {0, 1};
    struct heading_mark heading = {0, 4, 1};

    *s = (struct sent){
        .r = {.n_title = 5, .n_metadata = 7, .n_pages = 1, .n_headings = 1, .n_text = 9}};
    add(s, "Title", 5);
    add(s, "{\"a\":1}", 7);
    add(s, &page, sizeof page);
    add(s, &heading, sizeof heading);
    add(s, "H\xc3\xa9 \ntext", 9);
}

Test(extract_reply, brings_all_of_a_document)
{
    struct sent s;
    struct textout t;
    bool answered = false;

    whole(&s);
    cr_assert_eq(read_it(&s, &t, &answered), ERR_OK, "%s", err_text());
    cr_expect(answered);
    cr_expect_str_eq(t.title.p, "Title");
    cr_expect_str_eq(t.text.p, "H\xc3\xa9 \ntext");
    cr_expect_eq(json_integer_value(json_object_get(t.metadata, "a")), 1);
    cr_expect_eq(t.n_pages, 1);
    cr_expect_eq(t.headings[0].end, 4);
    textout_done(&t);
}

Test(extract_reply, cut_anywhere_leaves_nothing_behind)
{
    for (size_t cut = 1; cut <= 40; cut++) {
        struct sent s;
        struct textout t;
        bool answered = true;

        whole(&s);
        s.n -= cut;
        cr_assert_eq(read_it(&s, &t, &answered), ERR_GONE, "%zu bytes less", cut);
        cr_expect_not(answered);
        cr_expect(t.text.n == 0 && t.title.n == 0 && !t.metadata && !t.pages && !t.headings);
        textout_done(&t);
    }
}

Test(extract_reply, tells_the_errors_of_reading_and_no_others)
{
    static const int others[] = {
        ERR_ARGUMENT, ERR_NOT_FOUND, ERR_EXISTS,   ERR_BUSY,   ERR_CANCELLED,
        ERR_DATABASE, ERR_GONE,      ERR_NO_SPACE, ERR_SYSTEM, ERR_FORBIDDEN,
        ERR_MISMATCH, -100,          INT32_MIN,    1};
    struct sent s = {.r = {.status = ERR_LIMIT, .n_text = 4}};
    struct textout t;
    bool answered = false;

    add(&s, "big!", 4);
    cr_expect_eq(read_it(&s, &t, &answered), ERR_LIMIT);
    cr_expect_str_eq(err_text(), "big!");
    cr_expect(answered);
    textout_done(&t);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        s.r.status = others[i];
        expect_refused(&s, "another shape");
    }
}

Test(extract_reply, a_mark_within_a_character_is_refused)
{
    struct sent s;

    whole(&s);
    s.rest[5 + 7 + sizeof(struct page_mark) + 4] = 2; /* the heading's end */
    expect_refused(&s, "marks outside");
    whole(&s);
    s.rest[5 + 7] = 2; /* the page's start */
    expect_refused(&s, "marks outside");
}

Test(extract_reply, text_with_a_nul_is_refused)
{
    struct sent s;

    whole(&s);
    s.rest[1] = '\0';
    expect_refused(&s, "NUL");
    whole(&s);
    s.rest[s.n - 1] = '\0';
    expect_refused(&s, "NUL");
}
