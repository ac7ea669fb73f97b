#include "query/tune_pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "query/query.h"
#include "simd/simd.h"

#define SHUFFLE_STEP 0x9e3779b97f4a7c15u

/* A pair as it was given; texts are the caller's. */
struct tune_named {
    uint32_t question;
    const char *document, *chunk;
};

/* ---- reading ---- */

static uint32_t question_at(struct tune_pairs *p, struct str text)
{
    bool added;
    uint64_t *at = map_slot(p->by_text, text.p, text.n, p->n_questions, &added);

    if (added) {
        p->questions =
            mem_grow(p->questions, &p->cap_questions, p->n_questions + 1, sizeof *p->questions);
        p->questions[p->n_questions++] = (struct tune_question){.text = text};
    }
    return (uint32_t)*at;
}

int tune_pairs_read(struct tune_pairs *p, struct engine *e, const struct embedder *model,
                    const struct tune_pair *pairs, size_t n)
{
    if (n > TUNE_PAIRS_MAX)
        return FAIL(ERR_LIMIT, "%zu pairs are over the limit of %d", n, TUNE_PAIRS_MAX);
    *p = (struct tune_pairs){.mem = arena_new(0),
                             .by_text = map_new(),
                             .fingerprint = embedder_fingerprint(model),
                             .dim = embedder_info(model)->dim};
    for (size_t i = 0; i < n; i++) {
        struct query q;
        int rc;

        query_defaults(&q, e);
        q.question = str_of(pairs[i].question);
        rc = query_prepare(&q, p->mem);
        if (rc < 0)
            return err_context(rc, "pair %zu", i + 1);
        q.question.p = arena_strndup(p->mem, q.question.p, q.question.n);
        p->named = mem_grow(p->named, &p->cap_named, p->n_named + 1, sizeof *p->named);
        p->named[p->n_named++] =
            (struct tune_named){question_at(p, q.question), pairs[i].document, pairs[i].chunk};
    }
    p->vectors = mem_alloc_aligned((p->n_questions + 1) * p->dim * sizeof *p->vectors);
    return ERR_OK;
}

void tune_pairs_done(struct tune_pairs *p)
{
    for (size_t i = 0; i < p->n_questions; i++)
        mem_free(p->questions[i].documents);
    mem_free(p->questions);
    mem_free(p->named);
    mem_free(p->vectors);
    mem_free(p->passages);
    mem_free(p->pairs);
    mem_free(p->fold);
    map_free(p->by_text);
    arena_free(p->mem);
}

/* ---- finding passages ---- */

struct matcher {
    struct tune_pairs *p;
    struct store_reader *reader;
    int64_t collection;
    struct arena *mem;       /* of one document */
    struct map *by_chunk;    /* id of a chunk -> passage */
    struct map *by_document; /* the store's id -> number */
    size_t n_pairs, cap_pairs, cap_passages;
};

static bool is_named(const struct chunk_row *c, const char *chunk)
{
    char *end;

    return !chunk || (strtoull(chunk, &end, 16) == c->id && end != chunk && !*end);
}

/* The chunk that answers best, with its vector in the document's arena; NULL: none. */
static const float *nearest_chunk(struct matcher *m, const struct tune_named *pair,
                                  int64_t document, uint64_t *chunk_id)
{
    const struct simd *k = simd_get();
    const float *question = m->p->vectors + pair->question * m->p->dim, *best = NULL;
    struct chunk_row *chunks = NULL;
    size_t n = 0;

    if (store_document_chunks(m->reader, document, m->mem, &chunks, &n) < 0)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        struct vector_row row;

        if (!is_named(&chunks[i], pair->chunk) ||
            store_find_vector(m->reader, &m->p->fingerprint, &chunks[i].text_hash, m->mem, &row) <
                0 ||
            row.dim != m->p->dim)
            continue;
        if (!best || k->dot(question, row.vector, row.dim) > k->dot(question, best, row.dim)) {
            best = row.vector;
            *chunk_id = chunks[i].id;
        }
    }
    return best;
}

static uint32_t passage_at(struct matcher *m, uint64_t chunk_id, const float *vector)
{
    struct tune_pairs *p = m->p;
    size_t n = p->fitted.n_passages;
    bool added;
    uint64_t *at = map_slot(m->by_chunk, &chunk_id, sizeof chunk_id, n, &added);

    if (added) {
        p->passages = mem_grow(p->passages, &m->cap_passages, (n + 1) * p->dim, sizeof(float));
        memcpy(p->passages + n * p->dim, vector, p->dim * sizeof(float));
        p->fitted.n_passages++;
    }
    return (uint32_t)*at;
}

/* False: the question has that document already. */
static bool add_document(struct matcher *m, struct tune_question *q, uint64_t document)
{
    bool added;

    for (size_t i = 0; i < q->n_documents; i++)
        if (q->documents[i] == document)
            return false;
    q->documents = mem_grow(q->documents, &q->cap, q->n_documents + 1, sizeof *q->documents);
    q->documents[q->n_documents++] = document;
    map_slot(m->by_document, &document, sizeof document, map_count(m->by_document), &added);
    return true;
}

