/* store_fixture.h - a store in a temporary folder, and documents made from a number. */
#pragma once
#include <criterion/criterion.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

#define FIX_DIM  8
#define FIX_PART 26 /* bytes of a chunk */

struct fixture {
    char dir[64];
    struct store *store;
    struct arena *mem;
    int64_t collection;
};

static const struct digest fix_model = {{1, 2, 3}};

#define MUST(expr)                                                                                 \
    do {                                                                                           \
        int must_rc_ = (expr);                                                                     \
        cr_assert_geq(must_rc_, 0, "%s: %s", #expr, err_text());                                   \
    } while (0)

static inline int fix_make_collection(struct store_tx *tx, void *arg)
{
    return store_tx_collection(tx, "default", "default", arg, NULL);
}

static inline void fix_open(struct fixture *f)
{
    MUST(store_open(&f->store, f->dir));
    MUST(store_write(f->store, fix_make_collection, NULL, &f->collection));
}

static inline void fix_up(struct fixture *f)
{
    *f = (struct fixture){.dir = "/tmp/ragd-store-XXXXXX", .mem = arena_new(0)};
    cr_assert_not_null(mkdtemp(f->dir));
    fix_open(f);
}

/* Damages the file behind the store's back; no reader may be out. */
static inline void fix_damage(struct fixture *f, const char *sql)
{
    char path[128];
    sqlite3 *handle;

    store_close(f->store);
    snprintf(path, sizeof path, "%s/ragd.db", f->dir);
    cr_assert_eq(sqlite3_open(path, &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(handle));
    sqlite3_close(handle);
    fix_open(f);
}

static inline int fix_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void fix_remove(const char *dir)
{
    nftw(dir, fix_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void fix_down(struct fixture *f)
{
    store_close(f->store);
    arena_free(f->mem);
    fix_remove(f->dir);
}

/* A document with its chunks and vectors, ready to put. */
struct fix_document {
    int64_t collection;
    struct document_row row;
    struct chunk_row *chunks;
    struct vector_row *vectors;
    size_t n;
};

static inline struct str fix_str(struct arena *mem, const char *s)
{
    return (struct str){arena_strdup(mem, s), strlen(s)};
}

/* `seed` decides the text, so equal seeds share text and vectors; `salt` only the chunk ids. */
static inline struct fix_document fix_document(struct fixture *f, const char *key, size_t n_chunks,
                                               unsigned seed, uint64_t salt)
{
    struct fix_document d = {.collection = f->collection, .n = n_chunks};
    size_t len = n_chunks * FIX_PART;
    char *text = arena_alloc(f->mem, len + 1);

    d.chunks = ARENA_ARRAY(f->mem, struct chunk_row, n_chunks);
    d.vectors = ARENA_ARRAY(f->mem, struct vector_row, n_chunks);
    for (size_t i = 0; i < n_chunks; i++) {
        float *v = arena_alloc(f->mem, FIX_DIM * sizeof *v);
        int8_t *s = arena_alloc(f->mem, 2 * FIX_DIM);
        struct str part = {text + i * FIX_PART, FIX_PART};

        snprintf(text + i * FIX_PART, FIX_PART + 1, "seed %06u, part %06u. ", seed % 1000000,
                 (unsigned)i % 1000000);
        for (int k = 0; k < FIX_DIM; k++)
            v[k] = (float)(seed + i + (unsigned)k);
        memset(s, (int)(seed & 63), 2 * FIX_DIM);
        d.chunks[i] = (struct chunk_row){
            .id = hash64_stable(key, strlen(key)) * 31 + salt * 1000003 + seed * 7919 + i,
            .ordinal = (int32_t)i,
            .page = (int32_t)i + 1,
            .start = (uint32_t)(i * FIX_PART),
            .end = (uint32_t)(i * FIX_PART + FIX_PART),
            .heading = STR_LIT("Part > Section"),
            .text = part,
            .text_hash = digest_of(part.p, part.n),
        };
        d.vectors[i] = (struct vector_row){d.chunks[i].text_hash, v, s, 2, FIX_DIM};
    }
    d.row = (struct document_row){
        .key = fix_str(f->mem, key),
        .root = STR_LIT("/docs"),
        .uri = STR_LIT("file:///docs"),
        .title = STR_LIT("A title"),
        .metadata = STR_LIT("{\"year\":2024}"),
        .hash = digest_of(text, len),
        .ingested_ms = 1700000000000,
        .text = {text, len},
    };
    return d;
}

static inline int fix_put_in(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct fix_document *d = arg;

    TRY(store_tx_put_vectors(tx, &fix_model, d->vectors, d->n));
    TRY(store_tx_put_document(tx, d->collection, &d->row, d->chunks, d->n));
out:
    return rc;
}

static inline int fix_put(struct fixture *f, struct fix_document *d)
{
    return store_write(f->store, fix_put_in, NULL, d);
}

static inline int fix_delete_in(struct store_tx *tx, void *arg)
{
    return store_tx_delete_document(tx, *(int64_t *)arg);
}

static inline int fix_delete(struct fixture *f, int64_t id)
{
    return store_write(f->store, fix_delete_in, NULL, &id);
}

static inline void fix_print_problem(void *arg, const char *problem)
{
    fprintf(stderr, "%s: %s\n", (const char *)arg, problem);
}

/* How many problems store_check finds. */
static inline int fix_check(struct fixture *f)
{
    return store_check(f->store, &fix_model, fix_print_problem, (void *)(uintptr_t) "problem");
}

/* Whether any file of the folder holds these bytes. */
static inline bool fix_on_disk(struct fixture *f, const char *needle)
{
    static const char *const names[] = {"ragd.db", "ragd.db-wal"};
    bool found = false;

    for (int i = 0; i < 2; i++) {
        char path[128];
        char *bytes;
        long n;
        FILE *in;

        snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
        if (!(in = fopen(path, "rb")))
            continue;
        fseek(in, 0, SEEK_END);
        n = ftell(in);
        rewind(in);
        bytes = malloc((size_t)n + 1);
        n = (long)fread(bytes, 1, (size_t)n, in);
        found |= memmem(bytes, (size_t)n, needle, strlen(needle)) != NULL;
        free(bytes);
        fclose(in);
    }
    return found;
}
