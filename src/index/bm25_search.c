#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "index/bm25_parts.h"

/* Sums of bounds, a block of slots at a time.
 *
 * Each list of postings has a table: what a code adds, scaled so that no sum of all lists exceeds
 * 15 bits, and rounded up. A chunk whose sum of bounds stays under the score of the k-th best, in
 * the same scale, is not looked at; the others are scored exactly (bm25_score) and offered, which
 * raises that limit.
 *
 * Lists go by what they can bring, the best first. Where the lists from some place on cannot reach
 * the limit together, a chunk that has only those is no candidate (MaxScore; Turtle & Flood 1995,
 * "Query evaluation: strategies and optimizations"): blocks without the lists before are skipped,
 * and in the others those lists are added only where scoring what has a chance costs more.
 *
 * Before the blocks, the chunks with the rarest words are scored: they set the limit. */

#define BLOCK    8192 /* slots; their sums fill half of the nearest cache */
#define GROUP    64   /* slots that are looked at together */
#define SUM_MAX  INT16_MAX
#define SCORED   INT16_MIN /* sum of a chunk that was offered; it stays negative */
#define SEEDS    64
#define LIST_MAX 4096 /* different words; beyond that bounds say too little */

/* Costs in postings added. */
#define COST_SCORE 40
#define COST_SCAN  200
#define DENSE      (BLOCK / 16) /* from here on looking at all sums beats walking the postings */

struct list {
    const uint32_t *slots;
    const uint8_t *codes;
    size_t n, at;   /* the next posting */
    size_t from;    /* the first one of this block */
    size_t left;    /* postings of this list and those behind it, for an average block */
    int most, rest; /* the most that it adds; the same for it and all behind it */
    double weight;
    uint32_t term;
    int16_t adds[BM25_CELLS];
};

struct search {
    const struct bm25 *b;
    const struct bm25_query *q;
    const struct bm25_chunks *chunks;
    struct topk *best;
    struct list **lists; /* what brings most first */
    size_t n_lists;
    double scale; /* from a score to a sum */
    int limit;    /* what a sum must reach; at least 1 */
    uint32_t seeds[SEEDS];
    size_t n_seeds, i_seed;
    uint32_t found[BLOCK]; /* sum << 16 | place in the block */
    size_t n_found;
    int16_t sums[BLOCK];
};

/* ---- lists ---- */

static int by_most(const void *a, const void *b)
{
    const struct list *x = *(struct list *const *)a, *y = *(struct list *const *)b;

    return x->most != y->most ? (x->most < y->most) - (x->most > y->most)
                              : (x->term > y->term) - (x->term < y->term);
}

/* bounds[c]: what a posting of code c has at most; top[c]: the same for all codes up to c. */
static void bound_cells(const struct search *s, float *bounds, float *top)
{
    struct bm25_curve curve = bm25_curve_of(&s->q->norm);

    for (int c = 0; c < BM25_CELLS; c++) {
        const struct bm25_cell *cell = &s->b->cells[c];

        bounds[c] = cell->tf ? (float)bm25_impact(&curve, cell->tf, cell->length) : 0;
        top[c] = c > 0 && top[c - 1] > bounds[c] ? top[c - 1] : bounds[c];
    }
}

static void open_lists(struct search *s, struct list *room)
{
    const struct bm25 *b = s->b;

    for (size_t i = 0; i < s->q->n; i++) {
        uint32_t term = s->q->terms[i];
        struct list *l = &room[s->n_lists];

        if (term == BM25_NONE || s->q->weights[i] <= 0)
            continue;
        l->term = term;
        l->weight = s->q->weights[i];
        l->slots = b->slots + b->list_start[term];
        l->codes = b->codes + b->list_start[term];
        l->n = bm25_df(b, term);
        l->at = 0;
        s->lists[s->n_lists++] = l;
    }
}

/* Rounded up by one unit, which is more than float arithmetic loses in 15 bits. */
static int in_units(float x)
{
    return (int)x + 1;
}