static void match(struct matcher *m, const struct tune_named *pair)
{
    struct tune_pairs *p = m->p;
    struct document_row doc;
    uint64_t chunk_id = 0;
    const float *vector = NULL;

    arena_reset(m->mem);
    if (store_find_document(m->reader, m->collection, str_of(pair->document), false, m->mem,
                            &doc) == ERR_OK)
        vector = nearest_chunk(m, pair, doc.id, &chunk_id);
    if (!vector) {
        p->n_unknown++;
        return;
    }
    if (!add_document(m, &p->questions[pair->question], (uint64_t)doc.id))
        return;
    p->pairs = mem_grow(p->pairs, &m->cap_pairs, m->n_pairs + 1, sizeof *p->pairs);
    p->pairs[m->n_pairs++] = (struct adapter_pair){pair->question, passage_at(m, chunk_id, vector)};
}

/* ---- folds ---- */

static int by_question(const void *a, const void *b)
{
    const struct adapter_pair *x = a, *y = b;

    if (x->question != y->question)
        return x->question < y->question ? -1 : 1;
    return (x->passage > y->passage) - (x->passage < y->passage);
}

/* Questions without a document go; the others move up, and the pairs follow. */
static void close_ranks(struct tune_pairs *p, size_t n_pairs)
{
    uint32_t *now = mem_alloc((p->n_questions + 1) * sizeof *now);
    size_t n = 0;

    for (size_t i = 0; i < p->n_questions; i++) {
        now[i] = (uint32_t)n;
        if (p->questions[i].n_documents == 0)
            continue;
        p->questions[n] = p->questions[i];
        memmove(p->vectors + n * p->dim, p->vectors + i * p->dim, p->dim * sizeof(float));
        n++;
    }
    p->n_questions = n;
    for (size_t i = 0; i < n_pairs; i++)
        p->pairs[i].question = now[p->pairs[i].question];
    mem_free(now);
}

/* A document's number, scrambled: neighbours in the file, often of one kind, part ways. */
static uint8_t fold_of(struct matcher *m, uint64_t document, uint64_t seed)
{
    uint64_t key[2] = {0, seed * SHUFFLE_STEP};

    map_get(m->by_document, &document, sizeof document, &key[0]);
    return (uint8_t)(hash64_stable(key, sizeof key) % TUNE_FOLDS);
}

static int deal(struct matcher *m, uint64_t seed)
{
    struct tune_pairs *p = m->p;
    size_t sizes[TUNE_FOLDS] = {0}, smallest;

    p->fold = mem_calloc(p->n_questions + 1, sizeof *p->fold);
    for (size_t i = 0; i < p->n_questions; i++) {
        p->fold[i] = fold_of(m, p->questions[i].documents[0], seed);
        sizes[p->fold[i]]++;
    }
    smallest = sizes[0];
    for (size_t i = 1; i < TUNE_FOLDS; i++)
        smallest = sizes[i] < smallest ? sizes[i] : smallest;
    if (p->n_questions < TUNE_QUESTIONS_MIN || p->n_documents < TUNE_DOCUMENTS_MIN || smallest == 0)
        return FAIL(ERR_ARGUMENT,
                    "%zu questions on %zu documents of this collection are too few to learn from; "
                    "%d on %d are needed, hundreds are better (%zu pairs were left out because the "
                    "document or chunk is not there)",
                    p->n_questions, p->n_documents, TUNE_QUESTIONS_MIN, TUNE_DOCUMENTS_MIN,
                    p->n_unknown);
    return ERR_OK;
}

int tune_pairs_match(struct tune_pairs *p, struct engine *e, const struct tune_options *o)
{
    int rc = ERR_OK;
    struct collection_row row;
    struct matcher m = {.p = p,
                        .reader = store_reader_get(e->store),
                        .mem = arena_new(0),
                        .by_chunk = map_new(),
                        .by_document = map_new()};

    TRY(store_find_collection(m.reader, o->tenant, o->collection, p->mem, &row));
    m.collection = row.id;
    for (size_t i = 0; i < p->n_named; i++)
        match(&m, &p->named[i]);
    p->n_documents = map_count(m.by_document);
    close_ranks(p, m.n_pairs);
    TRY(deal(&m, o->seed));
    qsort(p->pairs, m.n_pairs, sizeof *p->pairs, by_question);
    p->fitted.dim = p->dim;
    p->fitted.n_questions = p->n_questions;
    p->fitted.n_pairs = m.n_pairs;
    p->fitted.questions = p->vectors;
    p->fitted.passages = p->passages;
    p->fitted.pairs = p->pairs;
    p->fitted.fold = p->fold;
out:
    map_free(m.by_document);
    map_free(m.by_chunk);
    arena_free(m.mem);
    store_reader_put(e->store, m.reader);
    return rc;
}
