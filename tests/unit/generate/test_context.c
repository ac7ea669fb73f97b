#include "generate/context.h"

#include <criterion/criterion.h>

#include "base/err.h"

static struct passage passage(const char *document, int ordinal, uint32_t start, const char *text)
{
    struct str s = str_of(text);

    return (struct passage){.document = str_of(document),
                            .ordinal = ordinal,
                            .start = start,
                            .end = start + (uint32_t)s.n,
                            .chunk_id = (uint64_t)ordinal + 1,
                            .text = s};
}

static const char *rendered(struct passage *p, size_t n, size_t budget, struct arena *mem)
{
    struct context c;

    cr_assert_eq(context_build(p, n, budget, mem, &c), ERR_OK);
    return context_render(&c, STR_LIT("m"), mem).p;
}

static struct digest hash_of(struct passage *p, size_t n, const char *question, struct arena *mem)
{
    struct context c;

    cr_assert_eq(context_build(p, n, 4000, mem, &c), ERR_OK);
    return context_prompt_hash(&c,
                               &(struct prompt){.tenant = "t",
                                                .collection = "c",
                                                .question = str_of(question),
                                                .generator = "extractive",
                                                .settings = "s"},
                               mem);
}

Test(context, is_in_stable_order_whatever_the_ranks)
{
    struct arena *mem = arena_new(0);
    struct passage a[] = {passage("b", 0, 0, "Second."), passage("a", 1, 0, "First.")};
    struct passage b[] = {a[1], a[0]};
    const char *text = rendered(a, 2, 4000, mem);
    struct digest x, y;

    cr_expect(strstr(text, "First.") < strstr(text, "Second."));
    x = hash_of(a, 2, "q", mem);
    y = hash_of(b, 2, "q", mem);
    cr_expect(digest_eq(&x, &y), "a swap of two ranks changes nothing");
    arena_free(mem);
}

Test(context, leaves_out_what_a_neighbour_has_said)
{
    struct arena *mem = arena_new(0);
    struct passage p[] = {passage("d", 0, 0, "One sentence. Two sentence."),
                          passage("d", 1, 14, "Two sentence. Three sentence.")};
    const char *text = rendered(p, 2, 4000, mem), *first = strstr(text, "Two sentence.");

    cr_assert_not_null(first);
    cr_expect_null(strstr(first + 1, "Two sentence."));
    cr_expect_not_null(strstr(text, "Three sentence."));
    arena_free(mem);
}

/* A hit and its neighbours, as snapshot_widen gives them: the hit first. */
Test(context, a_hit_and_its_neighbours_are_read_as_one_piece)
{
    struct arena *mem = arena_new(0);
    struct passage p[] = {passage("d", 1, 8, "two. Three."), passage("d", 0, 0, "One and two."),
                          passage("d", 2, 19, "Four."), passage("a", 0, 0, "Else.")};

    p[1].is_neighbour = p[2].is_neighbour = true;
    p[3].source = 1;
    cr_expect_str_eq(rendered(p, 4, 4000, mem), "<passage 2 m>\na\nElse.\n</passage 2 m>\n"
                                                "<passage 1 m>\nd\nOne and two.\nThree.\nFour.\n"
                                                "</passage 1 m>\n");
    arena_free(mem);
}

Test(context, keeps_whole_sentences_within_the_budget_best_hits_first)
{
    struct arena *mem = arena_new(0);
    struct passage p[] = {
        passage("z", 0, 0, "The best hit has two sentences. This is the second."),
        passage("a", 0, 0, "A lesser hit. It has more to say than there is room.")};
    const char *text = rendered(p, 2, 70, mem);

    cr_expect_not_null(strstr(text, "This is the second."));
    cr_expect_not_null(strstr(text, "A lesser hit."));
    cr_expect_null(strstr(text, "It has more"));
    arena_free(mem);
}

Test(context, a_budget_of_tokens_keeps_whole_sentences_too)
{
    struct arena *mem = arena_new(0);
    struct passage p[] = {passage("a", 0, 0, "One two. Six ten. Ten six."),
                          passage("b", 0, 0, "Not any more.")};
    struct context c;

    cr_assert_eq(context_build_tokens(p, 2, 8, NULL, mem, &c), ERR_OK);
    cr_expect(str_eq(c.kept[0], STR_LIT("One two. Six ten.")), "each is three tokens: 6 of 8");
    cr_expect_eq(c.n_used, 1);
    cr_assert_eq(context_build_tokens(p, 2, 100, NULL, mem, &c), ERR_OK);
    cr_expect_eq(c.n_used, 2);
    cr_expect_eq(context_build_tokens(p, 2, 0, NULL, mem, &c), ERR_LIMIT);
    cr_expect_eq(context_build_tokens(p, 2, CONTEXT_TOKENS_MAX + 1, NULL, mem, &c), ERR_LIMIT);
    arena_free(mem);
}

