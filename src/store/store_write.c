/* What a fn may do inside the writer's transaction. See writer.h for the transaction itself. */
#include "store/store.h"

#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/row_sum.h"
#include "store/store_parts.h"

#define ZSTD_LEVEL 3

static int check_size(const char *what, size_t n, size_t max)
{
    if (n > max)
        return FAIL(ERR_LIMIT, "%s has %zu bytes, over the limit of %zu", what, n, max);
    return ERR_OK;
}

/* A name as a message shows it: two long roots must both find room. */
static struct str brief(struct str s)
{
    return s.n > 200 ? str_sub(s, 0, 200) : s;
}

static struct str root_name(struct str root)
{
    return root.n ? brief(root) : STR_LIT("(given by id)");
}

/* ---- collections ---- */

static int check_name(const char *what, const char *name)
{
    size_t n = strlen(name);

    if (n < 1 || n > 64 ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") != n)
        return FAIL(ERR_ARGUMENT, "%s '%.80s' must be 1 to 64 of A-Z a-z 0-9 _ . -", what, name);
    return ERR_OK;
}

static int find_collection_id(struct db *db, const char *tenant, const char *name, int64_t *id)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(db, "SELECT id FROM collections WHERE tenant = ?1 AND name = ?2", &st));
    db_bind_str(st, 1, str_of(tenant));
    db_bind_str(st, 2, str_of(name));
    TRY(rc = db_step(db, st));
    if (rc > 0)
        *id = sqlite3_column_int64(st, 0);
out:
    db_reset(st);
    return rc;
}

int store_tx_collection(struct store_tx *tx, const char *tenant, const char *name, int64_t *id,
                        bool *made)
{
    int rc = ERR_OK, found = 0;
    sqlite3_stmt *st = NULL;

    TRY(check_name("tenant", tenant));
    TRY(check_name("collection", name));
    TRY(found = find_collection_id(tx->db, tenant, name, id));
    if (!found) {
        TRY(db_stmt(tx->db,
                    "INSERT INTO collections (tenant, name, settings, epoch) VALUES (?1, ?2, '{}',"
                    " 1 + (SELECT value FROM meta WHERE key = 'epoch_floor'))",
                    &st));
        db_bind_str(st, 1, str_of(tenant));
        db_bind_str(st, 2, str_of(name));
        TRY(db_run(tx->db, st));
        *id = sqlite3_last_insert_rowid(tx->db->handle);
    }
    if (made)
        *made = !found;
out:
    return rc;
}

/* Runs a statement that must have changed the collection's row. */
static int change_collection(struct store_tx *tx, sqlite3_stmt *st, int64_t collection)
{
    int rc = db_run(tx->db, st);

    if (rc == ERR_OK && sqlite3_changes(tx->db->handle) == 0)
        rc = FAIL(ERR_NOT_FOUND, "there is no collection with id %lld", (long long)collection);
    return rc;
}

int store_tx_collection_settings(struct store_tx *tx, int64_t collection, const char *settings)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(check_size("the settings of a collection", strlen(settings), STORE_METADATA_MAX));
    TRY(db_stmt(tx->db, "UPDATE collections SET settings = ?2 WHERE id = ?1", &st));
    db_bind_int(st, 1, collection);
    db_bind_str(st, 2, str_of(settings));
    TRY(change_collection(tx, st, collection));
out:
    return rc;
}

/* Notes the text hashes of chunks that are about to go: `sql` selects them by one id. */
static int loosen(struct store_tx *tx, const char *sql, int64_t id)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, sql, &st));
    db_bind_int(st, 1, id);
    TRY(db_run(tx->db, st));
    tx->loosened = true;
out:
    return rc;
}

int store_tx_drop_collection(struct store_tx *tx, int64_t collection)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(loosen(tx,
               "INSERT INTO temp.loose SELECT DISTINCT c.text_hash FROM documents d"
               " JOIN chunks c ON c.document = d.id WHERE d.collection = ?1",
               collection));
    TRY(db_stmt(tx->db,
                "UPDATE meta SET value = max(value, coalesce("
                " (SELECT epoch FROM collections WHERE id = ?1), 0)) WHERE key = 'epoch_floor'",
                &st));
    db_bind_int(st, 1, collection);
    TRY(db_run(tx->db, st));
    TRY(db_stmt(tx->db, "DELETE FROM collections WHERE id = ?1", &st));
    db_bind_int(st, 1, collection);
    TRY(change_collection(tx, st, collection));
