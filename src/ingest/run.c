#include "ingest/run.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "text/tokens.h"
#include "text/wordpiece.h"

/* Set chars alone, and the overlap keeps its usual part of them. */
static size_t overlap_of(const struct config *c, const struct ingest_options *o, size_t chars)
{
    size_t usual = (size_t)c->chunk.overlap, part = chars * 3 / 20;

    if (o->chunk_overlap >= 0)
        return (size_t)o->chunk_overlap;
    return o->chunk_chars >= 0 && usual > part ? part : usual;
}

static int settle_chunking(struct run *r)
{
    const struct config *c = &r->e->config;
    const struct embedder_info *info = embedder_info(r->model);
    const char *text = info->url ? c->model.document_prefix : info->document_prefix;
    size_t prefix = tokens_count(embedder_tokenizer(r->model), str_of(text));
    size_t taken = prefix + 2; /* [CLS], [SEP] */
    size_t room = info->max_tokens;

    r->chunking.chars = (size_t)(r->o->chunk_chars >= 0 ? r->o->chunk_chars : c->chunk.chars);
    r->chunking.overlap = overlap_of(c, r->o, r->chunking.chars);
    r->chunking.max_tokens = room > taken ? room - taken : 0;
    return chunk_settings_check(&r->chunking);
}

/* Of the model only what decides where a chunk ends: under another with the same tokenizer and
 * limit nothing needs to be read again. */
static void digest_settings(struct run *r)
{
    struct digester *d = digester_new();
    const struct wordpiece *tokenizer = embedder_tokenizer(r->model);
    struct digest words = tokenizer ? wordpiece_digest(tokenizer) : (struct digest){0};
    char *given = r->o->metadata ? json_canonical(r->o->metadata) : NULL;

    digester_add_u64(d, INGEST_VERSION);
    digester_add_u64(d, r->chunking.chars);
    digester_add_u64(d, r->chunking.overlap);
    digester_add_u64(d, r->chunking.max_tokens);
    digester_add(d, words.b, sizeof words.b);
    if (r->summaries) /* so a change of the setting makes or drops them at the next ingest */
        digester_add_str(d, "summaries");
    r->settings = digester_finish(d);
    r->given = digest_of(given ? given : "", given ? strlen(given) : 0);
    mem_free(given);
}

static int find_collection(struct run *r)
{
    struct arena *mem = arena_new(0);
    struct store_reader *reader = store_reader_get(r->e->store);
    struct collection_row row;
    int rc = store_find_collection(reader, r->tenant, r->collection, mem, &row);

    if (rc == ERR_OK)
        r->collection_id = row.id;
    store_reader_put(r->e->store, reader);
    arena_free(mem);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

int run_open(struct run *r, struct engine *e, const struct ingest_options *o,
             struct ingest_report *report)
{
    int rc = ERR_OK;

    *r = (struct run){.e = e, .o = o, .report = report, .start_ns = clock_ns()};
    atomic_fetch_add(&e->n_ingesting, 1);
    r->tenant = o->tenant ? o->tenant : e->config.tenant;
    r->collection = o->collection ? o->collection : e->config.collection;
    run_take_model(r);
    r->keys = map_new();
    r->files = map_new();
    TRY(run_check(r));
    TRY(settle_chunking(r));
    digest_settings(r);
    if (o->metadata) { /* said once for all, not at every document */
        struct arena *mem = arena_new(0);
        struct str unused;

        rc = metadata_merge(NULL, NULL, o->metadata, mem, &unused);
        arena_free(mem);
        TRY(rc);
    }
    if (o->meta_file)
        TRY(meta_rows_open(&r->meta, o->meta_file));
    TRY(find_collection(r));
out:
    if (rc < 0)
        run_close(r);
    return rc;
}

void run_close(struct run *r)
{
    atomic_fetch_sub(&r->e->n_ingesting, 1);
    r->report->seconds += clock_ms_since(r->start_ns) / 1000;
    map_free(r->keys);
    map_free(r->files);
    meta_rows_close(r->meta);
    embedder_close(r->model);
    r->model = NULL;
    r->keys = r->files = NULL;
    r->meta = NULL;
}

void run_take_model(struct run *r)
{
    embedder_close(r->model);
    r->model = engine_embedder(r->e);
    r->summaries = r->e->config.ingest.summaries && embedder_info(r->model)->has_sentences;
}

bool run_cancelled(const struct run *r)
{
    return r->o->cancel && atomic_load(r->o->cancel);
}

int run_check(const struct run *r)
{
    return run_cancelled(r) ? FAIL(ERR_CANCELLED, "ingest was cancelled") : room_check(r->e->room);
}

void run_progress(struct run *r, const char *current)
{
    r->progress.current = current;
    r->progress.report = r->report;
    if (r->o->progress)
        r->o->progress(r->o->progress_arg, &r->progress);
}

int run_find(const struct run *r, struct str key, struct arena *mem, struct document_row *out,
             bool *found)
{
    struct store_reader *reader;
    int rc;

    *found = false;
    if (!r->collection_id)
        return ERR_OK;
    reader = store_reader_get(r->e->store);
    rc = store_find_document(reader, r->collection_id, key, false, mem, out);
    store_reader_put(r->e->store, reader);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    *found = rc == ERR_OK;
    return rc;
}
