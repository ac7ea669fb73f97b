#include "index/acronyms.h"

#include <criterion/criterion.h>

#include "index/question_words.h"

static struct index_context context = {.dim = 2, .k1 = 1.2, .b = 0.75};
static struct snapshot *snap;
static struct arena *mem;
static int n_documents;

static struct segment_builder *builder(void)
{
    return segment_builder_new(2, 0, context.analyzers, NULL);
}

static void add(struct segment_builder *b, const char *text)
{
    int i = ++n_documents;

    segment_add_document(b, &(struct document_row){.id = i,
                                                   .key = str_of(arena_printf(mem, "d%d", i)),
                                                   .metadata = STR_LIT("{}")});
    segment_add_chunk(b, &(struct chunk_row){.id = (uint64_t)i, .text = str_of(text)}, NULL);
}

static struct snapshot *after(struct snapshot *old, struct segment_builder *b, const char *gone)
{
    struct str key = str_of(gone ? gone : "");
    struct change change = {.epoch = snapshot_epoch(old) + 1,
                            .keys = &key,
                            .n_keys = gone ? 1 : 0,
                            .added = b ? segment_finish(b) : NULL};
    struct snapshot *next = snapshot_next(old, &change, NULL);

    snapshot_unref(old);
    return next;
}

static void setup(void)
{
    struct segment_builder *b;

    mem = arena_new(0);
    cr_assert_eq(
        analyzers_new(&context.analyzers,
                      &(struct word_settings){.language = "english", .drop_stop_words = true}),
        0);
    b = builder();
    add(b, "The ratio of Common Equity Tier 1 (CET1) capital.");
    add(b, "Bureau of Industry and Security (BIS) rules; selling, general and administrative "
           "(SG&A) expense");
    add(b, "Suspicious activity reports (SARs) are filed.");
    add(b, "sudden arctic rain, SAR for short");
    add(b, "Suspicious Activity Report (SAR)");
    snap = after(snapshot_empty(&context, 1), b, NULL);
}

static void teardown(void)
{
    snapshot_unref(snap);
    analyzers_free(context.analyzers);
    arena_free(mem);
}

TestSuite(acronyms, .init = setup, .fini = teardown);

/* The words of the long form, separated by blanks. */
static const char *stands_for(const char *acronym)
{
    struct str words[ACRONYM_LETTERS_MAX];
    uint32_t terms[8];
    uint64_t df = snapshot_terms(snap, str_of(acronym), terms, 1);
    size_t n = acronym_words(snap, str_of(acronym), terms, 1, df, mem, words);
    const char *all = "";

    for (size_t i = 0; i < n; i++)
        all = arena_printf(mem, "%s%s%.*s", all, i ? " " : "", STR_ARGS(words[i]));
    return all;
}

Test(acronyms, look_like_capitals)
{
    cr_expect(acronym_is(STR_LIT("CET1")));
    cr_expect(acronym_is(STR_LIT("SARs")));
    cr_expect(acronym_is(STR_LIT("SG&A")));
    cr_expect(acronym_is(STR_LIT("DvP")));
    cr_expect_not(acronym_is(STR_LIT("Tier")));
    cr_expect_not(acronym_is(STR_LIT("ML")), "two letters");
    cr_expect_not(acronym_is(STR_LIT("ABCDEFGHI")));
    cr_expect_not(acronym_is(STR_LIT("2023")));
    cr_expect_not(acronym_is(STR_LIT("ÄÖÜ")));
    cr_expect_not(acronym_is(STR_LIT("")));
}

Test(acronyms, stand_for_the_words_before_them)
{
    cr_expect_str_eq(stands_for("cet1"), "common equiti tier 1");
    cr_expect_str_eq(stands_for("bis"), "bureau industri secur", "stop words are passed over");
    cr_expect_str_eq(stands_for("sg&a"), "sell general administr");
    cr_expect_str_eq(stands_for("ratio"), "");
    cr_expect_str_eq(stands_for("xyz"), "", "no chunk has it");
}

Test(acronyms, the_most_frequent_long_form_counts)
{
    cr_expect_str_eq(stands_for("sar"), "suspici activ report");
}

Test(acronyms, what_is_gone_defines_nothing)
{
    snap = after(snap, NULL, "d1");
    cr_expect_str_eq(stands_for("cet1"), "");
}

Test(acronyms, segments_are_looked_at_together)
{
    struct segment_builder *b = builder();

    add(b, "sudden arctic rain (SAR)");
    snap = after(snap, b, "d5");
    cr_assert_gt(snap->n_views, 1);
    cr_expect_str_eq(stands_for("sar"), "sudden arctic rain", "two of them against one");
}

Test(acronyms, a_question_is_searched_for_by_the_long_form_too)
{
    struct question_words q;

    question_words(snap, STR_LIT("What is CET1?"), mem, &q);
    cr_expect_eq(q.n_asked, 1);
    cr_expect_eq(q.n_order, 1);
    cr_expect_eq(q.n, 5);
    cr_expect_gt(q.weights[4], 0);
    question_words(snap, STR_LIT("what is cet1?"), mem, &q);
    cr_expect_eq(q.n, 1, "not written as one");
}
