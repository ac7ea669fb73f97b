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
    uint32_t *sequences;     /* end to end */
    struct bm25_text *texts; /* [n_chunks] */
    size_t n, n_chunks;
    size_t cap_sequences, cap_texts;
};

struct bm25_builder *bm25_builder_new(void)
{
    struct bm25_builder *b = mem_calloc(1, sizeof *b);

    b->terms = dict_new();
    return b;
}

static void builder_free(struct bm25_builder *b)
{
    dict_free(b->terms);
    mem_free(b->sequences);
    mem_free(b->texts);
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
    size_t start = b->n;

    for (size_t i = 0; i < n_fields; i++) {
        if (i > 0)
            add_term(b, BM25_BREAK);
        words_each(a, fields[i], add_word, b);
    }
    CHECK(b->n - start < INT32_MAX);
    b->texts = mem_grow(b->texts, &b->cap_texts, b->n_chunks + 1, sizeof *b->texts);
    b->texts[b->n_chunks++] = (struct bm25_text){start, (uint32_t)(b->n - start),
                                                 (uint32_t)(b->n - start - (n_fields - 1))};
}

/* ---- from parts to sequences ---- */

#define GONE UINT32_MAX

/* What is joined: a builder's chunks, or the living ones of an index. */
struct part {
    const struct dict *terms;
    const struct bm25_text *texts;
    const uint32_t *sequences;
    size_t n_chunks;
    const uint64_t *dead;
};

static void measure_part(const struct part *p, size_t *n_chunks, size_t *n_items)
{
    for (size_t i = 0; i < p->n_chunks; i++)
        if (!p->dead || !bitmap_get(p->dead, i)) {
            ++*n_chunks;
            *n_items += p->texts[i].n;
        }
}

/* Terms are numbered as they come: those that stand in no living chunk get no number. */
static void copy_chunk(struct bm25 *out, const struct part *p, size_t i, uint32_t *moved)
{
    struct bm25_text text = p->texts[i];
    const uint32_t *from = p->sequences + text.start;
    uint32_t *to = out->sequences + out->n_sequences;

    for (uint32_t k = 0; k < text.n; k++) {
        if (from[k] != BM25_BREAK && moved[from[k]] == GONE)
            moved[from[k]] = dict_add(out->terms, dict_at(p->terms, from[k]), NULL);
        to[k] = from[k] == BM25_BREAK ? BM25_BREAK : moved[from[k]];
    }
    text.start = out->n_sequences;
    out->texts[out->n_chunks++] = text;
    out->n_sequences += text.n;
    out->n_words += text.length;
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
    size_t n_chunks = 0, n_items = 0;

    for (size_t i = 0; i < n; i++)
        measure_part(&parts[i], &n_chunks, &n_items);
    CHECK(n_chunks < UINT32_MAX - UINT16_MAX); /* a block of slots more can be counted */
    out->terms = dict_new();
    out->texts = mem_alloc(n_chunks * sizeof *out->texts);
    out->sequences = mem_alloc(n_items * sizeof *out->sequences);
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

        parts[i] = (struct part){b->terms, b->texts, b->sequences, b->n_chunks, NULL};
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

        parts[i] = (struct part){b->terms, b->texts, b->sequences, b->n_chunks, dead[i]};
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
        mem_free(b->texts);
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
    return sizeof *b + dict_bytes(b->terms) + b->n_chunks * sizeof *b->texts +
           b->n_sequences * sizeof *b->sequences +
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