out:
    return rc;
}

int store_tx_bump_epoch(struct store_tx *tx, int64_t collection, int64_t *epoch)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "UPDATE collections SET epoch = epoch + 1 WHERE id = ?1 RETURNING epoch",
                &st));
    db_bind_int(st, 1, collection);
    TRY(rc = db_step(tx->db, st));
    if (rc == 0) {
        rc = FAIL(ERR_NOT_FOUND, "there is no collection with id %lld", (long long)collection);
        goto out;
    }
    *epoch = sqlite3_column_int64(st, 0);
    TRY(rc = db_step(tx->db, st)); /* RETURNING gives its row before the statement is done */
out:
    db_reset(st);
    return rc;
}

static int add_counts(struct store_tx *tx, int64_t collection, int64_t documents, int64_t chunks)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "UPDATE collections SET n_documents = n_documents + ?2, n_chunks = n_chunks + ?3"
                " WHERE id = ?1",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_int(st, 2, documents);
    db_bind_int(st, 3, chunks);
    TRY(change_collection(tx, st, collection));
out:
    return rc;
}

/* ---- documents ---- */

/* A quote is cut from a chunk and shown at its place in the document, so the two must agree. */
static int check_chunk(const struct document_row *doc, const struct chunk_row *c)
{
    int rc = ERR_OK;

    TRY(check_size("the heading of a chunk", c->heading.n, STORE_METADATA_MAX));
    TRY(check_size("the text of a chunk", c->text.n, STORE_TEXT_MAX));
    if (c->kind != CHUNK_TEXT)
        return ERR_OK;
    if (c->start > c->end || c->end > doc->text.n ||
        !str_eq(c->text, str_sub(doc->text, c->start, c->end)))
        return FAIL(ERR_ARGUMENT,
                    "document '%.*s': chunk %d is not the bytes %u to %u of the document's text",
                    STR_ARGS(brief(doc->key)), c->ordinal, c->start, c->end);
out:
    return rc;
}

static int check_document(const struct document_row *doc, const struct chunk_row *chunks, size_t n)
{
    int rc = ERR_OK;

    if (doc->key.n == 0)
        return FAIL(ERR_ARGUMENT, "a document needs a key");
    TRY(check_size("the key of a document", doc->key.n, STORE_KEY_MAX));
    TRY(check_size("the root of a document", doc->root.n, STORE_KEY_MAX));
    TRY(check_size("the uri of a document", doc->uri.n, STORE_KEY_MAX));
    TRY(check_size("the title of a document", doc->title.n, STORE_METADATA_MAX));
    TRY(check_size("the metadata of a document", doc->metadata.n, STORE_METADATA_MAX));
    TRY(check_size("the text of a document", doc->text.n, STORE_TEXT_MAX));
    if (n > STORE_CHUNKS_MAX)
        return FAIL(ERR_LIMIT, "document '%.*s' has %zu chunks, over the limit of %d",
                    STR_ARGS(brief(doc->key)), n, STORE_CHUNKS_MAX);
    for (size_t i = 0; i < n; i++)
        TRY(check_chunk(doc, &chunks[i]));
out:
    return rc;
}

struct there {
    int64_t id, n_chunks; /* id 0: no such document */
};

/* The document that has this key, if any; ERR_EXISTS when it came from another root. */
static int find_there(struct store_tx *tx, int64_t collection, const struct document_row *doc,
                      struct there *out)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct str root;

    TRY(db_stmt(tx->db,
                "SELECT id, n_chunks, root FROM documents WHERE collection = ?1 AND key = ?2",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_str(st, 2, doc->key);
    TRY(rc = db_step(tx->db, st));
    if (rc == 0)
        goto out;
    rc = ERR_OK;
    root = db_str(st, 2, NULL);
    if (!str_eq(root, doc->root)) {
        rc = FAIL(ERR_EXISTS,
                  "document '%.*s' is there already from '%.*s' and cannot come from '%.*s' too; "
                  "use another collection or root name",
                  STR_ARGS(brief(doc->key)), STR_ARGS(root_name(root)),
                  STR_ARGS(root_name(doc->root)));
        goto out;
    }
    *out = (struct there){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1)};
out:
    db_reset(st);
    return rc;
}

