#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "index/bm25_parts.h"

/* ---- postings by counting sort ---- */

static void count_lists(struct bm25 *b)
{
    uint32_t *last = mem_calloc(b->n_terms, sizeof *last); /* 1 + the latest chunk with the term */
    uint64_t *n = b->list_start + 1;

    for (uint32_t slot = 0; slot < b->n_chunks; slot++)
        for (uint32_t i = 0; i < b->texts[slot].n; i++) {
            uint32_t term = b->sequences[b->texts[slot].start + i];

            if (term != BM25_BREAK && last[term] != slot + 1) {
                last[term] = slot + 1;
                n[term]++;
            }
        }
    for (uint32_t t = 0; t < b->n_terms; t++)
        n[t] += b->list_start[t];
    mem_free(last);
}

/* Beside the slots, how often the term stands there. */
static uint32_t *fill_lists(struct bm25 *b)
{
    uint32_t *tf = mem_alloc(b->list_start[b->n_terms] * sizeof *tf);
    uint64_t *end = mem_dup(b->list_start, (b->n_terms + (size_t)1) * sizeof *end);

    for (uint32_t slot = 0; slot < b->n_chunks; slot++)
        for (uint32_t i = 0; i < b->texts[slot].n; i++) {
            uint32_t term = b->sequences[b->texts[slot].start + i];
            uint64_t at;

            if (term == BM25_BREAK)
                continue;
            at = end[term];
            if (at > b->list_start[term] && b->slots[at - 1] == slot) {
                tf[at - 1]++;
                continue;
            }
            b->slots[at] = slot;
            tf[at] = 1;
            end[term]++;
        }
    mem_free(end);
    return tf;
}

/* ---- cells ---- */

/* A row of cells for each range of tf, from `tf` to before the next row's. In a row the cells part
 * what is between the impacts of the longest and the shortest chunk evenly. Most words stand once
 * in a chunk, so that is where cells are worth most: then a bound is 0.4 % too high at most. */
static const struct row {
    uint32_t tf, n_cells;
} rows[] = {{1, 96}, {2, 64}, {3, 32}, {4, 24}, {5, 16}, {7, 12}, {11, 12}};
enum { N_ROWS = sizeof rows / sizeof *rows };

#define CELL_K1    1.2
#define CELL_B     0.75
#define LENGTH_MAX 0xffffu /* longer chunks share the cell of this length */

struct raster {
    struct bm25_curve curve;
    uint32_t shortest, longest;
    uint8_t *code[N_ROWS]; /* [longest + 1] by length */
};

static void lengths(const struct bm25 *b, struct raster *r)
{
    r->shortest = LENGTH_MAX;
    r->longest = 0;
    for (uint32_t i = 0; i < b->n_chunks; i++) {
        uint32_t length = b->texts[i].length < LENGTH_MAX ? b->texts[i].length : LENGTH_MAX;

        if (length && length < r->shortest)
            r->shortest = length;
        if (length > r->longest)
            r->longest = length;
    }
}

static void raster_init(struct raster *r, const struct bm25 *b)
{
    struct bm25_norm norm = {CELL_K1, CELL_B, (double)b->n_words / b->n_chunks};
    uint32_t first = 0;

    r->curve = bm25_curve_of(&norm);
    lengths(b, r);
    for (int i = 0; i < N_ROWS; i++) {
        double top = bm25_impact(&r->curve, rows[i].tf, r->shortest);
        double range = top - bm25_impact(&r->curve, rows[i].tf, r->longest);

        r->code[i] = mem_calloc(r->longest + (size_t)1, 1);
        for (uint32_t n = r->shortest; n <= r->longest; n++) {
            double down = top - bm25_impact(&r->curve, rows[i].tf, n);
            uint32_t cell = range > 0 ? (uint32_t)(down / range * rows[i].n_cells) : 0;

            r->code[i][n] =
                (uint8_t)(first + (cell < rows[i].n_cells ? cell : rows[i].n_cells - 1));
        }
        first += rows[i].n_cells;
    }
}

static uint8_t raster_code(const struct raster *r, uint32_t tf, uint32_t length)
{
    int i = N_ROWS - 1;

    while (tf < rows[i].tf)
        i--;
    return r->code[i][length < r->longest ? length : r->longest];
}

static void put_in_cell(struct bm25_cell *c, uint32_t tf, uint32_t length)
{
    if (c->tf == 0 || length < c->length)
        c->length = length;
    if (tf > c->tf)
        c->tf = tf;
}

static void code_lists(struct bm25 *b, const struct raster *r, const uint32_t *tf)
{
    uint64_t n = b->list_start[b->n_terms];

    for (uint64_t p = 0; p < n; p++) {
        uint32_t length = b->texts[b->slots[p]].length;

        b->codes[p] = raster_code(r, tf[p], length);
        put_in_cell(&b->cells[b->codes[p]], tf[p], length);
    }
}

struct ranked {
    double impact; /* of the cell; empty ones have none */
    uint8_t code;
};

static int by_impact(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    return x->impact != y->impact ? (x->impact > y->impact) - (x->impact < y->impact)
                                  : (x->code > y->code) - (x->code < y->code);
}

/* Numbers the cells by what they bring, and with that says the best of every list. */
static void sort_cells(struct bm25 *b, const struct raster *r)
{
    struct ranked ranked[BM25_CELLS];
    struct bm25_cell sorted[BM25_CELLS];
    uint8_t moved[BM25_CELLS];

    for (int c = 0; c < BM25_CELLS; c++) {
        const struct bm25_cell *cell = &b->cells[c];

        ranked[c].code = (uint8_t)c;
        ranked[c].impact = cell->tf ? bm25_impact(&r->curve, cell->tf, cell->length) : 0;
    }
    qsort(ranked, BM25_CELLS, sizeof *ranked, by_impact);
    for (int c = 0; c < BM25_CELLS; c++) {
        sorted[c] = b->cells[ranked[c].code];
        moved[ranked[c].code] = (uint8_t)c;
    }
    for (int c = 0; c < BM25_CELLS; c++)
        b->cells[c] = sorted[c];
    for (uint32_t t = 0; t < b->n_terms; t++)
        for (uint64_t p = b->list_start[t]; p < b->list_start[t + 1]; p++) {
            b->codes[p] = moved[b->codes[p]];
            if (b->codes[p] > b->highest[t])
                b->highest[t] = b->codes[p];
        }
}

void bm25_make_lists(struct bm25 *b)
{
    struct raster r;
    uint64_t n;
    uint32_t *tf;

    b->list_start = mem_calloc(b->n_terms + (size_t)1, sizeof *b->list_start);
    count_lists(b);
    n = b->list_start[b->n_terms];
    b->slots = mem_alloc(n * sizeof *b->slots);
    b->codes = mem_alloc(n);
    b->highest = mem_calloc(b->n_terms, 1);
    b->cells = mem_calloc(BM25_CELLS, sizeof *b->cells);
    if (n == 0)
        return;
    tf = fill_lists(b);
    raster_init(&r, b);
    code_lists(b, &r, tf);
    sort_cells(b, &r);
    for (int i = 0; i < N_ROWS; i++)
        mem_free(r.code[i]);
    mem_free(tf);
}
