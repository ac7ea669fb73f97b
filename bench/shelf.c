#include "shelf.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "index/snapshot.h"

static int open_index(struct shelf *s)
{
    char files[sizeof s->dir + 8];
    struct retriever_options o = {.store = s->store,
                                  .pool = s->pool,
                                  .fingerprint = digest_of("bench", 5),
                                  .dim = CORPUS_DIM,
                                  .words = {"english", true},
                                  .k1 = 1.2,
                                  .b = 0.75,
                                  .index_dir = files};

    snprintf(files, sizeof files, "%s/index", s->dir);
    return retriever_open_embedded(&s->retriever, &o);
}

static void close_index(struct shelf *s)
{
    retriever_close(s->retriever);
    store_close(s->store);
    s->retriever = NULL;
    s->store = NULL;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

int shelf_open(struct shelf *out, const struct corpus *corpus, const char *parent)
{
    int rc = ERR_OK;
    struct shelf s = {.corpus = corpus};

    parent = parent ? parent : getenv("TMPDIR");
    snprintf(s.dir, sizeof s.dir, "%s/ragd-bench-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(s.dir))
        return FAIL(ERR_IO, "folder '%s': %s", s.dir, strerror(errno));
    s.pool = pool_new("bench", (int)sysconf(_SC_NPROCESSORS_ONLN), 256);
    TRY(store_open(&s.store, s.dir));
    TRY(open_index(&s));
    *out = s;
    s = (struct shelf){0}; /* handed over */
out:
    shelf_close(&s);
    return rc;
}

void shelf_close(struct shelf *s)
{
    close_index(s);
    pool_free(s->pool);
    if (s->dir[0])
        nftw(s->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    *s = (struct shelf){0};
}

int shelf_reopen(struct shelf *s, uint64_t *ns)
{
    int rc = ERR_OK;
    uint64_t begin;

    close_index(s);
    begin = clock_ns();
    TRY(store_open(&s->store, s->dir));
    TRY(open_index(s));
    *ns = clock_ns() - begin;
out:
    return rc;
}

/* The text of a document and where its chunks are in it; their texts are set once it is whole. */
static struct chunk_row *make_chunks(const struct shelf *s, uint64_t from, size_t n,
                                     struct arena *mem, struct str *text)
{
    struct chunk_row *chunks = ARENA_ARRAY(mem, struct chunk_row, n);
    struct buf all;

    buf_init(&all);
    for (size_t i = 0; i < n; i++) {
        chunks[i] = (struct chunk_row){.ordinal = (int32_t)i, .start = (uint32_t)all.n};
        corpus_text(s->corpus, from + i, &all);
        chunks[i].end = (uint32_t)all.n;
        buf_add(&all, "\n", 1);
    }
    *text = (struct str){arena_dup(mem, all.p, all.n), all.n};
    buf_done(&all);
    for (size_t i = 0; i < n; i++) {
        struct str own = {text->p + chunks[i].start, chunks[i].end - chunks[i].start};
        uint64_t number = from + i;

        chunks[i].text = own;
        chunks[i].id = hash64_stable(&number, sizeof number);
        chunks[i].text_hash = digest_of(own.p, own.n);
    }
    return chunks;
}

static struct vector_row *make_vectors(const struct shelf *s, uint64_t from, size_t n,
                                       const struct chunk_row *chunks, struct arena *mem)
{
    struct vector_row *rows = ARENA_ARRAY(mem, struct vector_row, n);

    for (size_t i = 0; i < n; i++) {
        float *v = ARENA_ARRAY(mem, float, CORPUS_DIM);

        corpus_vector(s->corpus, from + i, v);
        rows[i] =
            (struct vector_row){.text_hash = chunks[i].text_hash, .vector = v, .dim = CORPUS_DIM};
    }
    return rows;
}

static void make_document(const struct shelf *s, uint64_t from, size_t n, struct arena *mem,
                          struct upsert *out)
{
    struct str text;
    struct chunk_row *chunks = make_chunks(s, from, n, mem, &text);
    uint64_t document = from / SHELF_CHUNKS;
    const char *metadata =
        arena_printf(mem, "{\"part\":%d}", (int)(hash64_stable(&document, sizeof document) % 1000));

    *out = (struct upsert){
        .document = {.key = str_of(arena_printf(mem, "d%llu", (unsigned long long)document)),
                     .root = STR_LIT(""),
                     .uri = STR_LIT(""),
                     .title = STR_LIT(""),
                     .metadata = str_of(metadata),
                     .hash = digest_of(text.p, text.n),
                     .n_chunks = (int64_t)n,
                     .text = text},
        .chunks = chunks,
        .vectors = make_vectors(s, from, n, chunks, mem),
        .n_chunks = n};
}

static int put_batch(struct shelf *s, uint64_t from, size_t n, struct arena *mem)
{
    int rc = ERR_OK;
    struct upsert docs[SHELF_BATCH / SHELF_CHUNKS];
    struct upsert_result results[SHELF_BATCH / SHELF_CHUNKS];
    size_t n_docs = 0;

    for (size_t i = 0; i < n; i += SHELF_CHUNKS)
        make_document(s, from + i, n - i < SHELF_CHUNKS ? n - i : SHELF_CHUNKS, mem,
                      &docs[n_docs++]);
    TRY(retriever_upsert(s->retriever, SHELF_TENANT, SHELF_NAME, docs, n_docs, mem, results));
    for (size_t i = 0; i < n_docs; i++)
        if (results[i].rc < 0)
            return FAIL(results[i].rc, "a document was refused: %s", results[i].reason);
out:
    return rc;
}

int shelf_put(struct shelf *s, uint64_t from, size_t n)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(1u << 20);

    for (size_t i = 0; i < n; i += SHELF_BATCH) {
        TRY(put_batch(s, from + i, n - i < SHELF_BATCH ? n - i : SHELF_BATCH, mem));
        arena_reset(mem);
    }
out:
    arena_free(mem);
    return rc;
}

/* What the index would still change on its own changes the views; 0: it would. */
static uint64_t state_at_rest(struct shelf *s)
{
    struct snapshot *snap = NULL;
    uint64_t state = 1;

    if (shelf_snapshot(s, &snap) < 0)
        return 1; /* nothing was put yet */
    for (size_t i = 0; i < snap->n_views; i++) {
        const struct segment *segment = snap->views[i].segment;

        state = segment->file && !segment_wants_graph(segment)
                    ? hash64_stable(&(uint64_t[]){state, (uintptr_t)segment}, 2 * sizeof state) | 1
                    : 0;
        if (state == 0)
            break;
    }
    snapshot_unref(snap);
    return state;
}

int shelf_settle(struct shelf *s, uint64_t *ns)
{
    uint64_t begin = clock_ns(), since = begin, last = 0, now;

    do {
        uint64_t state = state_at_rest(s);

        now = clock_ns();
        if (state == 0 || state != last)
            since = now;
        last = state;
        if (state && now - since >= SHELF_QUIET_NS) {
            *ns = since;
            return ERR_OK;
        }
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    } while (now - begin < SHELF_SETTLE_NS);
    return FAIL(ERR_TIMEOUT, "the index has not come to rest");
}

int shelf_snapshot(struct shelf *s, struct snapshot **out)
{
    return retriever_snapshot(s->retriever, SHELF_TENANT, SHELF_NAME, out);
}

uint64_t shelf_disk_bytes(const struct shelf *s)
{
    return file_tree_bytes(s->dir);
}
