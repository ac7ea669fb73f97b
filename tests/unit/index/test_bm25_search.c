#include <criterion/criterion.h>
#include <stdio.h>

#include "bm25_fixture.h"
#include "index/bitmap.h"

/* Searching against the reference, bm25_search_all: same chunks, same scores to the bit, whatever
 * the segment, the norm, the filters, and what is among the best already. */

static uint64_t state;

static uint32_t pick(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

/* Small numbers are much more likely, as words are. */
static uint32_t pick_skewed(uint32_t n)
{
    uint32_t x = pick(n) + 1;

    return pick(pick(x) + 1);
}

struct world {
    struct bm25 *b;
    uint64_t *ids;
    uint32_t n_vocab;
};

static void make_world(struct world *w, uint32_t n_chunks, uint32_t n_vocab, uint32_t length)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain_words();
    struct buf text;

    buf_init(&text);
    w->n_vocab = n_vocab;
    w->ids = mem_alloc(n_chunks * sizeof *w->ids);
    for (uint32_t i = 0; i < n_chunks; i++) {
        uint32_t n = pick(length + 1), repeat = pick(8) == 0 ? pick(20) : 0;

        buf_clear(&text);
        for (uint32_t k = 0; k < n; k++)
            buf_addf(&text, "w%u ", pick_skewed(n_vocab));
        for (uint32_t k = 0; k < repeat; k++)
            buf_addf(&text, "w%u ", repeat % n_vocab);
        add_text(b, a, buf_view(&text));
        w->ids[i] = (uint64_t)i * 0x9e3779b97f4a7c15u;
    }
    buf_done(&text);
    word_analyzer_free(a);
    w->b = bm25_finish(&b, 1);
}

static void free_world(struct world *w)
{
    bm25_free(w->b);
    mem_free(w->ids);
}

#define WORDS_MAX 12

struct question {
    uint32_t terms[WORDS_MAX];
    double weights[WORDS_MAX];
    struct bm25_query q;
};

/* Different words, some of them unknown; norms near the segment's own and far from it. */
static void random_question(const struct world *w, struct question *out)
{
    size_t n = 1 + pick(WORDS_MAX), got = 0;
    double mean = (double)w->b->n_words / w->b->n_chunks;

    for (size_t i = 0; i < n; i++) {
        char word[16];
        uint32_t term;
        bool again = false;

        snprintf(word, sizeof word, "w%u", pick(2) ? pick(w->n_vocab) : pick_skewed(w->n_vocab));
        if (!dict_find(w->b->terms, str_of(word), &term))
            term = BM25_NONE;
        for (size_t k = 0; k < got; k++)
            again |= term != BM25_NONE && out->terms[k] == term;
        if (again)
            continue;
        out->terms[got] = term;
        out->weights[got++] =
            term == BM25_NONE ? 0.5
            : pick(10) == 0
                ? 0
                : bm25_idf(w->b->n_chunks + pick(1000u), bm25_df(w->b, term)) * (1 + pick(2));
    }
    out->q = (struct bm25_query){out->terms, out->weights, got, {1.2, 0.75, mean}};
    if (pick(2))
        out->q.norm.mean_length = mean * (0.5 + pick(100) / 50.0);
    if (pick(4) == 0)
        out->q.norm = (struct bm25_norm){pick(40) / 10.0, pick(11) / 10.0, mean};
}

/* NULL, or a bitmap in which one of `rarity` is set. */
static uint64_t *random_bits(uint32_t n, uint32_t rarity)
{
    uint64_t *bits;

    if (rarity == 0)
        return NULL;
    bits = mem_calloc(bitmap_words(n), sizeof *bits);
    for (uint32_t i = 0; i < n; i++)
        if (pick(rarity) == 0)
            bitmap_set(bits, i);
    return bits;
}

/* What other segments may have brought. */
static void fill_before(struct topk *a, struct topk *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct candidate c = {(float)pick(1000) / 200, 1, i, (uint64_t)pick(1u << 30) << 20 | i};

        topk_push(a, c);
        topk_push(b, c);
    }
}

