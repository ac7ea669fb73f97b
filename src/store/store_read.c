/* Reading rows. Each row is checked against its sum before anybody sees it. */
#include "store/store.h"

#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "store/row_sum.h"
#include "store/store_parts.h"

/* ---- transactions ---- */

static const char end_sql[] = "END";

/* What ends the transaction is made before it begins: ending it must not want memory, or the
 * connection would stay in it for ever. */
int store_read_enter(struct store_reader *r)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    if (r->depth > 0) {
        r->depth++;
        return ERR_OK;
    }
    if (!sqlite3_get_autocommit(r->db->handle)) /* it could not be ended all the same */
        TRY(db_exec(r->db, "ROLLBACK"));
    TRY(db_stmt(r->db, end_sql, &st));
    TRY(db_stmt(r->db, "BEGIN", &st));
    TRY(db_run(r->db, st));
    r->depth = 1;
    /* BEGIN alone takes no snapshot; the first look does. */
    TRY(db_stmt(r->db, "SELECT 1 FROM meta", &st));
    TRY(rc = db_step(r->db, st));
    rc = ERR_OK;
out:
    db_reset(st);
    if (rc < 0 && r->depth == 1)
        store_read_leave(r);
    return rc;
}

void store_read_leave(struct store_reader *r)
{
    sqlite3_stmt *end;

    CHECK(r->depth > 0);
    if (--r->depth > 0 || db_stmt(r->db, end_sql, &end) < 0)
        return;
    sqlite3_step(end);
    db_reset(end);
}

int store_read_begin(struct store_reader *r)
{
    return store_read_enter(r);
}

void store_read_end(struct store_reader *r)
{
    store_read_leave(r);
}

/* ---- collections ---- */

#define COLLECTION_COLUMNS "id, tenant, name, settings, epoch, n_documents, n_chunks"

static void read_collection(sqlite3_stmt *st, struct arena *mem, struct collection_row *out)
{
    *out = (struct collection_row){
        .id = sqlite3_column_int64(st, 0),
        .tenant = db_str(st, 1, mem).p,
        .name = db_str(st, 2, mem).p,
        .settings = db_str(st, 3, mem).p,
        .epoch = sqlite3_column_int64(st, 4),
        .n_documents = sqlite3_column_int64(st, 5),
        .n_chunks = sqlite3_column_int64(st, 6),
    };
}

int store_find_collection(struct store_reader *r, const char *tenant, const char *name,
                          struct arena *mem, struct collection_row *out)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db,
                "SELECT " COLLECTION_COLUMNS " FROM collections WHERE tenant = ?1 AND name = ?2",
                &st));
    db_bind_str(st, 1, str_of(tenant));
    db_bind_str(st, 2, str_of(name));
    TRY(rc = db_step(r->db, st));
    if (rc == 0) {
        rc = FAIL(ERR_NOT_FOUND, "there is no collection '%.80s'", name);
        goto out;
    }
    rc = ERR_OK;
    read_collection(st, mem, out);
out:
    db_reset(st);
    return rc;
}

int store_each_collection(struct store_reader *r, collection_fn fn, void *arg)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct collection_row row;

    TRY(db_stmt(r->db, "SELECT " COLLECTION_COLUMNS " FROM collections ORDER BY tenant, name",
                &st));
    for (;;) {
        TRY(rc = db_step(r->db, st));
        if (rc == 0)
            break;
        read_collection(st, NULL, &row);
        TRY(rc = fn(arg, &row));
    }
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

int store_each_model(struct store_reader *r, model_fn fn, void *arg)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db, "SELECT fingerprint, dim FROM models ORDER BY id", &st));
    for (;;) {
        struct digest fingerprint;

        TRY(rc = db_step(r->db, st));
        if (rc == 0)
            break;
        if (db_digest(st, 0, &fingerprint))
            TRY(rc = fn(arg, &fingerprint, (uint32_t)sqlite3_column_int64(st, 1)));
    }
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

/* ---- documents ---- */