static int put_row(struct store_tx *tx, int64_t collection, int64_t old_id,
                   struct document_row *doc)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "INSERT INTO documents (id, collection, key, root, uri, title, metadata, hash,"
                " ingested_ms, n_chunks, sum, epoch)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
                "  (SELECT epoch + 1 FROM collections WHERE id = ?2))"
                " ON CONFLICT (id) DO UPDATE SET uri = ?5, title = ?6, metadata = ?7, hash = ?8,"
                " ingested_ms = ?9, n_chunks = ?10, sum = ?11, epoch = excluded.epoch",
                &st));
    if (old_id)
        db_bind_int(st, 1, old_id); /* otherwise NULL: a fresh one */
    db_bind_int(st, 2, collection);
    db_bind_str(st, 3, doc->key);
    db_bind_str(st, 4, doc->root);
    db_bind_str(st, 5, doc->uri);
    db_bind_str(st, 6, doc->title);
    db_bind_str(st, 7, doc->metadata);
    db_bind_digest(st, 8, &doc->hash);
    db_bind_int(st, 9, doc->ingested_ms);
    db_bind_int(st, 10, doc->n_chunks);
    db_bind_int(st, 11, (int64_t)row_sum_document(doc));
    TRY(db_run(tx->db, st));
    doc->id = old_id ? old_id : sqlite3_last_insert_rowid(tx->db->handle);
out:
    return rc;
}

static int put_text(struct store_tx *tx, int64_t document, struct str text)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    size_t cap = ZSTD_compressBound(text.n), n;
    void *packed = mem_alloc(cap);

    ZSTD_CCtx_setParameter(tx->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    ZSTD_CCtx_setParameter(tx->zstd, ZSTD_c_checksumFlag, 1);
    n = ZSTD_compress2(tx->zstd, packed, cap, text.p, text.n);
    if (ZSTD_isError(n)) {
        rc = FAIL(ERR_SYSTEM, "cannot compress a text: %s", ZSTD_getErrorName(n));
        goto out;
    }
    TRY(db_stmt(tx->db, "REPLACE INTO document_texts (document, n_bytes, zstd) VALUES (?1, ?2, ?3)",
                &st));
    db_bind_int(st, 1, document);
    db_bind_int(st, 2, (int64_t)text.n);
    db_bind_blob(st, 3, packed, n);
    TRY(db_run(tx->db, st));
out:
    mem_free(packed);
    return rc;
}

/* Two documents whose chunk ids come to the same 64 bits: a crafted file, or very bad luck. */
static int chunk_error(struct db *db, const struct document_row *doc, const struct chunk_row *c,
                       int rc)
{
    if (sqlite3_extended_errcode(db->handle) != SQLITE_CONSTRAINT_UNIQUE)
        return rc;
    return FAIL(ERR_EXISTS, "document '%.*s': the id of chunk %d, %016llx, is taken",
                STR_ARGS(brief(doc->key)), c->ordinal, (unsigned long long)c->id);
}

static int put_chunk(struct store_tx *tx, const struct document_row *doc, const struct chunk_row *c)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "INSERT INTO chunks (id, document, ordinal, page, start, end, kind, text_hash, sum,"
                " heading, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                &st));
    db_bind_int(st, 1, (int64_t)c->id);
    db_bind_int(st, 2, doc->id);
    db_bind_int(st, 3, c->ordinal);
    db_bind_int(st, 4, c->page);
    db_bind_int(st, 5, c->start);
    db_bind_int(st, 6, c->end);
    db_bind_int(st, 7, c->kind);
    db_bind_digest(st, 8, &c->text_hash);
    db_bind_int(st, 9, (int64_t)row_sum_chunk(c));
    db_bind_str(st, 10, c->heading);
    db_bind_str(st, 11, c->text);
    rc = db_step(tx->db, st);
    if (rc < 0)
        rc = chunk_error(tx->db, doc, c, rc);
out:
    db_reset(st);
    return rc;
}

static int loosen_document(struct store_tx *tx, int64_t document)
{
    return loosen(tx,
                  "INSERT INTO temp.loose SELECT DISTINCT text_hash FROM chunks"
                  " WHERE document = ?1",
                  document);
}

