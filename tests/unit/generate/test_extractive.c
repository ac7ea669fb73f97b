#include "generate/extractive.h"

#include "support/world.h"

/* Asks of passages that hold these texts, in this order, by words alone. */
static void ask(struct world *w, const char *question, const char *const *texts, size_t n,
                struct arena *mem, struct context *ctx, struct extract_result *out)
{
    struct passage *p = ARENA_ARRAY(mem, struct passage, n);
    struct snapshot *snap;
    struct extract_question q;

    for (size_t i = 0; i < n; i++) {
        p[i].text = str_of(texts[i]);
        p[i].document = (struct str){arena_printf(mem, "d%zu", i), 2};
        p[i].start = 100;
        p[i].end = 100 + (uint32_t)p[i].text.n;
        p[i].hit.vector_score = 0.9f;
        p[i].source = (uint32_t)i;
    }
    cr_assert_eq(retriever_snapshot(w->engine->retriever, "default", "default", &snap), ERR_OK);
    cr_assert_eq(context_build(p, n, 4000, mem, ctx), ERR_OK);
    extractive_prepare(snap, str_of(question), NULL, 0, mem, &q);
    extractive_answer(&q, ctx, mem, out);
    snapshot_unref(snap);
}

static void setup(struct world *w)
{
    world_put(w, "x", "Words to count: reserve, vault, penguin, ratio, bank, capital.", NULL);
}

Test(extractive, every_citation_is_the_exact_bytes_of_its_passage)
{
    static const char *const texts[] = {
        "Penguins are birds. The vault reserve ratio is 12 percent. Bread is good.",
        "A bank keeps a vault reserve. Its ratio was 11 percent in 2019.",
    };
    struct world w;
    struct arena *mem = arena_new(0);
    struct context ctx;
    struct extract_result r;

    WORLD_OPEN(&w);
    setup(&w);
    ask(&w, "What is the vault reserve ratio?", texts, 2, mem, &ctx, &r);
    cr_assert_geq(r.n_citations, 1);
    for (size_t i = 0; i < r.n_citations; i++) {
        const struct citation *c = &r.citations[i];
        const struct passage *p = &ctx.passages[c->i_passage];

        cr_expect_eq(c->text.n, c->end - c->start);
        cr_expect_arr_eq(p->text.p + c->start - p->start, c->text.p, c->text.n);
    }
    cr_expect(str_eq(r.citations[0].text, STR_LIT("The vault reserve ratio is 12 percent.")));
    arena_free(mem);
    world_close(&w);
}

Test(extractive, a_sentence_that_ends_with_a_colon_takes_its_list_along)
{
    static const char *const texts[] = {
        "A bank must keep the following vault reserve ratio:\n\n- 4 percent in coins.\n\n- 6 "
        "percent "
        "in notes.",
    };
    struct world w;
    struct arena *mem = arena_new(0);
    struct context ctx;
    struct extract_result r;

    WORLD_OPEN(&w);
    setup(&w);
    ask(&w, "Which vault reserve ratio must a bank keep?", texts, 1, mem, &ctx, &r);
    cr_assert(r.answered);
    cr_expect_not_null(strstr(r.text.p, "6 percent in notes."));
    arena_free(mem);
    world_close(&w);
}

Test(extractive, the_same_sentence_is_not_quoted_twice)
{
    static const char *const texts[] = {
        "The vault reserve ratio of a bank is 12 percent.",
        "The vault reserve ratio of a bank is 12 percent.",
    };
    struct world w;
    struct arena *mem = arena_new(0);
    struct context ctx;
    struct extract_result r;

    WORLD_OPEN(&w);
    setup(&w);
    ask(&w, "What is the vault reserve ratio of a bank?", texts, 2, mem, &ctx, &r);
    cr_expect_eq(r.n_citations, 1);
    arena_free(mem);
    world_close(&w);
}

Test(extractive, says_so_when_nothing_supports_an_answer)
{
    static const char *const texts[] = {"Bread is baked in an oven."};
    struct world w;
    struct arena *mem = arena_new(0);
    struct context ctx;
    struct extract_result r;

    WORLD_OPEN(&w);
    setup(&w);
    ask(&w, "What is the vault reserve ratio?", texts, 1, mem, &ctx, &r);
    cr_expect_not(r.answered);
    cr_expect_eq(r.n_citations, 0);
    cr_expect_not_null(strstr(r.text.p, "do not answer"));
    ask(&w, "What is the vault reserve ratio?", texts, 0, mem, &ctx, &r);
    cr_expect_not(r.answered, "no passages at all");
    arena_free(mem);
    world_close(&w);
}
