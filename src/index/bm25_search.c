#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "index/bm25_parts.h"
#include "simd/simd.h"

/* Sums of bounds, a block of slots at a time.
 *
 * A posting adds what its cell bounds it with, times the word's weight, scaled so that no sum of
 * all lists exceeds 15 bits, and rounded up. A chunk whose sum stays under the score of the k-th
 * best, in the same scale, is not looked at; the others are scored exactly (bm25_score.c) and
 * offered, which raises that limit.
 *
 * Lists go by what they can bring, the best first. Where the lists from some place on cannot reach
 * the limit together, a chunk that has only those is no candidate (MaxScore; Turtle & Flood 1995,
 * "Query evaluation: strategies and optimizations"): blocks without the lists before are skipped,
 * and in the others those lists are added only where scoring what has a chance costs more.
 *
 * Before the blocks, the chunks with the rarest words are scored: they set the limit. */

#define BLOCK    8192 /* slots; their sums fill half of the nearest cache */
#define SUM_MAX  INT16_MAX
#define SCORED   INT16_MIN /* sum of a chunk that was offered; it stays negative */
#define LIST_MAX 4096      /* different words; beyond that bounds say too little */
#define BATCH    32        /* chunks that are asked for together before they are scored */

/* Costs in postings added. */
#define COST_SCORE 40
#define COST_SCAN  300
#define DENSE      (BLOCK / 20) /* postings; with more, looking at all sums beats walking them */

struct list {
    const uint32_t *slots;
    const uint8_t *codes;
    size_t n, at;   /* the next posting */
    size_t from;    /* the first one of this block */
    size_t left;    /* postings of this list and those behind it, for an average block */
    int most, rest; /* the most that it adds; the same for it and all behind it */
    int16_t adds[BM25_CELLS];
};

struct search {
    const struct simd *simd;
    struct bm25_scorer scorer;
    const struct bm25_chunks *chunks;
    struct topk *best;
    struct list *lists; /* what brings most first */
    size_t n_lists, n_postings;
    uint32_t n_chunks;
    double scale;          /* from a score to a sum */
    int limit;             /* what a sum must reach; 1..SUM_MAX + 1 */
    uint32_t seeds[BATCH]; /* ascending */
    size_t n_seeds, i_seed;
    size_t n_found;
    float bounds[BM25_CELLS]; /* what a posting of a code has at most */
    uint32_t found[BLOCK];    /* sum << 16 | place in the block */
    int16_t sums[BLOCK];
};

/* ---- lists ---- */

/* top[c]: the best of all codes up to c, as they are in the order of another norm. The last summand
 * of `base` keeps 0/0 away: a cell without postings bounds nothing. */
static void bound_cells(struct search *s, float *top)
{
    const struct bm25_cell *cells = s->scorer.b->cells;
    float base = (float)s->scorer.curve.base + FLT_MIN, slope = (float)s->scorer.curve.slope;

    for (int c = 0; c < BM25_CELLS; c++) {
        float tf = (float)(int32_t)cells[c].tf, length = (float)(int32_t)cells[c].length;

        s->bounds[c] = tf / (tf + base + slope * length);
    }
    for (int c = 0; c < BM25_CELLS; c++)
        top[c] = c > 0 && top[c - 1] > s->bounds[c] ? top[c - 1] : s->bounds[c];
}

/* A word of the question and the most that it brings. */
struct promise {
    float most;
    uint32_t i;
};

static int by_most(const void *a, const void *b)
{
    const struct promise *x = a, *y = b;

    return x->most != y->most ? (x->most < y->most) - (x->most > y->most)
                              : (x->i > y->i) - (x->i < y->i);
}

static void open_list(struct search *s, struct list *l, const struct promise *p)
{
    const struct bm25 *b = s->scorer.b;
    uint32_t term = s->scorer.terms[p->i];
    float one = p->most;
    int16_t most;

    l->slots = b->slots + b->list_start[term];
    l->codes = b->codes + b->list_start[term];
    l->n = bm25_df(b, term);
    l->at = 0;
    /* Rounded up by one, which is more than float arithmetic loses in 15 bits. */
    s->simd->to_units(s->bounds, (float)(s->scorer.weights[p->i] * s->scale), l->adds, BM25_CELLS);
    s->simd->to_units(&one, (float)s->scale, &most, 1);
    l->most = most;
}

/* What brings most first. */
static void open_lists(struct search *s, struct promise *promises)
{
    size_t n_blocks = (s->n_chunks + BLOCK - 1) / BLOCK, left = 0;
    float top[BM25_CELLS];
    double sum = 0;
    int rest = 0;

    bound_cells(s, top);
    for (uint32_t i = 0; i < s->n_lists; i++) {
        uint8_t highest = s->scorer.b->highest[s->scorer.terms[i]];

        promises[i] = (struct promise){(float)s->scorer.weights[i] * top[highest], i};
        sum += promises[i].most;
    }
    qsort(promises, s->n_lists, sizeof *promises, by_most);
    s->scale = (SUM_MAX - 2 * (double)s->n_lists) / sum;
    for (size_t i = s->n_lists; i-- > 0;) {
        struct list *l = &s->lists[i];

        open_list(s, l, &promises[i]);
        l->rest = rest += l->most;
        l->left = (left += l->n) / n_blocks;
    }
    s->n_postings = left;
}

