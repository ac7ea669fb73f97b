#include "store/store_answers.h"

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/row_sum.h"
#include "store/store_parts.h"

#define ZSTD_LEVEL 3

/* All but what changes while it lives. */
static uint64_t row_sum_answer(const struct answer_row *a, const void *packed, size_t n)
{
    const int64_t fixed[] = {a->collection, a->kind,       a->stored_ms, a->ttl_ms,
                             a->tokens_in,  a->tokens_out, a->made_us};
    uint64_t sum = row_sum_add(0, a->prompt_hash.b, DIGEST_BYTES);

    sum = row_sum_add(row_sum_add(sum, fixed, sizeof fixed), &a->cost, sizeof a->cost);
    return row_sum_add(sum, packed, n);
}

/* ---- writing ---- */

static int check_limits(const struct answer_row *row)
{
    if (row->body.n > STORE_ANSWER_MAX)
        return FAIL(ERR_LIMIT, "an answer of %zu bytes is over the limit of %u", row->body.n,
                    STORE_ANSWER_MAX);
    if (row->n_documents > STORE_ANSWER_DOCUMENTS_MAX)
        return FAIL(ERR_LIMIT, "an answer of %zu documents is over the limit of %d",
                    row->n_documents, STORE_ANSWER_DOCUMENTS_MAX);
    if (row->stored_ms < 0 || row->ttl_ms < 1 || row->ttl_ms > STORE_ANSWER_TTL_MAX_MS)
        return FAIL(ERR_LIMIT, "an answer must live for 1 ms to 366 days");
    return ERR_OK;
}

static int check_collection(struct store_tx *tx, int64_t collection)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "SELECT 1 FROM collections WHERE id = ?1", &st));
    db_bind_int(st, 1, collection);
    TRY(rc = db_step(tx->db, st));
    rc = rc > 0 ? ERR_OK
                : FAIL(ERR_NOT_FOUND, "there is no collection with id %lld", (long long)collection);
out:
    db_reset(st);
    return rc;
}

/* A document as it was at `epoch`: neither gone nor changed since. */
static int find_shown(struct store_tx *tx, int64_t collection, struct str key, int64_t epoch,
                      int64_t *id)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "SELECT id, epoch FROM documents WHERE collection = ?1 AND key = ?2", &st));
    db_bind_int(st, 1, collection);
    db_bind_str(st, 2, key);
    TRY(rc = db_step(tx->db, st));
    if (rc == 0 || sqlite3_column_int64(st, 1) > epoch) {
        rc = FAIL(ERR_GONE, "document '%.*s' has changed since it was answered from",
                  STR_ARGS(str_sub(key, 0, key.n < 200 ? key.n : 200)));
        goto out;
    }
    *id = sqlite3_column_int64(st, 0);
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

static int link_document(struct store_tx *tx, int64_t answer, int64_t document)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "INSERT INTO answer_documents VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                &st));
    db_bind_int(st, 1, document);
    db_bind_int(st, 2, answer);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

static int delete_answer(struct store_tx *tx, const struct digest *prompt_hash)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "DELETE FROM answers WHERE prompt_hash = ?1", &st));
    db_bind_digest(st, 1, prompt_hash);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

static int insert_answer(struct store_tx *tx, const struct answer_row *row, const void *packed,
                         size_t n, int64_t *id)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "INSERT INTO answers (prompt_hash, collection, kind, stored_ms, ttl_ms, hits,"
                " tokens, n_body, n_packed, sum, made_us, cost, tokens_out)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                &st));
    db_bind_digest(st, 1, &row->prompt_hash);
    db_bind_int(st, 2, row->collection);
    db_bind_int(st, 3, row->kind);
    db_bind_int(st, 4, row->stored_ms);
    db_bind_int(st, 5, row->ttl_ms);
    db_bind_int(st, 6, row->hits);
    db_bind_int(st, 7, row->tokens_in);
    db_bind_int(st, 8, (int64_t)row->body.n);
    db_bind_int(st, 9, (int64_t)n);
    db_bind_int(st, 10, (int64_t)row_sum_answer(row, packed, n));
    db_bind_int(st, 11, row->made_us);
    db_bind_int(st, 13, row->tokens_out);
    sqlite3_bind_double(st, 12, row->cost);
    TRY(db_run(tx->db, st));
    *id = sqlite3_last_insert_rowid(tx->db->handle);
    TRY(db_stmt(tx->db, "INSERT INTO answer_bodies (answer, zstd) VALUES (?1, ?2)", &st));
    db_bind_int(st, 1, *id);
    db_bind_blob(st, 2, packed, n);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

