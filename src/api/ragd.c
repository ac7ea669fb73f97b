/* ragd.c - the library's face: include/ragd.h over the engine and the two paths. */
#include "ragd.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "ingest/ingest.h"
#include "query/query.h"

_Static_assert(RAGD_EIO == (int)ERR_IO && RAGD_ETIMEOUT == (int)ERR_TIMEOUT &&
                   RAGD_ESYSTEM == (int)ERR_SYSTEM,
               "the public codes are ours");

struct ragd {
    struct engine *engine;
};

const char *ragd_version(void)
{
    return RAGD_VERSION;
}

const char *ragd_error(void)
{
    return err_text();
}

void ragd_free(void *p)
{
    mem_free(p);
}

int ragd_open(struct ragd **out, const char *data_dir, const char *model_dir)
{
    int rc = ERR_OK;
    struct config *c = mem_alloc(sizeof *c);
    struct engine *e = NULL;

    config_defaults(c);
    TRY(config_load(c, NULL));
    if (data_dir)
        TRY(config_set(c, "data", data_dir, "ragd_open"));
    if (model_dir)
        TRY(config_set(c, "model.path", model_dir, "ragd_open"));
    TRY(engine_open(&e, c));
    *out = mem_alloc(sizeof **out);
    (*out)->engine = e;
out:
    mem_free(c);
    return rc;
}

void ragd_close(struct ragd *r)
{
    if (!r)
        return;
    engine_close(r->engine);
    mem_free(r);
}

static struct ingest_options ingest_options_for(const char *collection)
{
    return (struct ingest_options){
        .collection = collection, .chunk_chars = -1, .chunk_overlap = -1};
}

int ragd_ingest_path(struct ragd *r, const char *path, const char *collection,
                     struct ragd_ingest_report *report)
{
    struct ingest_options o = ingest_options_for(collection);
    struct ingest_report full;
    int rc;

    ingest_report_init(&full);
    rc = ingest_paths(r->engine, &path, 1, &o, &full);
    if (report)
        *report = (struct ragd_ingest_report){full.documents, full.chunks,    full.unchanged,
                                              full.removed,   full.n_skipped, full.n_refused,
                                              full.seconds};
    if (rc == ERR_OK && full.n_refused)
        err_set(ERR_FORMAT, "%s: %s", full.refused[0].path, full.refused[0].reason);
    ingest_report_done(&full);
    return rc < 0 ? rc : ERR_OK;
}

int ragd_ingest_text(struct ragd *r, const char *collection, const char *id, const char *title,
                     const char *text, const char *metadata_json)
{
    int rc = ERR_OK;
    struct ingest_options o = ingest_options_for(collection);
    struct ingest_result result = {0};
    json_t *metadata = NULL;
    struct ingest_document doc = {.id = str_of(id), .title = str_of(title), .text = str_of(text)};

    if (metadata_json)
        TRY(json_parse(&metadata, str_of(metadata_json), "metadata"));
    doc.metadata = metadata;
    TRY(ingest_documents(r->engine, &doc, 1, &o, &result));
    rc = result.status == INGEST_REFUSED ? FAIL(ERR_FORMAT, "document '%s': %s", id, result.reason)
                                         : (int)result.chunks;
out:
    mem_free(result.reason);
    json_decref(metadata);
    return rc;
}

int ragd_delete(struct ragd *r, const char *collection, const char *id)
{
    const struct config *c = &r->engine->config;
    struct str key = str_of(id);
    size_t n_removed = 0;
    int rc = retriever_remove(r->engine->retriever, c->tenant,
                              collection ? collection : c->collection, &key, 1, &n_removed);

    if (rc < 0)
        return rc;
    return n_removed ? ERR_OK : FAIL(ERR_NOT_FOUND, "there is no document '%s'", id);
}

/* Defaults, then the options, then the question. The tree must outlive the query. */
static int fill_query(struct ragd *r, const char *question, const char *options_json,
                      bool search_only, struct arena *mem, json_t **tree, struct query *q)
{
    int rc = ERR_OK;
    json_t *o = NULL;

    query_defaults(q, r->engine);
    if (options_json)
        TRY(json_parse(&o, str_of(options_json), "options"));
    else
        o = json_object();
    if (!json_is_object(o)) {
        rc = FAIL(ERR_ARGUMENT, "options must be a JSON object");
        goto out;
    }
    if (json_object_set_new(o, "question", json_string(question)) < 0) {
        rc = FAIL(ERR_FORMAT, "the question is not UTF-8");
        goto out;
    }
    TRY(query_from_json(q, o, search_only, mem));
    *tree = o;
    o = NULL; /* handed over */
out:
    json_decref(o);
    return rc;
}

/* Hands the answer's text to the caller and tells whether there was one. */
static int tell(const char *reply, ragd_piece_fn piece, void *arg)
{
    int rc = ERR_OK;
    json_t *root = NULL;
    struct str text = {0};
    bool answered = false;

    TRY(json_parse(&root, str_of(reply), "reply"));
    TRY(json_get_str(root, "answer", &text));
    TRY(json_get_bool(root, "answered", &answered));
    if (piece && text.n && piece(arg, text.p, text.n) != 0)
        rc = FAIL(ERR_CANCELLED, "the caller stopped the answer");
    else
        rc = answered;
out:
    json_decref(root);
    return rc;
}

int ragd_query(struct ragd *r, const char *question, const char *options_json, ragd_piece_fn piece,
               void *arg, char **reply)
{
    int rc = ERR_OK;
    struct answer ans = {.mem = arena_new(0)};
    struct query q;
    json_t *tree = NULL;
    struct buf json;

    buf_init(&json);
    trace_start(&ans.trace);
    TRY(fill_query(r, question, options_json, false, ans.mem, &tree, &q));
    TRY(query_answer_now(r->engine, &q, &ans, NULL, NULL));
    query_reply(&ans, "q_library", &json);
    rc = tell(json.p, piece, arg);
    if (rc >= 0 && reply)
        *reply = buf_take(&json);
out:
    buf_done(&json);
    answer_done(&ans);
    json_decref(tree);
    arena_free(ans.mem);
    return rc;
}

int ragd_search(struct ragd *r, const char *question, const char *options_json, char **reply)
{
    int rc = ERR_OK;
    struct answer ans = {.mem = arena_new(0)};
    struct query q;
    json_t *tree = NULL;
    struct buf json;

    buf_init(&json);
    trace_start(&ans.trace);
    TRY(fill_query(r, question, options_json, true, ans.mem, &tree, &q));
    TRY(query_search(r->engine, &q, &ans));
    query_search_reply(&q, &ans, &json);
    *reply = buf_take(&json);
    rc = (int)ans.hits.n;
out:
    buf_done(&json);
    answer_done(&ans);
    json_decref(tree);
    arena_free(ans.mem);
    return rc;
}

size_t ragd_dimension(const struct ragd *r)
{
    struct embedder *model = engine_embedder(r->engine);
    size_t dim = embedder_info(model)->dim;

    embedder_close(model);
    return dim;
}

int ragd_embed(struct ragd *r, const char *text, float *out)
{
    struct arena *mem = arena_new(0);
    struct embedder *model = engine_embedder(r->engine);
    float *vector;
    int rc = embed_query(model, r->engine->pool, str_of(text), mem, &vector);

    if (rc >= 0)
        memcpy(out, vector, embedder_info(model)->dim * sizeof *out);
    embedder_close(model);
    arena_free(mem);
    return rc < 0 ? rc : ERR_OK;
}