/* Moves on to the first posting at or behind `slot`. */
static void seek(struct list *l, uint32_t slot)
{
    size_t step = 1, from = l->at, to;

    if (l->at == l->n || l->slots[l->at] >= slot)
        return;
    while (from + step < l->n && l->slots[from + step] < slot) {
        from += step;
        step *= 2;
    }
    to = from + step < l->n ? from + step : l->n;
    while (from + 1 < to) { /* slots[from] < slot, and slots[to] is not, or is the end */
        size_t middle = from + (to - from) / 2;

        if (l->slots[middle] < slot)
            from = middle;
        else
            to = middle;
    }
    l->at = to;
}

/* ---- offering ---- */

/* A score is rounded to float, a sum of bounds is not: hence a little less. */
static void set_limit(struct search *s)
{
    double units = (double)topk_threshold(s->best) * s->scale * (1 - 1e-5) - 1;

    s->limit = units < 1 ? 1 : units > SUM_MAX ? SUM_MAX + 1 : (int)units;
}

/* Chunks that may answer. What is read of each is asked for before. */
static void offer(struct search *s, const uint32_t *slots, size_t n)
{
    const struct bm25 *b = s->scorer.b;

    for (size_t i = 0; i < n; i++) {
        __builtin_prefetch(&b->texts[slots[i]]);
        __builtin_prefetch(&s->chunks->chunk_id[slots[i]]);
    }
    for (size_t i = 0; i < n; i++)
        __builtin_prefetch(b->sequences + b->texts[slots[i]].start);
    for (size_t i = 0; i < n; i++) {
        float score = bm25_score_of(&s->scorer, slots[i]);

        if (score > 0 && score >= topk_threshold(s->best))
            topk_push(s->best, (struct candidate){score, s->chunks->view, slots[i],
                                                  s->chunks->chunk_id[slots[i]]});
    }
    set_limit(s);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void offer_seeds(struct search *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_lists && n + s->lists[i].n <= BATCH; i++) {
        memcpy(s->seeds + n, s->lists[i].slots, s->lists[i].n * sizeof *s->seeds);
        n += s->lists[i].n;
    }
    qsort(s->seeds, n, sizeof *s->seeds, by_number);
    for (size_t i = 0; i < n; i++)
        if ((s->n_seeds == 0 || s->seeds[i] != s->seeds[s->n_seeds - 1]) &&
            bm25_may_answer(s->chunks, s->seeds[i]))
            s->seeds[s->n_seeds++] = s->seeds[i];
    offer(s, s->seeds, s->n_seeds);
}

/* Those found[from..to) that reach the limit with what is not in their sums. */
static void offer_found(struct search *s, size_t from, size_t to, uint32_t base, int rest)
{
    uint32_t batch[BATCH];

    while (from < to) {
        size_t n = 0;

        for (; from < to && n < BATCH; from++)
            if ((int)(s->found[from] >> 16) + rest >= s->limit)
                batch[n++] = base + (s->found[from] & 0xffff);
        offer(s, batch, n);
    }
}

/* Every chunk that may answer: when there are few. */
static void offer_allowed(struct search *s)
{
    uint32_t batch[BATCH];
    size_t n = 0;

    for (uint32_t first = 0; first < s->n_chunks; first += 64) {
        uint64_t bits = s->chunks->allowed[first / 64];

        for (; bits; bits &= bits - 1) {
            uint32_t slot = first + (uint32_t)__builtin_ctzll(bits);

            if (n == BATCH) {
                offer(s, batch, n);
                n = 0;
            }
            if (bm25_may_answer(s->chunks, slot))
                batch[n++] = slot;
        }
    }
    offer(s, batch, n);
}

/* ---- a block ---- */

/* Skips blocks in which no list stands that a candidate must have; n_chunks at the end. */
static uint32_t next_block(struct search *s, uint32_t slot)
{
    uint32_t next = s->n_chunks;

    for (size_t i = 0; i < s->n_lists && s->lists[i].rest >= s->limit; i++) {
        struct list *l = &s->lists[i];

        seek(l, slot);
        if (l->at < l->n && l->slots[l->at] < next)
            next = l->slots[l->at];
    }
    return next == s->n_chunks ? next : next / BLOCK * BLOCK;
}

static void mark_seeds(struct search *s, uint32_t base)
{
    while (s->i_seed < s->n_seeds && s->seeds[s->i_seed] < base)
        s->i_seed++;
    for (size_t i = s->i_seed; i < s->n_seeds && s->seeds[i] - base < BLOCK; i++)
        s->sums[s->seeds[i] - base] = SCORED;
}

static void add_list(struct search *s, struct list *l, uint32_t base)
{
    size_t at;

    seek(l, base);
    l->from = l->at;
    for (at = l->at; at < l->n && l->slots[at] - base < BLOCK; at++)
        s->sums[l->slots[at] - base] += l->adds[l->codes[at]];
    l->at = at;
}

