#include "store/store_questions.h"

#include "base/err.h"
#include "store/store_parts.h"

#define TRIM_EACH 256 /* new ones */

/* True in *there when the question has been asked before. */
static int count_again(struct store_tx *tx, int64_t collection, struct str text, int64_t n,
                       int64_t now_ms, bool *there)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "UPDATE questions SET count = count + ?3, last_ms = max(last_ms, ?4)"
                " WHERE collection = ?1 AND text = ?2",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_str(st, 2, text);
    db_bind_int(st, 3, n);
    db_bind_int(st, 4, now_ms);
    TRY(db_run(tx->db, st));
    *there = sqlite3_changes(tx->db->handle) > 0;
out:
    return rc;
}

/* Beyond the limit the least asked go. Finding them walks all that stay, so it is done now and
 * then, which also gives new ones time to be asked again. */
static int trim(struct store_tx *tx, int64_t collection)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "DELETE FROM questions WHERE id IN (SELECT id FROM questions WHERE collection = ?1"
                " ORDER BY count DESC, last_ms DESC LIMIT -1 OFFSET ?2)",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_int(st, 2, STORE_QUESTIONS_MAX);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

/* Nothing is added where there is no collection. */
static int add(struct store_tx *tx, int64_t collection, struct str text, int64_t n, int64_t now_ms)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "INSERT INTO questions (collection, text, count, last_ms)"
                " SELECT id, ?2, ?3, ?4 FROM collections WHERE id = ?1",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_str(st, 2, text);
    db_bind_int(st, 3, n);
    db_bind_int(st, 4, now_ms);
    TRY(db_run(tx->db, st));
    if (sqlite3_changes(tx->db->handle) == 0)
        return FAIL(ERR_NOT_FOUND, "there is no collection with id %lld", (long long)collection);
    if (sqlite3_last_insert_rowid(tx->db->handle) % TRIM_EACH == 0)
        TRY(trim(tx, collection));
out:
    return rc;
}

int store_tx_count_question(struct store_tx *tx, int64_t collection, struct str text, int64_t n,
                            int64_t now_ms)
{
    int rc = ERR_OK;
    bool there = false;

    if (text.n > STORE_QUESTION_MAX)
        return FAIL(ERR_LIMIT, "a question of %zu bytes is over the limit of %d", text.n,
                    STORE_QUESTION_MAX);
    TRY(count_again(tx, collection, text, n, now_ms, &there));
    if (there)
        return ERR_OK;
    TRY(add(tx, collection, text, n, now_ms));
out:
    return rc;
}

int store_tx_forget_questions(struct store_tx *tx, int64_t collection)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "DELETE FROM questions WHERE ?1 = 0 OR collection = ?1", &st));
    db_bind_int(st, 1, collection);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

int store_top_questions(struct store_reader *r, int64_t collection, size_t limit, question_fn fn,
                        void *arg)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db,
                "SELECT q.collection, c.tenant, c.name, q.text, q.count, q.last_ms"
                " FROM questions q CROSS JOIN collections c ON c.id = q.collection"
                " WHERE ?1 = 0 OR q.collection = ?1"
                " ORDER BY q.count DESC, q.last_ms DESC, q.id LIMIT ?2",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_int(st, 2, (int64_t)limit);
    for (;;) {
        TRY(rc = db_step(r->db, st));
        if (rc == 0)
            break;
        TRY(rc = fn(arg, &(struct question_row){.collection = sqlite3_column_int64(st, 0),
                                                .tenant = db_str(st, 1, NULL).p,
                                                .collection_name = db_str(st, 2, NULL).p,
                                                .text = db_str(st, 3, NULL),
                                                .count = sqlite3_column_int64(st, 4),
                                                .last_ms = sqlite3_column_int64(st, 5)}));
    }
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}
