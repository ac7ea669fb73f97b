/* The change log, and which index files stand for a collection. Of several changes of a document
 * only the last is kept: whoever catches up wants to know what is there now. */
#include "store/store.h"

#include "base/err.h"
#include "store/store_parts.h"

int store_tx_note_change(struct store_tx *tx, int64_t collection, struct str key)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "INSERT INTO changes SELECT id, ?2, epoch + 1 FROM collections WHERE id = ?1"
                " ON CONFLICT DO UPDATE SET epoch = excluded.epoch",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_str(st, 2, key);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

static int forget_changes(struct store_tx *tx, int64_t collection, int64_t epoch)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "DELETE FROM changes WHERE collection = ?1 AND epoch <= ?2", &st));
    db_bind_int(st, 1, collection);
    db_bind_int(st, 2, epoch);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

int store_tx_index_is(struct store_tx *tx, int64_t collection, struct str name, int64_t epoch)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db,
                "INSERT INTO indexes VALUES (?1, ?2, ?3)"
                " ON CONFLICT DO UPDATE SET name = ?2, epoch = ?3",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_str(st, 2, name);
    db_bind_int(st, 3, epoch);
    TRY(db_run(tx->db, st));
    TRY(forget_changes(tx, collection, epoch));
out:
    return rc;
}

int store_tx_forget_indexes(struct store_tx *tx)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "DELETE FROM indexes", &st));
    TRY(db_run(tx->db, st));
out:
    return rc;
}

int store_find_index(struct store_reader *r, int64_t collection, struct arena *mem,
                     struct str *name, int64_t *epoch)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db, "SELECT name, epoch FROM indexes WHERE collection = ?1", &st));
    db_bind_int(st, 1, collection);
    TRY(rc = db_step(r->db, st));
    if (rc == 0) {
        rc = FAIL(ERR_NOT_FOUND, "no index files stand for the collection");
        goto out;
    }
    *name = db_str(st, 0, mem);
    *epoch = sqlite3_column_int64(st, 1);
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

int store_each_change(struct store_reader *r, int64_t collection, int64_t epoch, change_fn fn,
                      void *arg)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db,
                "SELECT key FROM changes WHERE collection = ?1 AND epoch > ?2 ORDER BY epoch, key",
                &st));
    db_bind_int(st, 1, collection);
    db_bind_int(st, 2, epoch);
    for (;;) {
        TRY(rc = db_step(r->db, st));
        if (rc == 0)
            break;
        TRY(rc = fn(arg, db_str(st, 0, NULL)));
    }
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}