static int delete_chunks(struct store_tx *tx, int64_t document)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(loosen_document(tx, document));
    TRY(db_stmt(tx->db, "DELETE FROM chunks WHERE document = ?1", &st));
    db_bind_int(st, 1, document);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

static int put_document(struct store_tx *tx, int64_t collection, struct document_row *doc,
                        const struct chunk_row *chunks, size_t n_chunks)
{
    int rc = ERR_OK;
    struct there old = {0};

    TRY(find_there(tx, collection, doc, &old));
    if (old.id) {
        TRY(delete_chunks(tx, old.id));
        TRY(store_tx_drop_answers_of(tx, old.id));
        TRY(store_tx_forget_summary(tx, old.id));
    }
    doc->n_chunks = 0;
    for (size_t i = 0; i < n_chunks; i++)
        doc->n_chunks += chunks[i].kind == CHUNK_TEXT;
    TRY(add_counts(tx, collection, old.id ? 0 : 1, doc->n_chunks - old.n_chunks));
    TRY(put_row(tx, collection, old.id, doc));
    TRY(put_text(tx, doc->id, doc->text));
    for (size_t i = 0; i < n_chunks; i++)
        TRY(put_chunk(tx, doc, &chunks[i]));
    TRY(store_tx_note_change(tx, collection, doc->key));
out:
    return rc;
}

/* In a savepoint of its own: a document that is refused half-way was never there, and fn may go on
 * with the next. */
int store_tx_put_document(struct store_tx *tx, int64_t collection, struct document_row *doc,
                          const struct chunk_row *chunks, size_t n_chunks)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(check_document(doc, chunks, n_chunks));
    TRY(db_stmt(tx->db, "SAVEPOINT document", &st));
    TRY(db_run(tx->db, st));
    rc = put_document(tx, collection, doc, chunks, n_chunks);
    if (rc < 0) {
        if (!sqlite3_get_autocommit(tx->db->handle))
            sqlite3_exec(tx->db->handle, "ROLLBACK TO document; RELEASE document", NULL, NULL,
                         NULL);
        goto out;
    }
    TRY(db_stmt(tx->db, "RELEASE document", &st));
    TRY(db_run(tx->db, st));
out:
    return rc;
}

int store_tx_delete_document(struct store_tx *tx, int64_t document)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    int64_t collection, n_chunks;
    struct arena *mem = arena_new(0);
    struct str key;

    TRY(loosen_document(tx, document));
    TRY(store_tx_drop_answers_of(tx, document));
    TRY(db_stmt(tx->db, "DELETE FROM documents WHERE id = ?1 RETURNING collection, n_chunks, key",
                &st));
    db_bind_int(st, 1, document);
    TRY(rc = db_step(tx->db, st));
    if (rc == 0) {
        rc = FAIL(ERR_NOT_FOUND, "there is no document with id %lld", (long long)document);
        goto out;
    }
    collection = sqlite3_column_int64(st, 0);
    n_chunks = sqlite3_column_int64(st, 1);
    key = db_str(st, 2, mem);
    TRY(rc = db_step(tx->db, st));
    TRY(add_counts(tx, collection, -1, -n_chunks));
    TRY(store_tx_note_change(tx, collection, key));
out:
    db_reset(st);
    arena_free(mem);
    return rc;
}

/* ---- vectors ---- */

