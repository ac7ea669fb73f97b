#include "index/segment.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sections.h"
#include "index/bitmap.h"
#include "index/fields.h"

uint64_t document_version(const struct document_row *doc)
{
    uint64_t version;

    memcpy(&version, doc->hash.b, sizeof version);
    return version;
}

struct segment *segment_ref(struct segment *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

static void free_arrays(struct segment *s)
{
    mem_free(s->vectors);
    mem_free(s->no_vector);
    mem_free(s->codes);
    mem_free(s->chunk_id);
    mem_free(s->document);
    mem_free(s->first_chunk);
    mem_free(s->document_id);
    mem_free(s->version);
}

static void segment_free(struct segment *s)
{
    if (!s->file)
        free_arrays(s);
    dict_free(s->keys);
    bm25_free(s->words);
    columns_free(s->columns);
    hnsw_free(s->graph);
    filter_bits_free(s->filter_bits);
    sections_close(s->file); /* last: what was mapped is in it */
    mem_free(s);
}

void segment_unref(struct segment *s)
{
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        segment_free(s);
}

size_t segment_bytes(const struct segment *s)
{
    if (s->file)
        return sizeof *s + sections_bytes(s->file);
    return sizeof *s +
           s->n_chunks * (s->dim * sizeof *s->vectors + sizeof *s->chunk_id + sizeof *s->document) +
           (s->no_vector ? bitmap_words(s->n_chunks) * 8 : 0) +
           (s->graph ? hnsw_bytes(s->graph) : s->n_chunks * codes_stride(s->dim)) +
           filter_bits_bytes(s->filter_bits) + dict_bytes(s->keys) +
           s->n_documents * (sizeof *s->first_chunk + sizeof *s->document_id + sizeof *s->version) +
           bm25_bytes(s->words) + columns_bytes(s->columns);
}

struct flat_codes segment_codes(const struct segment *s)
{
    return (struct flat_codes){s->codes, s->vectors,   s->n_chunks,
                               s->dim,   s->codes_cut, s->chunk_id};
}

struct flat segment_flat(const struct segment *s)
{
    return (struct flat){s->vectors, s->chunk_id, s->n_chunks, s->dim};
}

/* What is made from the arrays once all of them are there. */
static void finish(struct segment *s)
{
    size_t stride = codes_stride(s->dim);

    s->codes = mem_alloc_aligned(s->n_chunks * stride);
    for (size_t i = 0; i < s->n_chunks; i++) {
        float cut = codes_encode(s->vectors + i * s->dim, s->dim, s->codes + i * stride);

        s->codes_cut = cut > s->codes_cut ? cut : s->codes_cut;
    }
    s->filter_bits = filter_bits_new(s->n_chunks);
}

/* ---- building ---- */

/* Texts are kept until there are BATCH of them; then their words are counted in slices, by all
 * threads of the pool. Each slice becomes a part, and the parts are merged at the end. */
#define BATCH 4096
#define SLICE 256

/* What a chunk is found by. */
struct fields {
    struct str v[N_FIELDS];
};

struct segment_builder {
    struct segment *s;
    struct columns_builder *columns;
    struct analyzers *analyzers;
    struct pool *pool;
    size_t cap_vectors, cap_chunk_id, cap_document, cap_first, cap_document_id, cap_version;
    uint8_t *missing; /* [n_chunks] 1: has no vector */
    size_t cap_missing, n_missing;

    struct buf names;    /* of the document that chunks are added to */
    struct arena *texts; /* waiting to be analysed */
    struct fields waiting[BATCH];
    size_t n_waiting;
    struct bm25_builder **parts;
    size_t n_parts, cap_parts;
};

/* Vectors grow aligned, which mem_grow does not promise. */
static void reserve_vectors(struct segment_builder *b, size_t n)
{
    struct segment *s = b->s;
    size_t cap = b->cap_vectors ? b->cap_vectors : 16;
    float *grown;

    if (n <= b->cap_vectors)
        return;
    while (cap < n)
        cap *= 2;
    grown = mem_alloc_aligned(cap * s->dim * sizeof *grown);
    if (s->n_chunks)
        memcpy(grown, s->vectors, s->n_chunks * s->dim * sizeof *grown);
    mem_free(s->vectors);
    s->vectors = grown;
    b->cap_vectors = cap;
}

struct segment_builder *segment_builder_new(size_t dim, size_t chunks_hint,
                                            struct analyzers *analyzers, struct pool *pool)
{
    struct segment_builder *b = mem_calloc(1, sizeof *b);

    b->s = mem_calloc(1, sizeof *b->s);
    atomic_init(&b->s->refs, 1);
    b->s->dim = dim;
    b->s->keys = dict_new();
    b->columns = columns_builder_new();
    b->analyzers = analyzers;
    b->pool = pool;
    buf_init(&b->names);
    b->texts = arena_new(64u << 10);
    b->cap_vectors = chunks_hint;
    b->s->vectors = mem_alloc_aligned(chunks_hint * dim * sizeof(float));
    return b;
}

void segment_add_document(struct segment_builder *b, const struct document_row *doc)
{
    struct segment *s = b->s;
    bool added;
    uint32_t place = dict_add(s->keys, doc->key, &added);

    CHECK(added);
    s->first_chunk =
        mem_grow(s->first_chunk, &b->cap_first, place + (size_t)2, sizeof *s->first_chunk);
    s->document_id =
        mem_grow(s->document_id, &b->cap_document_id, place + (size_t)1, sizeof *s->document_id);
    s->version = mem_grow(s->version, &b->cap_version, place + (size_t)1, sizeof *s->version);
    s->first_chunk[place] = (uint32_t)s->n_chunks;
    s->first_chunk[place + 1] = (uint32_t)s->n_chunks;
    s->document_id[place] = (uint64_t)doc->id;
    s->version[place] = document_version(doc);
    s->n_documents = place + (size_t)1;
    columns_add_document(b->columns, doc);
    buf_clear(&b->names);
    fields_names(doc, &b->names);
}

/* Counts the words of slice i of the waiting texts. */
static void count_slice(void *arg, size_t i)
{
    struct segment_builder *b = arg;
    struct bm25_builder *words = bm25_builder_new();
    struct word_analyzer *a = analyzers_get(b->analyzers);
    size_t end = (i + 1) * SLICE < b->n_waiting ? (i + 1) * SLICE : b->n_waiting;

    for (size_t t = i * SLICE; t < end; t++)
        bm25_add_chunk(words, a, b->waiting[t].v, N_FIELDS);
    analyzers_put(b->analyzers, a);
    b->parts[b->n_parts + i] = words;
}

static void count_waiting(struct segment_builder *b)
{
    size_t n_slices = (b->n_waiting + SLICE - 1) / SLICE;

    b->parts = mem_grow(b->parts, &b->cap_parts, b->n_parts + n_slices, sizeof *b->parts);
    if (b->pool)
        pool_each(b->pool, n_slices, count_slice, b);
    else
        for (size_t i = 0; i < n_slices; i++)
            count_slice(b, i);
    b->n_parts += n_slices;
    b->n_waiting = 0;
    arena_reset(b->texts);
}

static struct str keep(struct segment_builder *b, struct str s)
{
    return (struct str){s.n ? arena_dup(b->texts, s.p, s.n) : "", s.n};
}

static struct fields fields_of(struct segment_builder *b, const struct chunk_row *chunk)
{
    struct str names = keep(b, buf_view(&b->names)), heading = keep(b, chunk->heading);

    return (struct fields){.v = {[FIELD_NAMES] = names,
                                 [FIELD_NAMES_AGAIN] = names,
                                 [FIELD_HEADING] = heading,
                                 [FIELD_HEADING_AGAIN] = heading,
                                 [FIELD_TEXT] = keep(b, chunk->text)}};
}

void segment_add_chunk(struct segment_builder *b, const struct chunk_row *chunk,
                       const float *vector)
{
    struct segment *s = b->s;
    size_t i = s->n_chunks;

    CHECK(s->n_documents > 0);
    CHECK(i < UINT32_MAX - 1);
    reserve_vectors(b, i + 1);
    s->chunk_id = mem_grow(s->chunk_id, &b->cap_chunk_id, i + 1, sizeof *s->chunk_id);
    s->document = mem_grow(s->document, &b->cap_document, i + 1, sizeof *s->document);
    b->missing = mem_grow(b->missing, &b->cap_missing, i + 1, sizeof *b->missing);
    if (vector)
        memcpy(s->vectors + i * s->dim, vector, s->dim * sizeof *vector);
    b->missing[i] = !vector;
    b->n_missing += !vector;
    s->chunk_id[i] = chunk->id;
    s->document[i] = (uint32_t)(s->n_documents - 1);
    s->n_chunks++;
    s->first_chunk[s->n_documents] = (uint32_t)s->n_chunks;
    columns_add_chunk(b->columns, chunk);
    b->waiting[b->n_waiting++] = fields_of(b, chunk);
    if (b->n_waiting == BATCH)
        count_waiting(b);
}

struct segment *segment_finish(struct segment_builder *b)
{
    struct segment *s = b->s;

    count_waiting(b);
    if (b->n_missing) {
        s->no_vector = mem_calloc(bitmap_words(s->n_chunks), sizeof *s->no_vector);
        for (size_t i = 0; i < s->n_chunks; i++)
            if (b->missing[i])
                bitmap_set(s->no_vector, i);
    }
    if (!s->n_documents)
        s->first_chunk = mem_calloc(1, sizeof *s->first_chunk);
    s->words = bm25_finish(b->parts, b->n_parts);
    mem_free(b->parts);
    s->columns = columns_finish(b->columns);
    finish(s);
    arena_free(b->texts);
    buf_done(&b->names);
    mem_free(b->missing);
    mem_free(b);
    return s;
}

/* ---- merging ---- */

static void merge_document(struct segment *out, const struct segment *in, size_t d)
{
    bool added;
    uint32_t place = dict_add(out->keys, dict_at(in->keys, (uint32_t)d), &added);

    CHECK(added); /* a key lives in one segment only */
    out->document_id[place] = in->document_id[d];
    out->version[place] = in->version[d];
    for (size_t i = in->first_chunk[d]; i < in->first_chunk[d + 1]; i++) {
        size_t to = out->n_chunks++;

        memcpy(out->vectors + to * out->dim, in->vectors + i * in->dim,
               in->dim * sizeof *in->vectors);
        out->chunk_id[to] = in->chunk_id[i];
        out->document[to] = place;
        if (in->no_vector && bitmap_get(in->no_vector, i))
            bitmap_set(out->no_vector, to);
    }
    out->n_documents++;
    out->first_chunk[place + 1] = (uint32_t)out->n_chunks;
}

static size_t count_living(const uint64_t *dead, size_t n)
{
    return dead ? n - bitmap_count(dead, n) : n;
}

/* The words and columns; they go by the dead bitmaps alone and need no order from us. */
static void merge_rest(struct segment *out, const struct segment_part *parts, size_t n)
{
    const struct bm25 **words = mem_alloc(n * sizeof *words);
    const uint64_t **dead = mem_alloc(n * sizeof *dead);
    struct columns_part *columns = mem_alloc(n * sizeof *columns);

    for (size_t i = 0; i < n; i++) {
        words[i] = parts[i].segment->words;
        dead[i] = parts[i].dead_chunks;
        columns[i] = (struct columns_part){parts[i].segment->columns, parts[i].dead_chunks,
                                           parts[i].dead_documents};
    }
    out->words = bm25_merge(words, dead, n);
    out->columns = columns_merge(columns, n);
    mem_free(words);
    mem_free(dead);
    mem_free(columns);
}

struct segment *segment_merge(const struct segment_part *parts, size_t n)
{
    struct segment *out = mem_calloc(1, sizeof *out);
    size_t n_chunks = 0, n_documents = 0;
    bool missing = false;

    for (size_t i = 0; i < n; i++) {
        n_chunks += count_living(parts[i].dead_chunks, parts[i].segment->n_chunks);
        n_documents += count_living(parts[i].dead_documents, parts[i].segment->n_documents);
        missing |= parts[i].segment->no_vector != NULL;
    }
    CHECK(n > 0);
    atomic_init(&out->refs, 1);
    out->dim = parts[0].segment->dim;
    out->vectors = mem_alloc_aligned(n_chunks * out->dim * sizeof *out->vectors);
    out->no_vector = missing ? mem_calloc(bitmap_words(n_chunks), sizeof *out->no_vector) : NULL;
    out->chunk_id = mem_alloc(n_chunks * sizeof *out->chunk_id);
    out->document = mem_alloc(n_chunks * sizeof *out->document);
    out->first_chunk = mem_calloc(n_documents + 1, sizeof *out->first_chunk);
    out->document_id = mem_alloc(n_documents * sizeof *out->document_id);
    out->version = mem_alloc(n_documents * sizeof *out->version);
    out->keys = dict_new();
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < parts[i].segment->n_documents; d++)
            if (!parts[i].dead_documents || !bitmap_get(parts[i].dead_documents, d))
                merge_document(out, parts[i].segment, d);
    CHECK(out->n_chunks == n_chunks);
    merge_rest(out, parts, n);
    finish(out);
    return out;
}

