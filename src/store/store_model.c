/* Which model the vectors are of: rows of `meta`, written in one transaction, and what is done with
 * the vectors of a model that was left. */
#include "store/store.h"

#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "store/store_parts.h"

static int put_meta(struct store_tx *tx, const char *key, sqlite3_stmt **st)
{
    int rc = ERR_OK;

    TRY(db_stmt(tx->db,
                "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2", st));
    db_bind_str(*st, 1, str_of(key));
out:
    return rc;
}

int store_tx_set_model(struct store_tx *tx, const struct store_model *m)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(put_meta(tx, "model", &st));
    db_bind_digest(st, 2, &m->fingerprint);
    TRY(db_run(tx->db, st));
    TRY(put_meta(tx, "model_name", &st));
    db_bind_str(st, 2, str_of(m->name));
    TRY(db_run(tx->db, st));
    TRY(put_meta(tx, "model_path", &st));
    db_bind_str(st, 2, str_of(m->path));
    TRY(db_run(tx->db, st));
out:
    return rc;
}

static int read_model(struct db *db, struct arena *mem, struct store_model *out)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct store_model m;

    TRY(db_stmt(db,
                "SELECT value, (SELECT value FROM meta WHERE key = 'model_name'),"
                " (SELECT value FROM meta WHERE key = 'model_path'),"
                " EXISTS (SELECT 1 FROM chunks)"
                " FROM meta WHERE key = 'model'",
                &st));
    TRY(rc = db_step(db, st));
    if (rc == 0) {
        rc = FAIL(ERR_NOT_FOUND, "'%s' does not say which model it is of", db->path);
        goto out;
    }
    rc = ERR_OK;
    if (!db_digest(st, 0, &m.fingerprint)) {
        rc = FAIL(ERR_DATABASE, "'%s' is damaged (its model's name is no digest)", db->path);
        goto out;
    }
    m.name = db_str(st, 1, mem).p;
    m.path = db_str(st, 2, mem).p;
    m.in_use = sqlite3_column_int(st, 3) != 0;
    *out = m;
out:
    db_reset(st);
    return rc;
}

int store_find_model(struct store_reader *r, struct arena *mem, struct store_model *out)
{
    return read_model(r->db, mem, out);
}

int store_model_of(const char *data_dir, struct arena *mem, struct store_model *out)
{
    int rc = ERR_OK;
    struct db db = {0};
    const char *path = arena_printf(mem, "%s/ragd.db", data_dir);

    if (access(path, F_OK) < 0)
        return FAIL(ERR_NOT_FOUND, "there is no '%s'", path);
    TRY(db_open(&db, path, DB_READ));
    rc = read_model(&db, mem, out);
out:
    db_close(&db);
    return rc;
}

/* ---- what was left ---- */

static int forget_models(struct store_tx *tx, const struct digest *keep)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "DELETE FROM models WHERE fingerprint <> ?1"
                " AND NOT EXISTS (SELECT 1 FROM vectors WHERE model = models.id)",
                &st));
    db_bind_digest(st, 1, keep);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

/* The last row of the slice that begins after *cursor; none: n is 0. */
static int find_slice(struct store_tx *tx, const struct digest *keep, size_t limit, int64_t cursor,
                      int64_t *last, size_t *n)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "SELECT coalesce(max(id), 0), count(*) FROM (SELECT id FROM vectors WHERE id > ?2"
                " AND model IN (SELECT id FROM models WHERE fingerprint <> ?1)"
                " ORDER BY id LIMIT ?3)",
                &st));
    db_bind_digest(st, 1, keep);
    db_bind_int(st, 2, cursor);
    db_bind_int(st, 3, (int64_t)limit);
    TRY(rc = db_step(tx->db, st));
    *last = sqlite3_column_int64(st, 0);
    *n = (size_t)sqlite3_column_int64(st, 1);
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

int store_tx_drop_vectors(struct store_tx *tx, const struct digest *keep, size_t limit,
                          int64_t *cursor, size_t *n_dropped)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    int64_t last = 0;

    TRY(find_slice(tx, keep, limit, *cursor, &last, n_dropped));
    if (*n_dropped == 0)
        return forget_models(tx, keep);
    TRY(db_stmt(tx->db,
                "DELETE FROM vectors WHERE id > ?2 AND id <= ?3"
                " AND model IN (SELECT id FROM models WHERE fingerprint <> ?1)",
                &st));
    db_bind_digest(st, 1, keep);
    db_bind_int(st, 2, *cursor);
    db_bind_int(st, 3, last);
    TRY(db_run(tx->db, st));
    *cursor = last;
out:
    return rc;
}