static void fill_tables(struct search *s)
{
    float bounds[BM25_CELLS], top[BM25_CELLS];
    size_t n_blocks = (s->b->n_chunks + BLOCK - 1) / BLOCK, left = 0;
    double sum = 0;
    int rest = 0;

    bound_cells(s, bounds, top);
    for (size_t i = 0; i < s->n_lists; i++)
        sum += s->lists[i]->weight * top[s->b->highest[s->lists[i]->term]];
    s->scale = (double)(SUM_MAX - (int)s->n_lists) / sum;
    for (size_t i = 0; i < s->n_lists; i++) {
        struct list *l = s->lists[i];
        float factor = (float)(l->weight * s->scale);

        l->most = in_units(factor * top[s->b->highest[l->term]]);
        for (int c = 0; c < BM25_CELLS; c++)
            l->adds[c] = (int16_t)in_units(factor * bounds[c]);
    }
    qsort(s->lists, s->n_lists, sizeof *s->lists, by_most);
    for (size_t i = s->n_lists; i-- > 0;) {
        rest += s->lists[i]->most;
        left += s->lists[i]->n;
        s->lists[i]->rest = rest;
        s->lists[i]->left = left / n_blocks;
    }
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

static void offer(struct search *s, uint32_t slot)
{
    float score = bm25_score(s->b, s->q, slot);

    if (score >= topk_threshold(s->best))
        topk_push(s->best,
                  (struct candidate){score, s->chunks->view, slot, s->chunks->chunk_id[slot]});
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void offer_seeds(struct search *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_lists && n + s->lists[i]->n <= SEEDS; i++) {
        memcpy(s->seeds + n, s->lists[i]->slots, s->lists[i]->n * sizeof *s->seeds);
        n += s->lists[i]->n;
    }
    qsort(s->seeds, n, sizeof *s->seeds, by_number);
    for (size_t i = 0; i < n; i++) {
        uint32_t slot = s->seeds[i];

        if (i > 0 && slot == s->seeds[i - 1])
            continue;
        if (bm25_may_answer(s->chunks, slot))
            offer(s, slot);
    }
    s->n_seeds = n;
    set_limit(s);
}

/* ---- a block ---- */

/* Skips blocks in which no list stands that a candidate must have; n_chunks at the end. */
static uint32_t next_block(struct search *s, uint32_t slot)
{
    uint32_t next = s->b->n_chunks;

    for (size_t i = 0; i < s->n_lists && s->lists[i]->rest >= s->limit; i++) {
        struct list *l = s->lists[i];

        seek(l, slot);
        if (l->at < l->n && l->slots[l->at] < next)
            next = l->slots[l->at];
    }
    return next == s->b->n_chunks ? next : next / BLOCK * BLOCK;
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
    const uint32_t *slots = l->slots;
    size_t at;

    seek(l, base);
    l->from = l->at;
    for (at = l->at; at < l->n && slots[at] - base < BLOCK; at++) {
        int16_t *sum = &s->sums[slots[at] - base];

        *sum = (int16_t)(*sum + l->adds[l->codes[at]]);
    }
    l->at = at;
}

/* How many sums reach `least`; with few postings some may count twice. */
static size_t count_reaching(const struct search *s, size_t n_added, bool dense, uint32_t base,
                             int least)
{
    size_t n = 0;

    for (size_t i = 0; dense && i < BLOCK; i++)
        n += s->sums[i] >= least;
    for (size_t i = 0; !dense && i < n_added; i++)
        for (size_t at = s->lists[i]->from; at < s->lists[i]->at; at++)
            n += s->sums[s->lists[i]->slots[at] - base] >= least;
    return n;
}

static void take(struct search *s, uint32_t place, int least)
{
    if (s->sums[place] >= least)
        s->found[s->n_found++] = (uint32_t)s->sums[place] << 16 | place;
    s->sums[place] = 0;
}

/* Collects the sums that reach `least`, and clears all. */
static void take_reaching(struct search *s, size_t n_added, bool dense, uint32_t base, int least)
{
    s->n_found = 0;
    for (uint32_t g = 0; dense && g < BLOCK; g += GROUP) {
        int16_t top = SCORED;

        for (uint32_t i = 0; i < GROUP; i++)
            top = s->sums[g + i] > top ? s->sums[g + i] : top;
        for (uint32_t i = 0; top >= least && i < GROUP; i++)
            take(s, g + i, least);
    }
    if (dense)
        memset(s->sums, 0, sizeof s->sums);
    for (size_t i = 0; !dense && i < n_added; i++)
        for (size_t at = s->lists[i]->from; at < s->lists[i]->at; at++)
            take(s, s->lists[i]->slots[at] - base, least);
    for (size_t i = s->i_seed; !dense && i < s->n_seeds && s->seeds[i] - base < BLOCK; i++)
        s->sums[s->seeds[i] - base] = 0;
}

/* Adds the lists, until what is left costs more than scoring what has a chance without it. Returns
 * what those left out may bring. */
static int sum_block(struct search *s, uint32_t base)
{
    size_t i, n_postings = 0;
    int rest = 0;

    mark_seeds(s, base);
    for (i = 0; i < s->n_lists; i++) {
        struct list *l = s->lists[i];
        bool dense = n_postings >= DENSE;

        if (l->rest < s->limit && l->left > (dense ? COST_SCAN : n_postings) &&
            count_reaching(s, i, dense, base, s->limit - l->rest) * COST_SCORE <= l->left) {
            rest = l->rest;
            break;
        }
        add_list(s, l, base);
        n_postings += l->at - l->from;
    }
    take_reaching(s, i, n_postings >= DENSE, base, s->limit > rest + 1 ? s->limit - rest : 1);
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

/* The sum that about k of those found reach. */
static uint32_t kth_sum(const struct search *s)
{
    uint32_t counts[SUM_MAX / 32 + 1] = {0}, at = SUM_MAX / 32;

    for (size_t i = 0; i < s->n_found; i++)
        counts[s->found[i] >> 16 >> 5]++;
    for (size_t n = counts[at]; n < s->best->k && at > 0; n += counts[at])
        at--;
    return at << 5;
}

/* The highest bounds are offered first, so that the limit lets few of the others through. */
static void offer_found(struct search *s, uint32_t base, int rest)
{
    uint32_t first = SUM_MAX + 1;

    keep_allowed(s, base);
    if (s->n_found > s->best->k) {
        first = kth_sum(s);
        for (size_t i = 0; i < s->n_found; i++)
            if (s->found[i] >> 16 >= first)
                offer(s, base + (s->found[i] & 0xffff));
        set_limit(s);
    }
    for (size_t i = 0; i < s->n_found; i++) {
        uint32_t sum = s->found[i] >> 16;

        if (sum < first && (int)sum + rest >= s->limit)
            offer(s, base + (s->found[i] & 0xffff));
    }
    set_limit(s);
}

void bm25_search(const struct bm25 *b, const struct bm25_query *q, const struct bm25_chunks *chunks,
                 struct arena *mem, struct topk *best)
{
    struct search s;

    if (q->n > LIST_MAX) {
        bm25_search_all(b, q, chunks, best);
        return;
    }
    memset(&s, 0, offsetof(struct search, found));
    s.b = b, s.q = q, s.chunks = chunks, s.best = best;
    s.lists = arena_alloc(mem, q->n * sizeof(struct list *));
    open_lists(&s, arena_alloc(mem, q->n * sizeof(struct list)));
    if (s.n_lists == 0)
        return;
    memset(s.sums, 0, sizeof s.sums);
    fill_tables(&s);
    set_limit(&s);
    if (best->n < best->k)
        offer_seeds(&s);
    for (uint32_t base = next_block(&s, 0); base < b->n_chunks; base = next_block(&s, base + BLOCK))
        offer_found(&s, base, sum_block(&s, base));
}
