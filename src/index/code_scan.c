#include "index/code_scan.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "simd/simd.h"

/* Rows scored at a time; one word of the bitmap tells about them. */
#define BLOCK 64

/* Bytes of a query's code on the stack; longer ones are rare and come from the heap. */
#define ROOM 2048

/* Rounding, plus the most that a clipped vector can lose: the length of what was cut times the
 * largest component of the query, for the one or two components that a cut is made of. */
float code_margin(const struct codes_query *q, float cut)
{
    return SCAN_SIGMAS * q->error + cut * q->largest * (float)M_SQRT2;
}

void code_collector_init(struct code_collector *c, const struct codes_query *q, float cut, size_t k)
{
    float two =
        (float)M_SQRT2 * SCAN_SIGMAS * q->error + 2 * (code_margin(q, cut) - code_margin(q, 0));

    *c = (struct code_collector){.cap = 2 * k + 128, .k = k, .floor = INT32_MIN};
    c->slack = (int32_t)fminf(two / q->unit + 1, 1e9f);
    c->v = mem_alloc(c->cap * sizeof *c->v);
}

void code_collector_done(struct code_collector *c)
{
    mem_free(c->v);
}

static void swap(struct code_candidate *a, struct code_candidate *b)
{
    struct code_candidate t = *a;

    *a = *b;
    *b = t;
}

/* Puts the k-th best at v[k-1], better ones before it (Hoare's selection). */
static int32_t kth_best(struct code_candidate *v, size_t n, size_t k)
{
    size_t from = 0, to = n - 1;

    while (from < to) {
        int32_t pivot = v[(from + to) / 2].score;
        size_t i = from, j = to;

        for (;;) {
            while (v[i].score > pivot)
                i++;
            while (v[j].score < pivot)
                j--;
            if (i >= j)
                break;
            swap(&v[i++], &v[j--]);
        }
        if (k - 1 <= j)
            to = j;
        else
            from = j + 1;
    }
    return v[k - 1].score;
}

void code_collector_finish(struct code_collector *c)
{
    size_t n = 0;
    int64_t floor;

    if (c->n <= c->k)
        return;
    floor = (int64_t)kth_best(c->v, c->n, c->k) - c->slack;
    c->floor = floor > INT32_MIN ? (int32_t)floor : INT32_MIN;
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i].score >= c->floor)
            c->v[n++] = c->v[i];
    c->n = n;
}

void code_collector_add(struct code_collector *c, int32_t score, uint32_t slot)
{
    if (score < c->floor)
        return;
    if (c->n == c->cap) {
        code_collector_finish(c);
        if (c->n > c->cap / 2)
            c->v = mem_grow(c->v, &c->cap, 2 * c->cap, sizeof *c->v);
        if (score < c->floor)
            return;
    }
    c->v[c->n++] = (struct code_candidate){score, slot};
}

static void scan(const struct flat_codes *f, const struct codes_query *q, const uint64_t *allowed,
                 struct code_collector *c)
{
    const struct simd *simd = simd_get();
    size_t n_bytes = codes_stride(f->dim);
    int32_t scores[BLOCK];

    for (size_t at = 0; at < f->n; at += BLOCK) {
        size_t n = f->n - at < BLOCK ? f->n - at : BLOCK;
        uint64_t bits = n < BLOCK ? ((uint64_t)1 << n) - 1 : ~(uint64_t)0;

        if (allowed)
            bits &= allowed[at / BLOCK];
        if (!bits)
            continue;
        simd->codes_rows(q->bytes, q->bias, f->codes + at * n_bytes, n_bytes, n, scores);
        for (; bits; bits &= bits - 1) {
            size_t i = (size_t)__builtin_ctzll(bits);

            if (scores[i] >= c->floor)
                code_collector_add(c, scores[i], (uint32_t)(at + i));
        }
    }
}

size_t flat_codes_search(const struct flat_codes *f, const float *query, const uint64_t *allowed,
                         size_t k, struct vector_hit *out)
{
    int8_t stack[ROOM];
    int8_t *room = codes_stride(f->dim) <= ROOM ? stack : mem_alloc(codes_stride(f->dim));
    struct codes_query q = codes_query(query, f->dim, room);
    struct rescore r = {query, f->vectors, f->dim, q.unit, code_margin(&q, f->cut), f->ids};
    struct code_collector c;
    size_t n;

    code_collector_init(&c, &q, f->cut, k);
    scan(f, &q, allowed, &c);
    code_collector_finish(&c);
    n = rescore_best(&r, c.v, c.n, k, out, NULL);
    code_collector_done(&c);
    if (room != stack)
        mem_free(room);
    return n;
}
