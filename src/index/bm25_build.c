#include "index/bm25.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/bm25_parts.h"

/* ---- one builder ---- */

struct bm25_builder {
    struct dict *terms;
    uint32_t *sequences; /* end to end */
    uint64_t *start;     /* [n_chunks + 1] */
    size_t n, n_chunks;
    size_t cap_sequences, cap_start;
};

struct bm25_builder *bm25_builder_new(void)
{
    struct bm25_builder *b = mem_calloc(1, sizeof *b);

    b->terms = dict_new();
    b->start = mem_grow(b->start, &b->cap_start, 1, sizeof *b->start);
    b->start[0] = 0;
    return b;
}

static void builder_free(struct bm25_builder *b)
{
    dict_free(b->terms);
    mem_free(b->sequences);
    mem_free(b->start);
    mem_free(b);
}

static void add_term(struct bm25_builder *b, uint32_t term)
{
    if (b->n == b->cap_sequences)
        b->sequences = mem_grow(b->sequences, &b->cap_sequences, b->n + 1, sizeof *b->sequences);
    b->sequences[b->n++] = term;
}

static void add_word(void *arg, struct str word, uint32_t from, uint32_t to)
{
    struct bm25_builder *b = arg;

    (void)from, (void)to;
    add_term(b, dict_add(b->terms, word, NULL));
}

void bm25_add_chunk(struct bm25_builder *b, struct word_analyzer *a, const struct str *fields,
                    size_t n_fields)
{
    for (size_t i = 0; i < n_fields; i++) {
        if (i > 0)
            add_term(b, BM25_BREAK);
        words_each(a, fields[i], add_word, b);
    }
    b->start = mem_grow(b->start, &b->cap_start, b->n_chunks + 2, sizeof *b->start);
    b->start[++b->n_chunks] = b->n;
}

/* ---- from parts to sequences ---- */

#define GONE UINT32_MAX

/* What is joined: a builder's chunks, or the living ones of an index. */
struct part {
    const struct dict *terms;
    const uint64_t *start;
    const uint32_t *sequences;
    size_t n_chunks;
    const uint64_t *dead;
};

static void measure_part(const struct part *p, size_t *n_chunks, size_t *n_terms)
{
    for (size_t i = 0; i < p->n_chunks; i++)
        if (!p->dead || !bitmap_get(p->dead, i)) {
            ++*n_chunks;
            *n_terms += p->start[i + 1] - p->start[i];
        }
}

/* Terms are numbered as they come: those that stand in no living chunk get no number. */
static void copy_chunk(struct bm25 *out, const struct part *p, size_t i, uint32_t *moved)
{
    uint64_t at = out->sequence_start[out->n_chunks];
    uint32_t length = 0;

    for (uint64_t from = p->start[i]; from < p->start[i + 1]; from++) {
        uint32_t term = p->sequences[from];

        if (term == BM25_BREAK) {
            out->sequences[at++] = BM25_BREAK;
            continue;
        }
        if (moved[term] == GONE)
            moved[term] = dict_add(out->terms, dict_at(p->terms, term), NULL);
        out->sequences[at++] = moved[term];
        length++;
    }
    out->length[out->n_chunks] = length;
    out->n_words += length;
    out->sequence_start[++out->n_chunks] = at;
}

static void copy_part(struct bm25 *out, const struct part *p)
{
    uint32_t n_terms = dict_count(p->terms);
    uint32_t *moved = mem_alloc(n_terms * sizeof *moved);

    memset(moved, 0xff, n_terms * sizeof *moved); /* GONE */
    for (size_t i = 0; i < p->n_chunks; i++)
        if (!p->dead || !bitmap_get(p->dead, i))
            copy_chunk(out, p, i, moved);
    mem_free(moved);
}

static struct bm25 *join(const struct part *parts, size_t n)
{
    struct bm25 *out = mem_calloc(1, sizeof *out);
    size_t n_chunks = 0, n_terms = 0;

    for (size_t i = 0; i < n; i++)
        measure_part(&parts[i], &n_chunks, &n_terms);
    CHECK(n_chunks < UINT32_MAX);
    out->terms = dict_new();
    out->length = mem_alloc(n_chunks * sizeof *out->length);
    out->sequence_start = mem_calloc(n_chunks + 1, sizeof *out->sequence_start);
    out->sequences = mem_alloc(n_terms * sizeof *out->sequences);
    for (size_t i = 0; i < n; i++)
        copy_part(out, &parts[i]);
    out->n_terms = dict_count(out->terms);
    bm25_make_lists(out);
    return out;
}

struct bm25 *bm25_finish(struct bm25_builder *const *builders, size_t n)
{
    struct part *parts = mem_alloc(n * sizeof *parts);
    struct bm25 *out;

    for (size_t i = 0; i < n; i++) {
        const struct bm25_builder *b = builders[i];

        parts[i] = (struct part){b->terms, b->start, b->sequences, b->n_chunks, NULL};
    }
    out = join(parts, n);
    mem_free(parts);
    for (size_t i = 0; i < n; i++)
        builder_free(builders[i]);
    return out;
}

struct bm25 *bm25_merge(const struct bm25 *const *indexes, const uint64_t *const *dead, size_t n)
{
    struct part *parts = mem_alloc(n * sizeof *parts);
    struct bm25 *out;

    for (size_t i = 0; i < n; i++) {
        const struct bm25 *b = indexes[i];

        parts[i] = (struct part){b->terms, b->sequence_start, b->sequences, b->n_chunks, dead[i]};
    }
    out = join(parts, n);
    mem_free(parts);
    return out;
}

/* ---- the finished index ---- */

void bm25_free(struct bm25 *b)
{
    if (!b)
        return;
    dict_free(b->terms);
    if (!b->mapped) {
        mem_free(b->length);
        mem_free(b->sequence_start);
        mem_free(b->sequences);
        mem_free(b->list_start);
        mem_free(b->slots);
        mem_free(b->codes);
        mem_free(b->highest);
        mem_free(b->cells);
    }
    mem_free(b);
}

size_t bm25_bytes(const struct bm25 *b)
{
    if (b->mapped)
        return sizeof *b + dict_bytes(b->terms);
    return sizeof *b + dict_bytes(b->terms) +
           b->n_chunks * (sizeof *b->length + sizeof *b->sequence_start) +
           b->sequence_start[b->n_chunks] * sizeof *b->sequences +
           b->list_start[b->n_terms] * (sizeof *b->slots + sizeof *b->codes) +
           b->n_terms * (sizeof *b->list_start + sizeof *b->highest) +
           BM25_CELLS * sizeof *b->cells;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

size_t bm25_distinct(const struct bm25 *b, uint32_t slot, uint32_t *out)
{
    size_t n_all, n = 0, distinct = 0;
    const uint32_t *v = bm25_sequence(b, slot, &n_all);

    for (size_t i = 0; i < n_all; i++)
        if (v[i] != BM25_BREAK)
            out[n++] = v[i];
    qsort(out, n, sizeof *out, by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || out[i] != out[i - 1])
            out[distinct++] = out[i];
    return distinct;
}