#define DOCUMENT_COLUMNS                                                                           \
    "d.id, d.key, d.root, d.uri, d.title, d.metadata, d.hash, d.ingested_ms, d.n_chunks, d.sum"
#define N_DOCUMENT_COLUMNS 10

static int damaged(struct db *db, const char *what, uint64_t id)
{
    return FAIL(ERR_DATABASE,
                "'%s' is damaged (%s %llx does not match its checksum); put a backup in its place"
                " or ingest into a new data folder",
                db->path, what, (unsigned long long)id);
}

/* Vectors are made from a text that is still there: a damaged one counts as missing. */
static int damaged_vector(struct db *db, const char *what)
{
    return FAIL(ERR_NOT_FOUND,
                "'%s' is damaged (%s does not match its checksum); the text is found by its words"
                " until it is ingested again",
                db->path, what);
}

/* From column `at` on. */
static int read_document(struct db *db, sqlite3_stmt *st, int at, struct arena *mem,
                         struct document_row *out)
{
    struct document_row d = {
        .id = sqlite3_column_int64(st, at),
        .key = db_str(st, at + 1, mem),
        .root = db_str(st, at + 2, mem),
        .uri = db_str(st, at + 3, mem),
        .title = db_str(st, at + 4, mem),
        .metadata = db_str(st, at + 5, mem),
        .ingested_ms = sqlite3_column_int64(st, at + 7),
        .n_chunks = sqlite3_column_int64(st, at + 8),
        .text = STR_LIT(""),
    };

    if (!db_digest(st, at + 6, &d.hash) ||
        row_sum_document(&d) != (uint64_t)sqlite3_column_int64(st, at + 9))
        return err_context(damaged(db, "document", (uint64_t)d.id), "document '%.*s'",
                           STR_ARGS(d.key));
    *out = d;
    return ERR_OK;
}

static int read_text(struct store_reader *r, struct arena *mem, struct document_row *doc)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    const void *packed;
    size_t n_packed, n;
    int64_t n_bytes;
    char *text;

    TRY(db_stmt(r->db, "SELECT n_bytes, zstd FROM document_texts WHERE document = ?1", &st));
    db_bind_int(st, 1, doc->id);
    TRY(rc = db_step(r->db, st));
    n_bytes = rc > 0 ? sqlite3_column_int64(st, 0) : -1;
    if (n_bytes < 0 || n_bytes > STORE_TEXT_MAX) {
        rc = damaged(r->db, "the text of document", (uint64_t)doc->id);
        goto out;
    }
    rc = ERR_OK;
    packed = db_blob(st, 1, NULL, &n_packed);
    text = arena_alloc(mem, (size_t)n_bytes + 1);
    n = ZSTD_decompress(text, (size_t)n_bytes, packed, n_packed);
    if (n != (size_t)n_bytes) {
        rc = damaged(r->db, "the text of document", (uint64_t)doc->id);
        goto out;
    }
    text[n] = '\0';
    doc->text = (struct str){text, n};
out:
    db_reset(st);
    return rc;
}

static int find_document(struct store_reader *r, int64_t collection, struct str key,
                         struct arena *mem, struct document_row *out)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db,
                "SELECT " DOCUMENT_COLUMNS " FROM documents d WHERE d.collection = ?1"
                " AND d.key = ?2",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_str(st, 2, key);
    TRY(rc = db_step(r->db, st));
    if (rc == 0) {
        rc = FAIL(ERR_NOT_FOUND, "there is no document '%.*s'", STR_ARGS(key));
        goto out;
    }
    TRY(rc = read_document(r->db, st, 0, mem, out));
out:
    db_reset(st);
    return rc;
}

int store_find_document(struct store_reader *r, int64_t collection, struct str key, bool with_text,
                        struct arena *mem, struct document_row *out)
{
    int rc = ERR_OK;
    struct document_row doc;

