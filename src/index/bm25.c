#include "index/bm25.h"

#include <math.h>

#include "base/check.h"
#include "base/mem.h"
#include "index/bitmap.h"

/* ---- building ---- */

/* Counts words chunk by chunk. `entries` holds (term, tf) of one chunk after the other; where a
 * term was seen last tells whether this chunk has it already. */
struct entry {
    uint32_t term, tf;
};

struct bm25_builder {
    struct dict *terms;
    size_t *last; /* [n_terms] 1 + index of the term's latest entry */
    struct entry *entries;
    size_t *start; /* [n_chunks] */
    uint32_t *length;
    size_t n_entries, n_chunks;
    size_t cap_last, cap_entries, cap_start, cap_length;
};

struct bm25_builder *bm25_builder_new(void)
{
    struct bm25_builder *b = mem_calloc(1, sizeof *b);

    b->terms = dict_new();
    return b;
}

static void count_word(void *arg, struct str word, uint32_t from, uint32_t to)
{
    struct bm25_builder *b = arg;
    size_t i_chunk = b->n_chunks - 1;
    bool added;
    uint32_t term = dict_add(b->terms, word, &added);

    (void)from, (void)to;
    if (added) {
        b->last = mem_grow(b->last, &b->cap_last, term + (size_t)1, sizeof *b->last);
        b->last[term] = 0;
    }
    b->length[i_chunk]++;
    if (b->last[term] > b->start[i_chunk]) {
        b->entries[b->last[term] - 1].tf++;
        return;
    }
    b->entries = mem_grow(b->entries, &b->cap_entries, b->n_entries + 1, sizeof *b->entries);
    b->entries[b->n_entries] = (struct entry){term, 1};
    b->last[term] = ++b->n_entries;
}

void bm25_add_chunk(struct bm25_builder *b, struct word_analyzer *a, struct str text)
{
    b->start = mem_grow(b->start, &b->cap_start, b->n_chunks + 1, sizeof *b->start);
    b->length = mem_grow(b->length, &b->cap_length, b->n_chunks + 1, sizeof *b->length);
    b->start[b->n_chunks] = b->n_entries;
    b->length[b->n_chunks] = 0;
    b->n_chunks++;
    words_each(a, text, count_word, b);
}

/* An index with room for its lists; list_start is zero. */
static struct bm25 *new_index(struct dict *terms, size_t n_chunks, size_t n_postings)
{
    struct bm25 *b = mem_calloc(1, sizeof *b);

    CHECK(n_chunks < UINT32_MAX);
    b->n_chunks = (uint32_t)n_chunks;
    b->terms = terms;
    b->n_terms = dict_count(terms);
    b->list_start = mem_calloc(b->n_terms + (size_t)1, sizeof *b->list_start);
    b->lists = mem_alloc(n_postings * sizeof *b->lists);
    b->length = mem_alloc(n_chunks * sizeof *b->length);
    b->word_start = mem_calloc(n_chunks + 1, sizeof *b->word_start);
    b->words = mem_alloc(n_postings * sizeof *b->words);
    return b;
}

/* list_start holds how long each list is, and then where the next posting of each goes. Filling
 * moves every start to its list's end, which is the next one's start: shifting by one puts it
 * right again. */
static void lists_begin(struct bm25 *b)
{
    size_t at = 0;

    for (uint32_t t = 0; t <= b->n_terms; t++) {
        size_t n = b->list_start[t];

        b->list_start[t] = at;
        at += n;
    }
}

static void lists_end(struct bm25 *b)
{
    for (uint32_t t = b->n_terms; t > 0; t--)
        b->list_start[t] = b->list_start[t - 1];
    b->list_start[0] = 0;
}

static void fill_chunk(struct bm25 *out, const struct bm25_builder *b, size_t i)
{
    size_t end = i + 1 < b->n_chunks ? b->start[i + 1] : b->n_entries;

    out->length[i] = b->length[i];
    out->n_words += b->length[i];
    out->word_start[i + 1] = end;
    for (size_t e = b->start[i]; e < end; e++) {
        uint32_t term = b->entries[e].term;

        out->words[e] = term;
        out->lists[out->list_start[term]++] = (struct posting){(uint32_t)i, b->entries[e].tf};
    }
}

struct bm25 *bm25_finish(struct bm25_builder *b)
{
    struct bm25 *out = new_index(b->terms, b->n_chunks, b->n_entries);

    for (size_t e = 0; e < b->n_entries; e++)
        out->list_start[b->entries[e].term]++;
    lists_begin(out);
    for (size_t i = 0; i < b->n_chunks; i++)
        fill_chunk(out, b, i);
    lists_end(out);
    mem_free(b->last);
    mem_free(b->entries);
    mem_free(b->start);
    mem_free(b->length);
    mem_free(b);
    return out;
}