static int find_or_add_model(struct store_tx *tx, const struct digest *fingerprint, uint32_t dim,
                             int64_t *id)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    uint32_t known;

    TRY(db_stmt(tx->db,
                "INSERT INTO models (fingerprint, dim) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                &st));
    db_bind_digest(st, 1, fingerprint);
    db_bind_int(st, 2, dim);
    TRY(db_run(tx->db, st));
    TRY(db_stmt(tx->db, "SELECT id, dim FROM models WHERE fingerprint = ?1", &st));
    db_bind_digest(st, 1, fingerprint);
    TRY(rc = db_step(tx->db, st));
    CHECK(rc == 1);
    rc = ERR_OK;
    known = (uint32_t)sqlite3_column_int64(st, 1);
    if (known != dim)
        rc = FAIL(ERR_ARGUMENT, "vectors of this model have %u dimensions, not %u", known, dim);
    else
        *id = sqlite3_column_int64(st, 0);
out:
    db_reset(st);
    return rc;
}

static int put_sentence_vectors(struct store_tx *tx, int64_t model, const struct vector_row *v)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    size_t n = (size_t)v->n_sentences * v->dim;

    TRY(db_stmt(tx->db,
                "INSERT INTO sentence_vectors (vector, n, sum, vectors)"
                " SELECT id, ?3, ?4, ?5 FROM vectors WHERE text_hash = ?1 AND model = ?2"
                " ON CONFLICT DO UPDATE SET n = ?3, sum = ?4, vectors = ?5"
                " WHERE sum <> ?4 OR vectors <> ?5",
                &st));
    db_bind_digest(st, 1, &v->text_hash);
    db_bind_int(st, 2, model);
    db_bind_int(st, 3, v->n_sentences);
    db_bind_int(st, 4, (int64_t)row_sum_add(0, v->sentence_vectors, n));
    db_bind_blob(st, 5, v->sentence_vectors, n);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

/* What is there already is the same bytes, unless it is damaged. */
static int put_vector(struct store_tx *tx, int64_t model, const struct vector_row *v)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    size_t n = (size_t)v->dim * sizeof *v->vector;

    TRY(db_stmt(tx->db,
                "INSERT INTO vectors (model, text_hash, sum, vector) VALUES (?1, ?2, ?3, ?4)"
                " ON CONFLICT (text_hash, model) DO UPDATE SET sum = ?3, vector = ?4"
                " WHERE sum <> ?3 OR vector <> ?4",
                &st));
    db_bind_int(st, 1, model);
    db_bind_digest(st, 2, &v->text_hash);
    db_bind_int(st, 3, (int64_t)row_sum_add(0, v->vector, n));
    db_bind_blob(st, 4, v->vector, n);
    TRY(db_run(tx->db, st));
    if (v->n_sentences > 0)
        TRY(put_sentence_vectors(tx, model, v));
out:
    return rc;
}

int store_tx_put_vectors(struct store_tx *tx, const struct digest *fingerprint,
                         const struct vector_row *rows, size_t n)
{
    int rc = ERR_OK;
    int64_t model = 0;

    if (n == 0)
        return ERR_OK;
    for (size_t i = 0; i < n; i++) {
        const struct vector_row *v = &rows[i];

        if (v->dim < 1 || v->dim > STORE_DIM_MAX || v->dim != rows[0].dim)
            return FAIL(ERR_ARGUMENT, "a vector has %u dimensions; it must be 1 to %d, all alike",
                        v->dim, STORE_DIM_MAX);
        if (v->n_sentences > STORE_SENTENCES_MAX)
            return FAIL(ERR_LIMIT, "a chunk has %u sentence vectors, over the limit of %d",
                        v->n_sentences, STORE_SENTENCES_MAX);
    }
    TRY(find_or_add_model(tx, fingerprint, rows[0].dim, &model));
    for (size_t i = 0; i < n; i++)
        TRY(put_vector(tx, model, &rows[i]));
out:
    return rc;
}

int store_tx_put_late_vector(struct store_tx *tx, const struct digest *fingerprint,
                             const struct vector_row *row)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(store_tx_put_vectors(tx, fingerprint, row, 1));
    TRY(db_stmt(tx->db, "INSERT INTO temp.loose VALUES (?1)", &st));
    db_bind_digest(st, 1, &row->text_hash);
    TRY(db_run(tx->db, st));
    tx->loosened = true;
out:
    return rc;
}

/* Looked at when fn is through, not when a chunk goes: the same text may have come back in between
 * (a document replaced, or moved to another key). */
int store_tx_finish(struct store_tx *tx)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    if (!tx->loosened)
        return ERR_OK;
    TRY(db_stmt(tx->db,
                "DELETE FROM vectors WHERE text_hash IN (SELECT text_hash FROM temp.loose)"
                " AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.text_hash = vectors.text_hash)",
                &st));
    TRY(db_run(tx->db, st));
    TRY(db_stmt(tx->db, "DELETE FROM temp.loose", &st));
    TRY(db_run(tx->db, st));
    tx->loosened = false;
out:
    return rc;
}

struct store_reader *store_tx_reader(struct store_tx *tx)
{
    return &tx->reader;
}
