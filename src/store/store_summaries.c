#include "store/store_summaries.h"

#include "base/err.h"
#include "store/store_parts.h"

int store_tx_mark_summary(struct store_tx *tx, int64_t document, const struct digest *by)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "REPLACE INTO summaries (document, by) VALUES (?1, ?2)", &st));
    db_bind_int(st, 1, document);
    db_bind_digest(st, 2, by);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

int store_tx_forget_summary(struct store_tx *tx, int64_t document)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "DELETE FROM summaries WHERE document = ?1", &st));
    db_bind_int(st, 1, document);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

/* ---- what is owed ---- */

#define OWED                                                                                       \
    " FROM documents d LEFT JOIN summaries s ON s.document = d.id"                                 \
    " WHERE d.collection = ?1 AND d.n_chunks > ?2"                                                 \
    " AND (s.document IS NULL OR s.by <> ?3)" /* a bound NULL: never */

static void bind_spec(sqlite3_stmt *st, const struct owed_spec *spec)
{
    db_bind_int(st, 1, spec->collection);
    db_bind_int(st, 2, spec->over_chunks);
    if (spec->not_by)
        db_bind_digest(st, 3, spec->not_by);
}

int store_next_owed(struct store_reader *r, const struct owed_spec *spec, int64_t after_id,
                    struct arena *mem, int64_t *id, struct str *key)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db, "SELECT d.id, d.key" OWED " AND d.id > ?4 ORDER BY d.id LIMIT 1", &st));
    bind_spec(st, spec);
    db_bind_int(st, 4, after_id);
    TRY(rc = db_step(r->db, st));
    if (rc == 0) {
        rc = FAIL(ERR_NOT_FOUND, "no document is owed a summary");
        goto out;
    }
    *id = sqlite3_column_int64(st, 0);
    *key = db_str(st, 1, mem);
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

int store_count_owed(struct store_reader *r, const struct owed_spec *spec, uint64_t *n)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db, "SELECT count(*)" OWED, &st));
    bind_spec(st, spec);
    TRY(rc = db_step(r->db, st));
    *n = rc ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

/* ---- what was paid ---- */

int store_tx_add_spent(struct store_tx *tx, int64_t day, const struct spent *more)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "INSERT INTO summary_costs VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE"
                " SET tokens = tokens + excluded.tokens, cost = cost + excluded.cost",
                &st));
    db_bind_int(st, 1, day);
    db_bind_int(st, 2, more->tokens);
    sqlite3_bind_double(st, 3, more->cost);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

int store_find_spent(struct store_reader *r, int64_t day, struct spent *out)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db, "SELECT tokens, cost FROM summary_costs WHERE day = ?1", &st));
    db_bind_int(st, 1, day);
    TRY(rc = db_step(r->db, st));
    *out = (struct spent){0};
    if (rc > 0)
        *out = (struct spent){sqlite3_column_int64(st, 0), sqlite3_column_double(st, 1)};
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}