    TRY(store_read_enter(r));
    rc = find_document(r, collection, key, mem, &doc);
    if (rc == ERR_OK && with_text)
        rc = read_text(r, mem, &doc);
    store_read_leave(r);
    if (rc == ERR_OK)
        *out = doc;
out:
    return rc;
}

int store_each_document(struct store_reader *r, int64_t collection, struct str after_key,
                        size_t limit, document_fn fn, void *arg)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct document_row row;

    TRY(db_stmt(r->db,
                "SELECT " DOCUMENT_COLUMNS " FROM documents d WHERE d.collection = ?1"
                " AND d.key > ?2 ORDER BY d.key LIMIT ?3",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_str(st, 2, after_key);
    db_bind_int(st, 3, limit && limit < INT64_MAX ? (int64_t)limit : -1);
    for (;;) {
        TRY(rc = db_step(r->db, st));
        if (rc == 0)
            break;
        TRY(rc = read_document(r->db, st, 0, NULL, &row));
        TRY(rc = fn(arg, &row));
    }
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

/* ---- chunks ---- */

#define CHUNK_COLUMNS                                                                              \
    "c.id, c.ordinal, c.page, c.start, c.end, c.kind, c.text_hash, c.sum, c.heading, c.text"
#define N_CHUNK_COLUMNS 10

static int read_chunk(struct db *db, sqlite3_stmt *st, int at, struct arena *mem,
                      struct chunk_row *out)
{
    struct chunk_row c = {
        .id = (uint64_t)sqlite3_column_int64(st, at),
        .ordinal = sqlite3_column_int(st, at + 1),
        .page = sqlite3_column_int(st, at + 2),
        .start = (uint32_t)sqlite3_column_int64(st, at + 3),
        .end = (uint32_t)sqlite3_column_int64(st, at + 4),
        .kind = (enum chunk_kind)sqlite3_column_int(st, at + 5),
        .heading = db_str(st, at + 8, mem),
        .text = db_str(st, at + 9, mem),
    };

    if (!db_digest(st, at + 6, &c.text_hash) ||
        row_sum_chunk(&c) != (uint64_t)sqlite3_column_int64(st, at + 7))
        return damaged(db, "chunk", c.id);
    *out = c;
    return ERR_OK;
}

/* Column `at` the floats, `at + 1` their sum; *vector stays NULL where there are none, and where
 * they are damaged: then ERR_NOT_FOUND. */
static int read_vector(struct db *db, sqlite3_stmt *st, int at, struct arena *mem,
                       const float **vector, uint32_t *dim)
{
    size_t n;
    const void *p = db_blob(st, at, mem, &n);

    *vector = NULL;
    *dim = 0;
    if (!p)
        return ERR_OK;
    if (n % sizeof(float) != 0 || n > STORE_DIM_MAX * sizeof(float) ||
        row_sum_add(0, p, n) != (uint64_t)sqlite3_column_int64(st, at + 1))
        return damaged_vector(db, "a vector");
    DCHECK((uintptr_t)p % sizeof(float) == 0); /* SQLite copies rows into memory of its own */
    *vector = p;
    *dim = (uint32_t)(n / sizeof(float));
    return ERR_OK;
}

/* Columns: number, sum, bytes; likewise. */
static int read_sentences(struct db *db, sqlite3_stmt *st, int at, struct arena *mem,
                          const int8_t **vectors, uint32_t *n_sentences, uint32_t *dim)
{
    int64_t n_rows = sqlite3_column_int64(st, at);
    size_t n;
    const void *p = db_blob(st, at + 2, mem, &n);

    *vectors = NULL;
    *n_sentences = 0;
    if (!p)
        return ERR_OK;
    if (n_rows < 1 || n_rows > STORE_SENTENCES_MAX || n % (size_t)n_rows != 0 ||
        row_sum_add(0, p, n) != (uint64_t)sqlite3_column_int64(st, at + 1))
        return damaged_vector(db, "a text's sentence vectors");
    *vectors = p;
    *n_sentences = (uint32_t)n_rows;
    *dim = (uint32_t)(n / (size_t)n_rows);
    return ERR_OK;
}

static int count_chunks(struct store_reader *r, int64_t document, int64_t *n)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db, "SELECT count(*) FROM chunks WHERE document = ?1", &st));
    db_bind_int(st, 1, document);
    TRY(rc = db_step(r->db, st));
    *n = sqlite3_column_int64(st, 0);
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