void bm25_free(struct bm25 *b)
{
    if (!b)
        return;
    dict_free(b->terms);
    mem_free(b->list_start);
    mem_free(b->lists);
    mem_free(b->length);
    mem_free(b->word_start);
    mem_free(b->words);
    mem_free(b);
}

/* ---- merging ---- */

#define GONE UINT32_MAX

/* Where the chunks and terms of one part go in the merged index; GONE where they do not. */
struct moved {
    uint32_t *slot; /* [n_chunks] */
    uint32_t *term; /* [n_terms] */
};

/* Takes the living chunks and their terms; returns how many postings they have. */
static size_t move_part(const struct bm25 *part, const uint64_t *dead, struct dict *terms,
                        uint32_t *n_chunks, struct moved *m)
{
    size_t n_postings = 0;

    m->slot = mem_alloc(part->n_chunks * sizeof *m->slot);
    m->term = mem_alloc(part->n_terms * sizeof *m->term);
    for (uint32_t t = 0; t < part->n_terms; t++)
        m->term[t] = GONE;
    for (uint32_t i = 0; i < part->n_chunks; i++) {
        m->slot[i] = GONE;
        if (dead && bitmap_get(dead, i))
            continue;
        m->slot[i] = (*n_chunks)++;
        n_postings += part->word_start[i + 1] - part->word_start[i];
        for (size_t w = part->word_start[i]; w < part->word_start[i + 1]; w++) {
            uint32_t t = part->words[w];

            if (m->term[t] == GONE)
                m->term[t] = dict_add(terms, dict_at(part->terms, t), NULL);
        }
    }
    return n_postings;
}

static void copy_words(struct bm25 *out, const struct bm25 *part, const struct moved *m)
{
    for (uint32_t i = 0; i < part->n_chunks; i++) {
        uint32_t slot = m->slot[i];
        size_t at;

        if (slot == GONE)
            continue;
        at = out->word_start[slot];
        for (size_t w = part->word_start[i]; w < part->word_start[i + 1]; w++) {
            uint32_t term = m->term[part->words[w]];

            out->words[at++] = term;
            out->list_start[term]++;
        }
        out->word_start[slot + 1] = at;
        out->length[slot] = part->length[i];
        out->n_words += part->length[i];
    }
}

static void copy_lists(struct bm25 *out, const struct bm25 *part, const struct moved *m)
{
    for (uint32_t t = 0; t < part->n_terms; t++) {
        if (m->term[t] == GONE)
            continue;
        for (size_t p = part->list_start[t]; p < part->list_start[t + 1]; p++) {
            uint32_t slot = m->slot[part->lists[p].slot];

            if (slot != GONE)
                out->lists[out->list_start[m->term[t]]++] =
                    (struct posting){slot, part->lists[p].tf};
        }
    }
}

struct bm25 *bm25_merge(const struct bm25 *const *parts, const uint64_t *const *dead, size_t n)
{
    struct moved *moved = mem_alloc(n * sizeof *moved);
    struct dict *terms = dict_new();
    uint32_t n_chunks = 0;
    size_t n_postings = 0;
    struct bm25 *out;

    for (size_t i = 0; i < n; i++)
        n_postings += move_part(parts[i], dead[i], terms, &n_chunks, &moved[i]);
    out = new_index(terms, n_chunks, n_postings);
    for (size_t i = 0; i < n; i++)
        copy_words(out, parts[i], &moved[i]);
    lists_begin(out);
    for (size_t i = 0; i < n; i++)
        copy_lists(out, parts[i], &moved[i]);
    lists_end(out);
    for (size_t i = 0; i < n; i++) {
        mem_free(moved[i].slot);
        mem_free(moved[i].term);
    }
    mem_free(moved);
    return out;
}

/* ---- scoring ---- */

double bm25_idf(uint64_t n_chunks, uint64_t df)
{
    return log(1 + ((double)n_chunks - (double)df + 0.5) / ((double)df + 0.5));
}

void bm25_accumulate(const struct bm25 *b, uint32_t term, float weight,
                     const struct bm25_norm *norm, float *scores)
{
    const struct posting *p = b->lists + b->list_start[term];
    const struct posting *end = b->lists + b->list_start[term + 1];
    float base = (float)(norm->k1 * (1 - norm->b));
    float slope = norm->mean_length > 0 ? (float)(norm->k1 * norm->b / norm->mean_length) : 0;

    for (; p < end; p++) {
        float tf = (float)p->tf;

        scores[p->slot] += weight * tf / (tf + base + slope * (float)b->length[p->slot]);
    }
}

size_t bm25_bytes(const struct bm25 *b)
{
    size_t n_postings = b->list_start[b->n_terms];

    return sizeof *b + dict_bytes(b->terms) + (b->n_terms + (size_t)1) * sizeof *b->list_start +
           n_postings * (sizeof *b->lists + sizeof *b->words) +
           b->n_chunks * (sizeof *b->length + sizeof *b->word_start);
}
