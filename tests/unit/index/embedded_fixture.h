/* embedded_fixture.h - a retriever over a store in a temporary folder, and small documents. */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "index/retriever.h"

#define DIM 4

/* A store in a folder of its own and a retriever over it. */
static char dir[64];
static struct store *store;
static struct pool *pool;
static struct retriever *r;
static int seal_idle_ms;        /* of those that are opened from now on; 0: as usual */
static const char *place = "c"; /* the collection that put and snap mean */

/* index_dir NULL: without index files. */
static inline void open_with(const char *index_dir, const char *language)
{
    struct retriever_options o = {.store = store,
                                  .pool = pool,
                                  .fingerprint = digest_of("model", 5),
                                  .dim = DIM,
                                  .k1 = 1.2,
                                  .b = 0.75,
                                  .index_dir = index_dir,
                                  .seal_idle_ms = seal_idle_ms};

    o.words.drop_stop_words = true;
    snprintf(o.words.language, sizeof o.words.language, "%s", language);
    cr_assert_eq(retriever_open_embedded(&r, &o), ERR_OK, "%s", err_text());
}

static inline void open_retriever(void)
{
    open_with(NULL, "english");
}

static inline const char *index_dir(void)
{
    static char path[96];

    snprintf(path, sizeof path, "%s/index", dir);
    return path;
}

/* With index files: closing writes them. */
static inline void open_sealing(void)
{
    open_with(index_dir(), "english");
}

static inline void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/ragd-test-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(store_open(&store, dir), ERR_OK, "%s", err_text());
    pool = pool_new("test", 2, 64);
    open_retriever();
}

static inline void teardown(void)
{
    char cmd[128];

    retriever_close(r);
    pool_free(pool);
    store_close(store);
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    cr_assert_eq(system(cmd), 0);
}

/* One document of one chunk, its vector on axis `axis`. */
static inline int put_row(const char *root, const char *key, const char *title, const char *text,
                          int axis)
{
    struct arena *mem = arena_new(0);
    const char *all = arena_printf(mem, "%s\n%s", title, text);
    float vector[DIM] = {0};
    struct digest text_hash = digest_of(text, strlen(text));
    struct chunk_row chunk = {.id = hash64_stable(text, strlen(text)) ^
                                    hash64_stable(key, strlen(key)),
                              .end = (uint32_t)strlen(text),
                              .text = str_of(text),
                              .text_hash = text_hash};
    struct vector_row row = {.text_hash = text_hash, .vector = vector, .dim = DIM};
    struct upsert u = {.document = {.key = str_of(key),
                                    .root = str_of(root),
                                    .uri = STR_LIT(""),
                                    .title = str_of(title),
                                    .metadata = STR_LIT("{}"),
                                    .hash = digest_of(all, strlen(all)),
                                    .n_chunks = 1,
                                    .text = str_of(text)},
                       .chunks = &chunk,
                       .vectors = &row,
                       .n_chunks = 1};
    struct upsert_result result;
    int rc;

    vector[axis] = 1;
    rc = retriever_upsert(r, "t", place, &u, 1, mem, &result);
    if (rc >= 0 && result.rc < 0)
        rc = FAIL(result.rc, "%s", result.reason);
    arena_free(mem);
    return rc;
}

static inline int put(const char *key, const char *text, int axis)
{
    return put_row("", key, "title", text, axis);
}

static inline struct snapshot *snap(void)
{
    struct snapshot *s = NULL;

    cr_assert_eq(retriever_snapshot(r, "t", place, &s), ERR_OK, "%s", err_text());
    return s;
}

static inline struct hits search(struct snapshot *s, enum search_mode mode, const char *text,
                                 int axis, struct arena *mem)
{
    float vector[DIM] = {0};
    struct search_spec spec = {.text = str_of(text), .vector = vector, .mode = mode, .k = 10};
    struct hits hits;

    vector[axis] = 1;
    cr_assert_eq(snapshot_search(s, &spec, mem, &hits), ERR_OK, "%s", err_text());
    return hits;
}