int store_count_chunks_since(struct store_reader *r, int64_t collection, int64_t since_ms,
                             uint64_t *n)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db,
                "SELECT coalesce(sum(n_chunks), 0) FROM documents"
                " WHERE collection = ?1 AND ingested_ms > ?2",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_int(st, 2, since_ms);
    TRY(rc = db_step(r->db, st));
    *n = (uint64_t)sqlite3_column_int64(st, 0);
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

static int read_chunks(struct store_reader *r, int64_t document, struct arena *mem,
                       struct chunk_row *rows, int64_t n)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db,
                "SELECT " CHUNK_COLUMNS " FROM chunks c WHERE c.document = ?1 ORDER BY c.ordinal",
                &st));
    db_bind_int(st, 1, document);
    for (int64_t i = 0; i < n; i++) {
        TRY(rc = db_step(r->db, st));
        CHECK(rc == 1); /* counted in the same transaction */
        TRY(rc = read_chunk(r->db, st, 0, mem, &rows[i]));
    }
out:
    db_reset(st);
    return rc;
}

int store_document_chunks(struct store_reader *r, int64_t document, struct arena *mem,
                          struct chunk_row **out, size_t *n)
{
    int rc = ERR_OK;
    struct chunk_row *rows = NULL;
    int64_t count = 0;

    TRY(store_read_enter(r));
    rc = count_chunks(r, document, &count);
    if (rc == ERR_OK) {
        rows = ARENA_ARRAY(mem, struct chunk_row, count);
        rc = read_chunks(r, document, mem, rows, count);
    }
    store_read_leave(r);
    if (rc == ERR_OK) {
        *out = rows;
        *n = (size_t)count;
    }
out:
    return rc;
}

/* The model's private number; 0, which no vector has, when it has none yet. */
static int find_model(struct store_reader *r, const struct digest *fingerprint, int64_t *id)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    *id = 0;
    TRY(db_stmt(r->db, "SELECT id FROM models WHERE fingerprint = ?1", &st));
    db_bind_digest(st, 1, fingerprint);
    TRY(rc = db_step(r->db, st));
    if (rc > 0)
        *id = sqlite3_column_int64(st, 0);
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

struct walk {
    struct store_reader *r;
    int64_t model;
    chunk_fn fn;
    void *arg;
};

static int walk_document(const struct walk *w, const struct document_row *doc)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct chunk_row chunk;
    const float *vector;
    uint32_t dim;

    TRY(db_stmt(w->r->db,
                "SELECT " CHUNK_COLUMNS ", v.vector, v.sum FROM chunks c"
                " LEFT JOIN vectors v ON v.text_hash = c.text_hash AND v.model = ?2"
                " WHERE c.document = ?1 ORDER BY c.ordinal",
                &st));
    db_bind_int(st, 1, doc->id);
    db_bind_int(st, 2, w->model);
    for (;;) {
        TRY(rc = db_step(w->r->db, st));
        if (rc == 0)
            break;
        rc = read_chunk(w->r->db, st, 0, NULL, &chunk);
        if (rc < 0) {
            err_context(rc, "document '%.*s'", STR_ARGS(doc->key));
            goto out;
        }
        read_vector(w->r->db, st, N_CHUNK_COLUMNS, NULL, &vector, &dim); /* NULL when damaged */
        TRY(rc = w->fn(w->arg, doc, &chunk, vector, dim));
    }
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