static int insert_packed(struct store_tx *tx, const struct answer_row *row, int64_t *id)
{
    int rc = ERR_OK;
    size_t cap = ZSTD_compressBound(row->body.n), n;
    void *packed = mem_alloc(cap);

    ZSTD_CCtx_setParameter(tx->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    n = ZSTD_compress2(tx->zstd, packed, cap, row->body.p, row->body.n);
    if (ZSTD_isError(n)) {
        rc = FAIL(ERR_SYSTEM, "cannot compress an answer: %s", ZSTD_getErrorName(n));
        goto out;
    }
    TRY(insert_answer(tx, row, packed, n, id));
out:
    mem_free(packed);
    return rc;
}

/* Documents are looked at before anything is written, so that a refusal leaves all as it was. */
int store_tx_put_answer(struct store_tx *tx, const struct answer_row *row, int64_t epoch)
{
    int rc = ERR_OK;
    int64_t documents[STORE_ANSWER_DOCUMENTS_MAX], id = 0;

    TRY(check_limits(row));
    TRY(check_collection(tx, row->collection));
    for (size_t i = 0; i < row->n_documents; i++)
        TRY(find_shown(tx, row->collection, row->documents[i], epoch, &documents[i]));
    TRY(delete_answer(tx, &row->prompt_hash));
    TRY(insert_packed(tx, row, &id));
    for (size_t i = 0; i < row->n_documents; i++)
        TRY(link_document(tx, id, documents[i]));
out:
    return rc;
}

int store_tx_drop_answers_of(struct store_tx *tx, int64_t document)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "DELETE FROM answers WHERE id IN"
                " (SELECT answer FROM answer_documents WHERE document = ?1)",
                &st));
    db_bind_int(st, 1, document);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

int store_tx_answer_hits(struct store_tx *tx, const struct digest *prompt_hash, int64_t n)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "UPDATE answers SET hits = hits + ?2 WHERE prompt_hash = ?1", &st));
    db_bind_digest(st, 1, prompt_hash);
    db_bind_int(st, 2, n);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

/* A DELETE with one number in it; *n: how many rows went. */
static int delete_by(struct store_tx *tx, const char *sql, int64_t number, int64_t *n)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, sql, &st));
    db_bind_int(st, 1, number);
    TRY(db_run(tx->db, st));
    *n = sqlite3_changes64(tx->db->handle);
out:
    return rc;
}

int store_tx_forget_expired(struct store_tx *tx, int64_t now_ms, int64_t *n)
{
    return delete_by(tx, "DELETE FROM answers WHERE stored_ms <= ?1 - ttl_ms", now_ms, n);
}

int store_tx_trim_answers(struct store_tx *tx, int64_t n_bytes, int64_t *n)
{
    return delete_by(tx,
                     "DELETE FROM answers WHERE id IN (SELECT id FROM (SELECT id, sum(n_packed)"
                     "  OVER (ORDER BY kind DESC, hits DESC, stored_ms DESC, id DESC) AS so_far"
                     "  FROM answers) WHERE so_far > ?1)",
                     n_bytes, n);
}

int store_tx_clear_answers(struct store_tx *tx)
{
    int64_t n;

    return delete_by(tx, "DELETE FROM answers WHERE id > ?1", 0, &n);
}

/* ---- reading ---- */

#define ANSWER_COLUMNS                                                                             \
    "a.prompt_hash, a.collection, a.kind, a.stored_ms, a.ttl_ms, a.hits, a.tokens, a.n_packed,"    \
    " a.made_us, a.cost, a.tokens_out"
#define N_ANSWER_COLUMNS 11

static bool read_answer(sqlite3_stmt *st, struct answer_row *out)
{
    *out = (struct answer_row){
        .collection = sqlite3_column_int64(st, 1),
        .kind = (enum answer_kind)sqlite3_column_int(st, 2),
        .stored_ms = sqlite3_column_int64(st, 3),
        .ttl_ms = sqlite3_column_int64(st, 4),
        .hits = sqlite3_column_int64(st, 5),
        .tokens_in = sqlite3_column_int64(st, 6),
        .n_packed = sqlite3_column_int64(st, 7),
        .made_us = sqlite3_column_int64(st, 8),
        .cost = sqlite3_column_double(st, 9),
        .tokens_out = sqlite3_column_int64(st, 10),
        .body = STR_LIT(""),
    };
    return db_digest(st, 0, &out->prompt_hash);
}

