/* fuzz_sentences.c - sentences cover the text: between them is nothing but white space. */
#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "text/sentences.h"

#define SPANS_MAX 8

static void expect_white(struct str text, size_t from, size_t to)
{
    while (from < to) {
        size_t n = white_at(text.p + from, text.n - from);

        FUZZ_TRUE(n > 0);
        from += n;
    }
    FUZZ_TRUE(from == to);
}

static void expect_character(struct str text, size_t at)
{
    FUZZ_TRUE(at <= text.n && utf8_floor(text.p, text.n, at) == at);
}

/* The same sentences; what is left belongs to the last. */
static void check_split(struct str text)
{
    struct span spans[SPANS_MAX], s;
    size_t n = sentence_split(text, spans, SPANS_MAX);
    struct sentence_walk w = sentences_of(text);

    FUZZ_TRUE(n <= SPANS_MAX);
    for (size_t i = 0; i < n; i++) {
        FUZZ_TRUE(sentence_next(&w, &s) && s.start == spans[i].start);
        FUZZ_TRUE(s.end == spans[i].end || (i + 1 == SPANS_MAX && s.end < spans[i].end));
    }
    if (n)
        expect_white(text, spans[n - 1].end, text.n);
    FUZZ_TRUE(n == SPANS_MAX || !sentence_next(&w, &s));
}

FUZZ_TARGET(sentences)
{
    struct str text = fuzz_utf8(in, mem);
    struct sentence_walk w = sentences_of(text);
    struct span s;
    size_t at = 0;

    while (sentence_next(&w, &s)) {
        FUZZ_TRUE(s.start >= at && s.start < s.end && s.end <= text.n);
        FUZZ_TRUE(white_at(text.p + s.start, text.n - s.start) == 0);
        expect_white(text, at, s.start);
        expect_character(text, s.start);
        expect_character(text, s.end);
        at = s.end;
    }
    expect_white(text, at, text.n);
    check_split(text);
}