/* ---- the graph ---- */

bool segment_wants_graph(const struct segment *s)
{
    size_t missing = s->no_vector ? bitmap_count(s->no_vector, s->n_chunks) : 0;

    return !s->graph && s->n_chunks - missing >= SEGMENT_GRAPH_MIN;
}

/* The part with the largest graph, and where its slots went; NULL when none has one. */
static const struct hnsw *largest_graph(const struct segment_part *parts, size_t n,
                                        uint32_t **moved)
{
    const struct segment_part *best = NULL;
    uint32_t next = 0, first = 0;

    for (size_t i = 0; i < n; i++) {
        const struct segment *s = parts[i].segment;

        if (s->graph && (!best || hnsw_vectors(s->graph) > hnsw_vectors(best->segment->graph))) {
            best = &parts[i];
            first = next;
        }
        next += (uint32_t)count_living(parts[i].dead_chunks, s->n_chunks);
    }
    if (!best)
        return NULL;
    *moved = mem_alloc(best->segment->n_chunks * sizeof **moved);
    for (size_t i = 0; i < best->segment->n_chunks; i++)
        (*moved)[i] = best->dead_chunks && bitmap_get(best->dead_chunks, i) ? HNSW_GONE : first++;
    return best->segment->graph;
}

int segment_add_graph(struct segment *s, const struct segment_part *parts, size_t n, int n_threads,
                      const atomic_bool *stop)
{
    struct hnsw_input in = {s->vectors, s->no_vector, s->n_chunks, s->dim};
    struct hnsw_params params = hnsw_defaults();
    struct hnsw_growth growth = {0};
    uint32_t *moved = NULL;
    int rc;

    if (!segment_wants_graph(s))
        return ERR_OK;
    params.n_threads = n_threads;
    params.stop = stop;
    growth.old = largest_graph(parts, n, &moved);
    growth.moved = moved;
    rc = hnsw_build(&s->graph, &in, growth.old ? &growth : NULL, &params);
    mem_free(moved);
    if (rc < 0)
        return rc;
    mem_free(s->codes); /* the graph has its own, in its order */
    s->codes = NULL;
    return ERR_OK;
}