/* What is cited is a number of the reply's sources, which go by rank. */
Test(context, a_passage_is_rendered_with_the_number_of_its_source)
{
    struct arena *mem = arena_new(0);
    struct passage p[] = {passage("z", 0, 0, "Best."), passage("m", 0, 0, "Second."),
                          passage("a", 0, 0, "Third.")};

    p[1].source = 1;
    p[2].source = 2;
    p[2].page = 4;
    p[2].heading = STR_LIT("Scope");
    cr_expect_str_eq(rendered(p, 3, 4000, mem),
                     "<passage 3 m>\na, page 4, Scope\nThird.\n</passage 3 m>\n"
                     "<passage 2 m>\nm\nSecond.\n</passage 2 m>\n"
                     "<passage 1 m>\nz\nBest.\n</passage 1 m>\n");
    cr_expect_str_eq(rendered(NULL, 0, 4000, mem), "");
    arena_free(mem);
}

Test(context, tells_whether_what_is_rendered_holds_some_bytes)
{
    struct arena *mem = arena_new(0);
    struct passage p[] = {passage("doc", 0, 0, "Text here."), passage("e", 0, 0, "Left out.")};
    struct context c;

    p[0].title = STR_LIT("Title");
    p[0].heading = STR_LIT("Head");
    cr_assert_eq(context_build(p, 2, 10, mem, &c), ERR_OK);
    cr_expect(context_holds(&c, STR_LIT("here")) && context_holds(&c, STR_LIT("Tit")));
    cr_expect(context_holds(&c, STR_LIT("Head")) && context_holds(&c, STR_LIT("doc")));
    cr_expect_not(context_holds(&c, STR_LIT("Left")));
    arena_free(mem);
}

Test(context, a_budget_out_of_bounds_is_refused)
{
    struct arena *mem = arena_new(0);
    struct context c;

    cr_expect_eq(context_build(NULL, 0, 0, mem, &c), ERR_LIMIT);
    cr_expect_eq(context_build(NULL, 0, CONTEXT_CHARS_MAX + 1, mem, &c), ERR_LIMIT);
    cr_expect_eq(context_build(NULL, 0, 100, mem, &c), ERR_OK);
    cr_expect_eq(c.n_used, 0);
    arena_free(mem);
}

Test(context, everything_a_reply_shows_is_in_the_prompt_hash)
{
    struct arena *mem = arena_new(0);
    struct passage p = passage("d", 0, 10, "Some text."), q;
    struct digest base = hash_of(&p, 1, "q", mem), other;

#define EXPECT_ANOTHER_HASH(change)                                                                \
    do {                                                                                           \
        q = p;                                                                                     \
        change;                                                                                    \
        other = hash_of(&q, 1, "q", mem);                                                          \
        cr_expect_not(digest_eq(&base, &other), #change);                                          \
    } while (0)
    EXPECT_ANOTHER_HASH(q.document = STR_LIT("e"));
    EXPECT_ANOTHER_HASH(q.title = STR_LIT("t"));
    EXPECT_ANOTHER_HASH(q.uri = STR_LIT("u"));
    EXPECT_ANOTHER_HASH(q.metadata = STR_LIT("{\"a\":1}"));
    EXPECT_ANOTHER_HASH(q.heading = STR_LIT("h"));
    EXPECT_ANOTHER_HASH(q.text = STR_LIT("Some tent."));
    EXPECT_ANOTHER_HASH(q.page = 2);
    EXPECT_ANOTHER_HASH(q.start = 11);
    EXPECT_ANOTHER_HASH(q.chunk_id = 99);
    EXPECT_ANOTHER_HASH(q.kind = CHUNK_SUMMARY);
    EXPECT_ANOTHER_HASH(q.is_neighbour = true);
    EXPECT_ANOTHER_HASH(q.hit.duplicates = 1);
#undef EXPECT_ANOTHER_HASH
    other = hash_of(&p, 1, "another question", mem);
    cr_expect_not(digest_eq(&base, &other));
    arena_free(mem);
}

Test(context, an_empty_context_is_another_for_each_tenant_collection_and_setting)
{
    struct arena *mem = arena_new(0);
    const struct prompt base = {"t", "c", STR_LIT("q"), "g", "s"};
    const struct prompt others[] = {{"u", "c", STR_LIT("q"), "g", "s"},
                                    {"t", "d", STR_LIT("q"), "g", "s"},
                                    {"t", "c", STR_LIT("r"), "g", "s"},
                                    {"t", "c", STR_LIT("q"), "h", "s"},
                                    {"t", "c", STR_LIT("q"), "g", "t"}};
    struct context c;
    struct digest a, b;

    cr_assert_eq(context_build(NULL, 0, 100, mem, &c), ERR_OK);
    a = context_prompt_hash(&c, &base, mem);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        b = context_prompt_hash(&c, &others[i], mem);
        cr_expect_not(digest_eq(&a, &b), "other %zu", i);
    }
    arena_free(mem);
}