/* How many sums reach `least`, at most; `added` lists are in them, of n_postings. */
static size_t count_reaching(const struct search *s, size_t added, size_t n_postings, uint32_t base,
                             int least)
{
    size_t n = 0;

    if (n_postings >= DENSE)
        return s->simd->count_reaching(s->sums, BLOCK, (int16_t)least);
    for (size_t i = 0; i < added; i++)
        for (size_t at = s->lists[i].from; at < s->lists[i].at; at++)
            n += s->sums[s->lists[i].slots[at] - base] >= least;
    return n;
}

/* The same sums into `found`, and all back to zero. */
static size_t take_reaching(struct search *s, size_t added, size_t n_postings, uint32_t base,
                            int least)
{
    size_t n = 0;

    if (n_postings >= DENSE)
        return s->simd->take_reaching(s->sums, BLOCK, (int16_t)least, s->found);
    for (size_t i = 0; i < added; i++)
        for (size_t at = s->lists[i].from; at < s->lists[i].at; at++) {
            uint32_t place = s->lists[i].slots[at] - base;

            s->found[n] = (uint32_t)s->sums[place] << 16 | place;
            n += s->sums[place] >= least;
            s->sums[place] = 0;
        }
    for (size_t i = s->i_seed; i < s->n_seeds && s->seeds[i] - base < BLOCK; i++)
        s->sums[s->seeds[i] - base] = 0;
    return n;
}

/* Adds lists until those left cost more than scoring, without them, what has a chance. Returns what
 * those left may bring. */
static int sum_block(struct search *s, uint32_t base)
{
    size_t i, n_postings = 0;
    int rest = 0;

    mark_seeds(s, base);
    for (i = 0; i < s->n_lists; i++) {
        struct list *l = &s->lists[i];
        size_t cost = n_postings >= DENSE ? COST_SCAN : n_postings;

        if (l->rest < s->limit && l->left > cost &&
            count_reaching(s, i, n_postings, base, s->limit - l->rest) * COST_SCORE <= l->left) {
            rest = l->rest;
            break;
        }
        add_list(s, l, base);
        n_postings += l->at - l->from;
    }
    s->n_found = take_reaching(s, i, n_postings, base, s->limit - rest);
    return rest;
}

static void keep_allowed(struct search *s, uint32_t base)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_found; i++)
        if (bm25_may_answer(s->chunks, base + (s->found[i] & 0xffff)))
            s->found[n++] = s->found[i];
    s->n_found = n;
}

/* Brings the found with the highest sums to the front, about k; returns how many. */
static size_t part_highest(struct search *s)
{
    uint32_t counts[SUM_MAX / 128 + 1] = {0}, at = SUM_MAX / 128;
    size_t n = 0;

    for (size_t i = 0; i < s->n_found; i++)
        counts[s->found[i] >> 16 >> 7]++;
    for (size_t above = counts[at]; above < s->best->k && at > 0; above += counts[at])
        at--;
    for (size_t i = 0; i < s->n_found; i++)
        if (s->found[i] >> 16 >> 7 >= at) {
            uint32_t swapped = s->found[n];

            s->found[n++] = s->found[i];
            s->found[i] = swapped;
        }
    return n;
}

/* The highest first, so that the limit lets few of the others through. */
static void search_block(struct search *s, uint32_t base)
{
    int rest = sum_block(s, base);
    size_t n = 0;

    if (s->chunks->allowed || s->chunks->dead)
        keep_allowed(s, base);
    if (s->n_found > s->best->k + BATCH) {
        n = part_highest(s);
        offer_found(s, 0, n, base, rest);
    }
    offer_found(s, n, s->n_found, base, rest);
}

void bm25_search(const struct bm25 *b, const struct bm25_query *q, const struct bm25_chunks *chunks,
                 struct arena *mem, struct topk *best)
{
    struct search s;

    memset(&s, 0, offsetof(struct search, bounds));
    s.scorer = bm25_scorer_of(b, q, mem);
    s.simd = simd_get();
    s.chunks = chunks;
    s.best = best;
    s.n_lists = s.scorer.n;
    s.n_chunks = b->n_chunks;
    if (s.n_lists == 0)
        return;
    if (s.n_lists > LIST_MAX) {
        bm25_search_all(b, q, chunks, mem, best);
        return;
    }
    s.lists = arena_alloc(mem, s.n_lists * sizeof *s.lists);
    open_lists(&s, arena_alloc(mem, s.n_lists * sizeof(struct promise)));
    set_limit(&s);
    if (chunks->allowed && chunks->n_allowed * COST_SCORE < s.n_postings) {
        offer_allowed(&s);
        return;
    }
    memset(s.sums, 0, sizeof s.sums);
    if (best->n < best->k)
        offer_seeds(&s);
    for (uint32_t base = next_block(&s, 0); base < s.n_chunks; base = next_block(&s, base + BLOCK))
        search_block(&s, base);
}
