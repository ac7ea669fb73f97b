#include "index/question_words.h"

#include <criterion/criterion.h>

static struct index_context context = {.dim = 2, .k1 = 1.2, .b = 0.75};
static struct snapshot *snap;
static struct arena *mem;

static struct segment *segment_of(int from, int to, const char *text)
{
    struct segment_builder *b = segment_builder_new(2, 0, context.analyzers, NULL);

    for (int i = from; i < to; i++) {
        segment_add_document(b, &(struct document_row){.id = i,
                                                       .key = str_of(arena_printf(mem, "d%d", i)),
                                                       .metadata = STR_LIT("{}")});
        segment_add_chunk(b, &(struct chunk_row){.id = (uint64_t)i, .text = str_of(text)}, NULL);
    }
    return segment_finish(b);
}

/* Three chunks say "net sales", one in a segment of its own says "gross sales". */
static void setup(void)
{
    struct snapshot *empty = snapshot_empty(&context, 1), *first;

    mem = arena_new(0);
    cr_assert_eq(analyzers_new(&context.analyzers, &(struct word_settings){.language = ""}), 0);
    first = snapshot_next(
        empty, &(struct change){.epoch = 2, .added = segment_of(1, 4, "net sales")}, NULL);
    snap = snapshot_next(
        first, &(struct change){.epoch = 3, .added = segment_of(4, 5, "gross sales")}, NULL);
    snapshot_unref(first);
    snapshot_unref(empty);
}

static void teardown(void)
{
    snapshot_unref(snap);
    analyzers_free(context.analyzers);
    arena_free(mem);
}

TestSuite(question_words, .init = setup, .fini = teardown);

Test(question_words, numbers_words_as_they_come)
{
    struct question_words q;

    question_words(snap, STR_LIT("Sales: net sales, other"), mem, &q);
    cr_assert_eq(q.n, 3);
    cr_assert_eq(q.n_order, 4);
    cr_expect_arr_eq(q.order, ((uint32_t[]){0, 1, 0, 2}), 4 * sizeof *q.order);
    cr_expect_eq(q.n_known, 2);
}

Test(question_words, weighs_by_rarity_over_all_segments)
{
    struct question_words q;

    question_words(snap, STR_LIT("sales net sales other"), mem, &q);
    cr_expect_float_eq(q.idf[0], bm25_idf(4, 4), 1e-12);
    cr_expect_float_eq(q.idf[1], bm25_idf(4, 3), 1e-12);
    cr_expect_eq(q.idf[2], 0);
    cr_expect_float_eq(q.weights[0], 2 * q.idf[0], 1e-12, "asked for twice");
    cr_expect_float_eq(q.weights[1], q.idf[1], 1e-12);
}

Test(question_words, gives_the_terms_of_every_segment)
{
    struct question_words q;

    cr_assert_eq(snap->n_views, 2);
    question_words(snap, STR_LIT("net gross"), mem, &q);
    cr_expect_neq(q.terms[0], BM25_NONE);
    cr_expect_eq(q.terms[1], BM25_NONE);
    cr_expect_eq(q.terms[2], BM25_NONE);
    cr_expect_neq(q.terms[3], BM25_NONE);
}

Test(question_words, a_question_may_have_none)
{
    struct question_words q;

    question_words(snap, STR_LIT(" ?! "), mem, &q);
    cr_expect_eq(q.n, 0);
    cr_expect_eq(q.n_order, 0);
}

Test(question_words, says_what_acronyms_stand_for_here)
{
    struct snapshot *defined = snapshot_next(
        snap,
        &(struct change){.epoch = 4,
                         .added = segment_of(5, 6,
                                             "the Net Sales Ratio (NSR) and Gross Sales Tax "
                                             "(GST), but not the ABC")},
        NULL);
    struct question_acronym found[QUESTION_ACRONYMS_MAX];

    cr_assert_eq(question_acronyms(defined, STR_LIT("Does the NSR, ABC or XYZ matter?\nNSR, GST"),
                                   mem, found),
                 2);
    cr_expect(str_eq(found[0].brief, STR_LIT("nsr")));
    cr_expect(str_eq(found[0].full, STR_LIT("net sales ratio")), "%.*s", STR_ARGS(found[0].full));
    cr_expect(str_eq(found[1].brief, STR_LIT("gst")));
    cr_expect_eq(question_acronyms(snap, STR_LIT("What is NSR?"), mem, found), 0);
    snapshot_unref(defined);
}
