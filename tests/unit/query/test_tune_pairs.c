#include "query/tune_pairs.h"

#include "support/tune_world.h"

static const volatile bool never = false;
static const struct tune_options options = {
    .tenant = "default", .collection = "default", .seed = 1, .cancelled = &never};

/* Vectors of the questions, as the encoder gives them. */
static void embed_all(struct world *w, struct tune_pairs *p)
{
    for (size_t i = 0; i < p->n_questions; i++) {
        float *v;

        cr_assert_eq(embed_query(w->engine->embedder, NULL, p->questions[i].text, p->mem, &v),
                     ERR_OK);
        memcpy(p->vectors + i * p->dim, v, p->dim * sizeof *v);
    }
}

Test(tune_pairs, the_same_question_twice_is_one_with_two_documents)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct tune_pair *pairs = tune_world_pairs(false, mem);
    struct tune_pairs p;

    WORLD_OPEN(&w);
    tune_world_fill(&w, true);
    pairs[1].question = arena_printf(mem, "  %s ", pairs[0].question);
    cr_assert_eq(tune_pairs_read(&p, w.engine, w.engine->embedder, pairs, TUNE_SUBJECTS), ERR_OK,
                 "%s", err_text());
    cr_expect_eq(p.n_questions, TUNE_SUBJECTS - 1);
    embed_all(&w, &p);
    cr_assert_eq(tune_pairs_match(&p, w.engine, &options), ERR_OK, "%s", err_text());
    cr_expect_eq(p.questions[0].n_documents, 2);
    cr_expect_eq(p.fitted.n_pairs, TUNE_SUBJECTS);
    for (size_t i = 1; i < p.fitted.n_pairs; i++)
        cr_expect_leq(p.fitted.pairs[i - 1].question, p.fitted.pairs[i].question);
    tune_pairs_done(&p);
    arena_free(mem);
    world_close(&w);
}

Test(tune_pairs, those_without_a_document_go_and_the_others_move_up)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct tune_pair *pairs = tune_world_pairs(false, mem);
    struct tune_pairs p;
    float *last;

    WORLD_OPEN(&w);
    tune_world_fill(&w, true);
    pairs[0].document = "nowhere";
    pairs[5].chunk = "0123";
    cr_assert_eq(tune_pairs_read(&p, w.engine, w.engine->embedder, pairs, TUNE_SUBJECTS), ERR_OK);
    embed_all(&w, &p);
    last = arena_dup(mem, p.vectors + (TUNE_SUBJECTS - 1) * p.dim, p.dim * sizeof *last);
    cr_assert_eq(tune_pairs_match(&p, w.engine, &options), ERR_OK, "%s", err_text());
    cr_expect_eq(p.n_unknown, 2);
    cr_expect_eq(p.n_questions, TUNE_SUBJECTS - 2);
    cr_expect_eq(p.n_documents, TUNE_SUBJECTS - 2);
    cr_expect_arr_eq(p.vectors + (p.n_questions - 1) * p.dim, last, p.dim * sizeof *last);
    cr_expect(str_eq(p.questions[0].text, str_of(pairs[1].question)));
    cr_expect_eq(p.fitted.pairs[0].question, 0);
    tune_pairs_done(&p);
    arena_free(mem);
    world_close(&w);
}

Test(tune_pairs, questions_of_one_document_are_in_one_fold_and_no_fold_is_empty)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct tune_pair *pairs = tune_world_pairs(false, mem);
    struct tune_pairs p;
    size_t sizes[TUNE_FOLDS] = {0};

    WORLD_OPEN(&w);
    tune_world_fill(&w, true);
    for (size_t i = 0; i < TUNE_SUBJECTS; i += 2)
        pairs[i].document = pairs[i + 1].document;
    cr_assert_eq(tune_pairs_read(&p, w.engine, w.engine->embedder, pairs, TUNE_SUBJECTS), ERR_OK);
    embed_all(&w, &p);
    cr_assert_eq(tune_pairs_match(&p, w.engine, &options), ERR_OK, "%s", err_text());
    for (size_t i = 0; i < p.n_questions; i++)
        sizes[p.fitted.fold[i]]++;
    for (size_t i = 0; i < TUNE_SUBJECTS; i += 2)
        cr_expect_eq(p.fitted.fold[i], p.fitted.fold[i + 1]);
    for (size_t i = 0; i < TUNE_FOLDS; i++)
        cr_expect_gt(sizes[i], 0);
    tune_pairs_done(&p);
    arena_free(mem);
    world_close(&w);
}

Test(tune_pairs, a_question_that_nobody_could_ask_is_named)
{
    struct world w;
    struct tune_pair pairs[] = {{"why?", "a", NULL}, {"   ", "a", NULL}};
    struct tune_pairs p;

    WORLD_OPEN(&w);
    cr_expect_lt(tune_pairs_read(&p, w.engine, w.engine->embedder, pairs, 2), 0);
    cr_expect(strstr(err_text(), "pair 2"), "%s", err_text());
    tune_pairs_done(&p);
    world_close(&w);
}
