/* world.h - a temporary data folder with an engine on it, for tests that need the whole house.
 *
 * WORLD_OPEN skips the test, by name, when the model is not there.
 */
#pragma once
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "ingest/ingest.h"
#include "query/query.h"

struct world {
    char dir[64];
    struct config config;
    struct engine *engine;
};

static inline const char *world_model(void)
{
    const char *dir = getenv("RAGD_MODEL_PATH");

    dir = dir && *dir ? dir : "models/all-MiniLM-L6-v2";
    return access(dir, R_OK) == 0 ? dir : NULL;
}

static inline int world_rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void world_reopen(struct world *w)
{
    engine_close(w->engine);
    w->engine = NULL;
    cr_assert_eq(engine_open(&w->engine, &w->config), ERR_OK, "%s", err_text());
}

static inline void world_open(struct world *w)
{
    snprintf(w->dir, sizeof w->dir, "/tmp/ragd-test-XXXXXX");
    cr_assert_not_null(mkdtemp(w->dir));
    config_defaults(&w->config);
    snprintf(w->config.data, sizeof w->config.data, "%s/data", w->dir);
    snprintf(w->config.model.path, sizeof w->config.model.path, "%s", world_model());
    w->engine = NULL;
    world_reopen(w);
}

static inline void world_close(struct world *w)
{
    engine_close(w->engine);
    nftw(w->dir, world_rm, 16, FTW_DEPTH | FTW_PHYS);
}

#define WORLD_OPEN(w)                                                                              \
    do {                                                                                           \
        if (!world_model())                                                                        \
            cr_skip_test("needs the model (make model, or RAGD_MODEL_PATH)");                      \
        world_open(w);                                                                             \
    } while (0)

/* One document by id; metadata as JSON text or NULL. */
static inline void world_put(struct world *w, const char *id, const char *text,
                             const char *metadata)
{
    json_t *m = metadata ? json_loads(metadata, 0, NULL) : NULL;
    struct ingest_document doc = {.id = str_of(id), .text = str_of(text), .metadata = m};
    struct ingest_options o = {.chunk_chars = -1, .chunk_overlap = -1};
    struct ingest_result r = {0};

    cr_assert_geq(ingest_documents(w->engine, &doc, 1, &o, &r), 0, "%s", err_text());
    cr_assert_neq(r.status, INGEST_REFUSED, "%s: %s", id, r.reason);
    mem_free(r.reason);
    json_decref(m);
}

static inline void world_remove(struct world *w, const char *id)
{
    struct str key = str_of(id);
    size_t n;

    cr_assert_geq(retriever_remove(w->engine->retriever, "default", "default", &key, 1, &n), 0,
                  "%s", err_text());
}

/* Asks with a request of POST /query; fills ans, whose arena and tree the caller frees with
 * world_forget. */
struct world_reply {
    struct answer ans;
    json_t *request, *json;
};

static inline void world_ask(struct world *w, const char *request, struct world_reply *r)
{
    struct query q;
    struct buf b;
    json_error_t e;

    *r = (struct world_reply){.ans.mem = arena_new(0)};
    buf_init(&b);
    r->request = json_loads(request, 0, &e);
    cr_assert_not_null(r->request, "%s: %s", request, e.text);
    trace_start(&r->ans.trace);
    query_defaults(&q, w->engine);
    cr_assert_geq(query_from_json(&q, r->request, false, r->ans.mem), 0, "%s", err_text());
    cr_assert_geq(query_run(w->engine, &q, &r->ans), 0, "%s", err_text());
    query_reply(&r->ans, "q_test", &b);
    r->json = json_loadb(b.p, b.n, 0, &e);
    cr_assert_not_null(r->json, "%s", e.text);
    buf_done(&b);
}

static inline void world_forget(struct world_reply *r)
{
    answer_done(&r->ans);
    json_decref(r->json);
    json_decref(r->request);
    arena_free(r->ans.mem);
}