/* Documents in the order of their arrival, which is the order on disk. */
static int walk_collection(const struct walk *w, int64_t collection)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct document_row doc;

    TRY(db_stmt(w->r->db,
                "SELECT " DOCUMENT_COLUMNS " FROM documents d INDEXED BY documents_by_arrival"
                " WHERE d.collection = ?1 ORDER BY d.id",
                &st));
    db_bind_int(st, 1, collection);
    for (;;) {
        TRY(rc = db_step(w->r->db, st));
        if (rc == 0)
            break;
        TRY(rc = read_document(w->r->db, st, 0, NULL, &doc));
        TRY(rc = walk_document(w, &doc));
    }
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

int store_each_chunk(struct store_reader *r, int64_t collection, const struct digest *fingerprint,
                     chunk_fn fn, void *arg)
{
    int rc = ERR_OK;
    struct walk w = {.r = r, .fn = fn, .arg = arg};

    TRY(store_read_enter(r));
    rc = find_model(r, fingerprint, &w.model);
    if (rc == ERR_OK)
        rc = walk_collection(&w, collection);
    store_read_leave(r);
out:
    return rc;
}

int store_each_chunk_of(struct store_reader *r, const struct document_row *doc,
                        const struct digest *fingerprint, chunk_fn fn, void *arg)
{
    int rc = ERR_OK;
    struct walk w = {.r = r, .fn = fn, .arg = arg};

    TRY(store_read_enter(r));
    rc = find_model(r, fingerprint, &w.model);
    if (rc == ERR_OK)
        rc = walk_document(&w, doc);
    store_read_leave(r);
out:
    return rc;
}

int store_each_missing(struct store_reader *r, const struct digest *fingerprint, int64_t *row,
                       size_t limit, chunk_fn fn, void *arg)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct document_row doc;
    struct chunk_row chunk;

    TRY(db_stmt(r->db,
                "SELECT " DOCUMENT_COLUMNS ", " CHUNK_COLUMNS ", c.row"
                " FROM chunks c CROSS JOIN documents d ON d.id = c.document"
                " WHERE c.row > ?2 AND NOT EXISTS (SELECT 1 FROM vectors v"
                "  WHERE v.text_hash = c.text_hash"
                "  AND v.model = (SELECT id FROM models WHERE fingerprint = ?1))"
                " ORDER BY c.row LIMIT ?3",
                &st));
    db_bind_digest(st, 1, fingerprint);
    db_bind_int(st, 2, *row);
    db_bind_int(st, 3, (int64_t)limit);
    for (;;) {
        TRY(rc = db_step(r->db, st));
        if (rc == 0)
            break;
        TRY(rc = read_document(r->db, st, 0, NULL, &doc));
        TRY(rc = read_chunk(r->db, st, N_DOCUMENT_COLUMNS, NULL, &chunk));
        *row = sqlite3_column_int64(st, N_DOCUMENT_COLUMNS + N_CHUNK_COLUMNS);
        TRY(rc = fn(arg, &doc, &chunk, NULL, 0));
    }
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

int store_count_missing(struct store_reader *r, const struct digest *fingerprint, uint64_t *n)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db,
                "SELECT count(*) FROM chunks c WHERE NOT EXISTS (SELECT 1 FROM vectors v"
                " WHERE v.text_hash = c.text_hash"
                " AND v.model = (SELECT id FROM models WHERE fingerprint = ?1))",
                &st));
    db_bind_digest(st, 1, fingerprint);
    TRY(rc = db_step(r->db, st));
    *n = (uint64_t)sqlite3_column_int64(st, 0);
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

/* A chunk with its document and the vectors of its sentences under the model ?2. */
#define FULL_CHUNK                                                                                 \
    "SELECT " DOCUMENT_COLUMNS ", " CHUNK_COLUMNS ", s.n, s.sum, s.vectors"                        \
    " FROM chunks c CROSS JOIN documents d ON d.id = c.document"                                   \
    " LEFT JOIN vectors v ON v.text_hash = c.text_hash AND v.model ="                              \
    "  (SELECT id FROM models WHERE fingerprint = ?2)"                                             \
    " LEFT JOIN sentence_vectors s ON s.vector = v.id"