static int damaged(struct db *db)
{
    return FAIL(ERR_NOT_FOUND, "'%s' is damaged (an answer does not match its checksum)", db->path);
}

static int none(void)
{
    return FAIL(ERR_NOT_FOUND, "there is no answer to this prompt");
}

/* From columns sum, n_body, zstd. */
static int read_body(struct db *db, sqlite3_stmt *st, int at, struct arena *mem,
                     struct answer_row *row)
{
    size_t n_packed;
    int64_t n = sqlite3_column_int64(st, at + 1);
    const void *packed = db_blob(st, at + 2, NULL, &n_packed);
    char *body;

    if (!packed || n < 0 || n > (int64_t)STORE_ANSWER_MAX ||
        row_sum_answer(row, packed, n_packed) != (uint64_t)sqlite3_column_int64(st, at))
        return damaged(db);
    body = arena_alloc(mem, (size_t)n + 1);
    if (ZSTD_decompress(body, (size_t)n, packed, n_packed) != (size_t)n)
        return damaged(db);
    body[n] = '\0';
    row->body = (struct str){body, (size_t)n};
    return ERR_OK;
}

static int find_body(struct store_reader *r, int64_t collection, const struct digest *prompt_hash,
                     int64_t now_ms, struct arena *mem, struct answer_row *out, int64_t *id)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db,
                "SELECT " ANSWER_COLUMNS ", a.sum, a.n_body, b.zstd, a.id FROM answers a"
                " LEFT JOIN answer_bodies b ON b.answer = a.id"
                " WHERE a.prompt_hash = ?1 AND a.collection = ?2",
                &st));
    db_bind_digest(st, 1, prompt_hash);
    db_bind_int(st, 2, collection);
    TRY(rc = db_step(r->db, st));
    if (rc == 0) {
        rc = none();
        goto out;
    }
    TRY(rc = read_answer(st, out) ? ERR_OK : damaged(r->db));
    TRY(rc = read_body(r->db, st, N_ANSWER_COLUMNS, mem, out));
    if (out->stored_ms <= now_ms - out->ttl_ms) /* the sum says that these are numbers of ours */
        rc = none();
    *id = sqlite3_column_int64(st, N_ANSWER_COLUMNS + 3);
out:
    db_reset(st);
    return rc;
}

static int find_documents(struct store_reader *r, int64_t answer, struct arena *mem,
                          struct answer_row *out)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct str *keys = ARENA_ARRAY(mem, struct str, STORE_ANSWER_DOCUMENTS_MAX);
    size_t n = 0;

    TRY(db_stmt(r->db,
                "SELECT d.key FROM answer_documents l CROSS JOIN documents d ON d.id = l.document"
                " WHERE l.answer = ?1 ORDER BY d.key LIMIT ?2",
                &st));
    db_bind_int(st, 1, answer);
    db_bind_int(st, 2, STORE_ANSWER_DOCUMENTS_MAX);
    for (;;) {
        TRY(rc = db_step(r->db, st));
        if (rc == 0)
            break;
        keys[n++] = db_str(st, 0, mem);
    }
    out->documents = keys;
    out->n_documents = n;
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

int store_find_answer(struct store_reader *r, int64_t collection, const struct digest *prompt_hash,
                      int64_t now_ms, struct arena *mem, struct answer_row *out)
{
    int rc = ERR_OK;
    struct answer_row row;
    int64_t id = 0;

    TRY(store_read_enter(r));
    rc = find_body(r, collection, prompt_hash, now_ms, mem, &row, &id);
    if (rc == ERR_OK)
        rc = find_documents(r, id, mem, &row);
    store_read_leave(r);
    if (rc == ERR_OK)
        *out = row;
out:
    return rc;
}

int store_each_answer(struct store_reader *r, int64_t collection, size_t limit, answer_fn fn,
                      void *arg)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct answer_row row;

    TRY(db_stmt(r->db,
                "SELECT " ANSWER_COLUMNS " FROM answers a WHERE ?1 = 0 OR a.collection = ?1"
                " ORDER BY a.hits DESC, a.id LIMIT ?2",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_int(st, 2, limit ? (int64_t)limit : -1);
    for (;;) {
        TRY(rc = db_step(r->db, st));
        if (rc == 0)
            break;
        if (read_answer(st, &row))
            TRY(rc = fn(arg, &row));
    }
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}
