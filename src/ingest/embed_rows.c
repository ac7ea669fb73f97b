#include "ingest/embed_rows.h"

#include <math.h>

#include "base/check.h"
#include "base/err.h"
#include "text/sentences.h"

size_t embed_rows_at_once(const struct embedder *model)
{
    return embedder_info(model)->url ? EMBED_AT_ONCE_MAX : EMBED_AT_ONCE;
}

static void quantize(const float *v, size_t n, int8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (int8_t)lrintf(fminf(fmaxf(v[i], -1.0f), 1.0f) * 127.0f);
}

/* No vectors of sentences are kept when none are made: the answerer then goes by words, which is
 * better than by zeros. */
static void begin_item(const struct embedder_info *info, const struct todo *t,
                       struct arena *scratch, struct embed_item *item)
{
    struct span spans[SENTENCES_PER_CHUNK_MAX];
    size_t n = info->has_sentences ? sentence_split(t->text, spans, SENTENCES_PER_CHUNK_MAX) : 0;

    *item = (struct embed_item){.text = t->text,
                                .spans = arena_dup(scratch, spans, n * sizeof *spans),
                                .n_spans = n,
                                .vector = arena_alloc(t->mem, info->dim * sizeof(float)),
                                .span_vectors = ARENA_ARRAY(scratch, float, n * info->dim)};
}

static void finish_item(const struct todo *t, size_t dim, const struct embed_item *item)
{
    int8_t *sentences = arena_alloc(t->mem, item->n_spans * dim);

    quantize(item->span_vectors, item->n_spans * dim, sentences);
    t->row->vector = item->vector;
    t->row->sentence_vectors = sentences;
    t->row->n_sentences = (uint32_t)item->n_spans;
    t->row->dim = (uint32_t)dim;
}

int embed_rows(struct embedder *model, struct pool *pool, const struct todo *todo, size_t n,
               struct arena *scratch)
{
    int rc = ERR_OK;
    const struct embedder_info *info = embedder_info(model);
    struct embed_item items[EMBED_AT_ONCE_MAX];

    CHECK(n >= 1 && n <= EMBED_AT_ONCE_MAX);
    for (size_t i = 0; i < n; i++)
        begin_item(info, &todo[i], scratch, &items[i]);
    TRY(embed_documents(model, pool, items, n));
    for (size_t i = 0; i < n; i++)
        finish_item(&todo[i], info->dim, &items[i]);
out:
    arena_reset(scratch);
    return rc;
}