static void compare(const struct world *w, struct arena *mem, unsigned case_number)
{
    struct question question;
    uint64_t *allowed = random_bits(w->b->n_chunks, pick(4) ? 0 : 1 + pick(pick(3) ? 20 : 1000));
    size_t n_allowed = allowed ? bitmap_count(allowed, w->b->n_chunks) : 0;
    uint64_t *dead = random_bits(w->b->n_chunks, pick(4) ? 0 : 1 + pick(20));
    struct bm25_chunks chunks = {allowed, n_allowed, dead, w->ids, 3};
    struct topk want, got;
    size_t k = 1 + pick(pick(10) ? 12 : 120);

    random_question(w, &question);
    topk_init(&want, k, mem);
    topk_init(&got, k, mem);
    if (pick(3) == 0)
        fill_before(&want, &got, 1 + pick(20));
    bm25_search_all(w->b, &question.q, &chunks, mem, &want);
    bm25_search(w->b, &question.q, &chunks, mem, &got);
    topk_sort(&want);
    topk_sort(&got);
    cr_assert_eq(want.n, got.n, "case %u: %zu, not %zu", case_number, got.n, want.n);
    for (size_t i = 0; i < want.n; i++) {
        cr_assert_eq(want.v[i].chunk_id, got.v[i].chunk_id, "case %u at %zu", case_number, i);
        cr_assert_eq(want.v[i].score, got.v[i].score, "case %u at %zu", case_number, i);
        cr_assert_eq(want.v[i].view, got.v[i].view, "case %u at %zu", case_number, i);
    }
    mem_free(allowed);
    mem_free(dead);
    arena_reset(mem);
}

static void compare_many(unsigned n_worlds, unsigned n_cases, uint32_t chunks_max, uint32_t n_vocab,
                         uint32_t length)
{
    struct arena *mem = arena_new(1u << 20);

    for (unsigned i = 0; i < n_worlds; i++) {
        struct world w;

        state = 1000 * chunks_max + i;
        make_world(&w, chunks_max / 2 + pick(chunks_max / 2), 2 + pick(n_vocab), 1 + pick(length));
        if (w.b->n_words)
            for (unsigned c = 0; c < n_cases; c++)
                compare(&w, mem, i * n_cases + c);
        free_world(&w);
    }
    arena_free(mem);
}

Test(bm25_search, is_what_the_formula_says_of_every_chunk)
{
    compare_many(500, 200, 60, 60, 30); /* 10^5 cases */
    cr_expect(true);
}

Test(bm25_search, is_what_the_formula_says_over_many_blocks)
{
    compare_many(6, 60, 40000, 3000, 20);
    compare_many(4, 40, 30000, 40, 12);
    cr_expect(true);
}

Test(bm25_search, a_question_of_thousands_of_words_is_answered_too)
{
    struct arena *mem = arena_new(0);
    struct world w;
    uint32_t *terms;
    double *weights;
    struct bm25_query q = {.n = 5000, .norm = {1.2, 0.75, 10}};
    struct topk best;

    state = 1;
    make_world(&w, 100, 50, 20);
    terms = arena_alloc(mem, q.n * sizeof *terms);
    weights = arena_alloc(mem, q.n * sizeof *weights);
    for (uint32_t i = 0; i < q.n; i++) {
        terms[i] = i < w.b->n_terms ? i : BM25_NONE;
        weights[i] = 1;
    }
    q.terms = terms;
    q.weights = weights;
    topk_init(&best, 5, mem);
    bm25_search(w.b, &q, &(struct bm25_chunks){.chunk_id = w.ids}, mem, &best);
    cr_expect_eq(best.n, 5);
    free_world(&w);
    arena_free(mem);
}

Test(bm25_search, nothing_is_found_without_known_words)
{
    struct arena *mem = arena_new(0);
    struct world w;
    const uint32_t none[] = {BM25_NONE, 0};
    const double weights[] = {1, 0};
    struct bm25_query q = {none, weights, 2, {1.2, 0.75, 10}};
    struct topk best;

    state = 2;
    make_world(&w, 100, 50, 20);
    topk_init(&best, 5, mem);
    bm25_search(w.b, &q, &(struct bm25_chunks){.chunk_id = w.ids}, mem, &best);
    cr_expect_eq(best.n, 0);
    free_world(&w);
    arena_free(mem);
}