/* `known` (NULL: none): the document, when an earlier row has told it. */
static int read_full_chunk(struct db *db, sqlite3_stmt *st, const struct document_row *known,
                           struct arena *mem, struct chunk_full *out)
{
    int rc = ERR_OK;
    struct chunk_full full = {0};

    if (known)
        full.document = *known;
    else
        TRY(read_document(db, st, 0, mem, &full.document));
    rc = read_chunk(db, st, N_DOCUMENT_COLUMNS, mem, &full.chunk);
    if (rc < 0) {
        err_context(rc, "document '%.*s'", STR_ARGS(full.document.key));
        goto out;
    }
    full.sentences_damaged =
        read_sentences(db, st, N_DOCUMENT_COLUMNS + N_CHUNK_COLUMNS, mem, &full.sentence_vectors,
                       &full.n_sentences, &full.dim) < 0;
    *out = full;
out:
    return rc;
}

int store_fetch_chunk(struct store_reader *r, uint64_t chunk_id, const struct digest *fingerprint,
                      struct arena *mem, struct chunk_full *out)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db, FULL_CHUNK " WHERE c.id = ?1", &st));
    db_bind_int(st, 1, (int64_t)chunk_id);
    db_bind_digest(st, 2, fingerprint);
    TRY(rc = db_step(r->db, st));
    if (rc == 0) {
        rc = FAIL(ERR_GONE, "chunk %016llx is not there any more", (unsigned long long)chunk_id);
        goto out;
    }
    TRY(rc = read_full_chunk(r->db, st, NULL, mem, out));
out:
    db_reset(st);
    return rc;
}

int store_fetch_range(struct store_reader *r, int64_t document, int32_t from, int32_t to,
                      const struct digest *fingerprint, struct arena *mem, struct chunk_full **out,
                      size_t *n)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct chunk_full *rows = ARENA_ARRAY(mem, struct chunk_full, STORE_RANGE_MAX);
    size_t count = 0;

    if ((int64_t)to - from >= STORE_RANGE_MAX)
        return FAIL(ERR_LIMIT, "chunks %d to %d are more than %d", from, to, STORE_RANGE_MAX);
    TRY(db_stmt(r->db,
                FULL_CHUNK " WHERE c.document = ?1 AND c.ordinal BETWEEN ?3 AND ?4 AND c.kind = 0"
                           " ORDER BY c.ordinal",
                &st));
    db_bind_int(st, 1, document);
    db_bind_digest(st, 2, fingerprint);
    db_bind_int(st, 3, from);
    db_bind_int(st, 4, to);
    for (;;) {
        TRY(rc = db_step(r->db, st));
        if (rc == 0)
            break;
        TRY(rc = read_full_chunk(r->db, st, count ? &rows[0].document : NULL, mem, &rows[count]));
        count++;
    }
    rc = ERR_OK;
    *out = rows;
    *n = count;
out:
    db_reset(st);
    return rc;
}

int store_find_vector(struct store_reader *r, const struct digest *fingerprint,
                      const struct digest *text_hash, struct arena *mem, struct vector_row *out)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct vector_row v = {.text_hash = *text_hash};

    TRY(db_stmt(r->db,
                "SELECT v.vector, v.sum, s.n, s.sum, s.vectors FROM vectors v"
                " LEFT JOIN sentence_vectors s ON s.vector = v.id"
                " WHERE v.text_hash = ?1 AND v.model ="
                "  (SELECT id FROM models WHERE fingerprint = ?2)",
                &st));
    db_bind_digest(st, 1, text_hash);
    db_bind_digest(st, 2, fingerprint);
    TRY(rc = db_step(r->db, st));
    if (rc == 0) {
        rc = FAIL(ERR_NOT_FOUND, "there is no vector of this text");
        goto out;
    }
    TRY(rc = read_sentences(r->db, st, 2, mem, &v.sentence_vectors, &v.n_sentences, &v.dim));
    TRY(rc = read_vector(r->db, st, 0, mem, &v.vector, &v.dim));
    *out = v;
out:
    db_reset(st);
    return rc;
}
