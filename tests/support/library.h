/* library.h - a folder of documents in a test's world, and ingesting it. */
#pragma once
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "support/world.h"

#define USUAL_OPTIONS ((struct ingest_options){.chunk_chars = -1, .chunk_overlap = -1})

/* DIR/<rel>; valid until the sixteenth next call. */
static inline const char *library_path(const struct world *w, const char *rel)
{
    static char paths[16][256];
    static int i;
    char *p = paths[i++ % 16];

    snprintf(p, sizeof paths[0], "%s/%s", w->dir, rel);
    return p;
}

static inline void library_put_bytes(struct world *w, const char *rel, const void *p, size_t n)
{
    char dir[256];
    char *slash;

    snprintf(dir, sizeof dir, "%s", library_path(w, rel));
    slash = strrchr(dir, '/');
    *slash = '\0';
    cr_assert_eq(file_make_dirs(dir), ERR_OK, "%s", err_text());
    cr_assert_eq(file_write_atomic(library_path(w, rel), p, n), ERR_OK, "%s", err_text());
}

static inline void library_put(struct world *w, const char *rel, const char *text)
{
    library_put_bytes(w, rel, text, strlen(text));
}

static inline int library_ingest_as(struct world *w, const char *rel, struct ingest_options o,
                                    struct ingest_report *r)
{
    const char *path = library_path(w, rel);

    ingest_report_init(r);
    return ingest_paths(w->engine, &path, 1, &o, r);
}

static inline void library_ingest(struct world *w, const char *rel, struct ingest_report *r)
{
    cr_assert_eq(library_ingest_as(w, rel, USUAL_OPTIONS, r), ERR_OK, "%s", err_text());
}

/* Whether the report names a path that ends so; the reason has `part`. */
static inline bool library_names(const struct ingest_issue *v, size_t n, const char *path,
                                 const char *part)
{
    for (size_t i = 0; i < n; i++)
        if (str_ends(str_of(v[i].path), str_of(path)) && strstr(v[i].reason, part))
            return true;
    return false;
}

#define REFUSED(r, path, part) library_names((r)->refused, (r)->n_refused, (path), (part))
#define SKIPPED(r, path, part) library_names((r)->skipped, (r)->n_skipped, (path), (part))

/* The stored document of the default collection; false when it is not there. Rows in `mem`. */
static inline bool library_find(struct world *w, const char *key, struct arena *mem,
                                struct document_row *out)
{
    struct store_reader *r = store_reader_get(w->engine->store);
    struct collection_row c;
    int rc = store_find_collection(r, "default", "default", mem, &c);

    if (rc == ERR_OK)
        rc = store_find_document(r, c.id, str_of(key), true, mem, out);
    store_reader_put(w->engine->store, r);
    cr_assert(rc == ERR_OK || rc == ERR_NOT_FOUND, "%s", err_text());
    return rc == ERR_OK;
}

static inline bool library_has(struct world *w, const char *key)
{
    struct arena *mem = arena_new(0);
    struct document_row row;
    bool found = library_find(w, key, mem, &row);

    arena_free(mem);
    return found;
}
