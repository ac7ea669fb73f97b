/* fuzz_extract_reply.c - what a helper that has fallen to its file may send. */
#include "extract/extract_reply.h"
#include "fuzz/extracted_check.h"

static int take(void *arg, void *p, size_t n)
{
    struct str *left = arg;

    if (n > left->n)
        return FAIL(ERR_GONE, "no more comes");
    memcpy(p, left->p, n);
    *left = str_sub(*left, n, left->n);
    return ERR_OK;
}

static void check_said(const struct textout *t)
{
    struct str text = buf_view(&t->text), title = buf_view(&t->title);
    struct extracted e = {.text = text,
                          .title = title,
                          .pages = t->pages,
                          .n_pages = t->n_pages,
                          .headings = t->headings,
                          .n_headings = t->n_headings};

    FUZZ_TRUE(utf8_valid(text.p, text.n) && utf8_valid(title.p, title.n));
    FUZZ_TRUE(!memchr(text.p, 0, text.n) && !memchr(title.p, 0, title.n));
    FUZZ_TRUE(!t->metadata || json_is_object(t->metadata));
    check_marks(&e);
    for (size_t i = 0; i < t->n_headings; i++)
        FUZZ_TRUE(
            utf8_valid(text.p + e.headings[i].start, e.headings[i].end - e.headings[i].start));
}

static bool is_of_one_file(int rc)
{
    return rc == ERR_OK || rc == ERR_IO || rc == ERR_FORMAT || rc == ERR_LIMIT ||
           rc == ERR_TIMEOUT || rc == ERR_UNAVAILABLE || rc == ERR_UNSUPPORTED;
}

FUZZ_TARGET(extract_reply)
{
    struct str left = in;
    struct extract_source from = {take, &left};
    struct textout t;
    bool answered = true;
    int rc;

    (void)mem;
    textout_init(&t, EXTRACT_TEXT_MAX);
    rc = extract_reply_read(&from, EXTRACT_TEXT_MAX, &t, &answered);
    FUZZ_TRUE(is_of_one_file(rc) || (rc == ERR_GONE && !answered));
    FUZZ_TRUE(rc < 0 || answered);
    if (rc == ERR_OK)
        check_said(&t);
    else
        FUZZ_TRUE(t.text.n == 0 && t.title.n == 0 && !t.metadata && !t.pages && !t.headings);
    textout_done(&t);
}
