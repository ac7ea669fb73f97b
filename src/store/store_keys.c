#include "store/store_keys.h"

#include <string.h>

#include "base/err.h"
#include "store/store_parts.h"

static int check(struct store_tx *tx, const struct key_row *row)
{
    int rc = ERR_OK;
    const char *texts[] = {row->name, row->tenant, row->role, row->collections, row->filter};
    int64_t n = 0;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strlen(texts[i]) > STORE_KEY_TEXT_MAX)
            return FAIL(ERR_LIMIT, "a text of %zu bytes of a key is over the limit of %d",
                        strlen(texts[i]), STORE_KEY_TEXT_MAX);
    TRY(db_int(tx->db, "SELECT count(*) FROM keys", &n));
    if (n >= STORE_KEYS_MAX)
        rc = FAIL(ERR_LIMIT, "%lld keys are the limit, revoked ones included", (long long)n);
out:
    return rc;
}

int store_tx_add_key(struct store_tx *tx, struct key_row *row)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(check(tx, row));
    TRY(db_stmt(tx->db,
                "INSERT INTO keys (hash, name, tenant, role, collections, filter,"
                " requests_per_minute, tokens_per_minute, tokens_per_day, concurrency,"
                " created_ms, expires_ms, revoked_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                &st));
    db_bind_digest(st, 1, &row->hash);
    db_bind_str(st, 2, str_of(row->name));
    db_bind_str(st, 3, str_of(row->tenant));
    db_bind_str(st, 4, str_of(row->role));
    db_bind_str(st, 5, str_of(row->collections));
    db_bind_str(st, 6, str_of(row->filter));
    db_bind_int(st, 7, row->requests_per_minute);
    db_bind_int(st, 8, row->tokens_per_minute);
    db_bind_int(st, 9, row->tokens_per_day);
    db_bind_int(st, 10, row->concurrency);
    db_bind_int(st, 11, row->created_ms);
    db_bind_int(st, 12, row->expires_ms);
    db_bind_int(st, 13, row->revoked_ms);
    TRY(db_run(tx->db, st));
    row->id = sqlite3_last_insert_rowid(tx->db->handle);
out:
    return rc;
}

/* True in *there when the key is one, and then whether it is revoked. */
static int find(struct store_tx *tx, int64_t id, bool *there, bool *revoked)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(tx->db, "SELECT revoked_ms FROM keys WHERE id = ?1", &st));
    db_bind_int(st, 1, id);
    TRY(rc = db_step(tx->db, st));
    *there = rc == 1;
    *revoked = *there && sqlite3_column_int64(st, 0) != 0;
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}

int store_tx_revoke_key(struct store_tx *tx, int64_t id, int64_t now_ms, bool *was)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    bool there = false, revoked = false;

    TRY(find(tx, id, &there, &revoked));
    if (!there)
        return FAIL(ERR_NOT_FOUND, "there is no key with the id %lld", (long long)id);
    *was = revoked;
    if (revoked)
        return ERR_OK;
    TRY(db_stmt(tx->db, "UPDATE keys SET revoked_ms = ?2 WHERE id = ?1", &st));
    db_bind_int(st, 1, id);
    db_bind_int(st, 2, now_ms);
    TRY(db_run(tx->db, st));
out:
    return rc;
}

/* A row whose hash is not one is damaged: it opens nothing. */
static int tell(sqlite3_stmt *st, key_fn fn, void *arg)
{
    struct key_row row = {
        .id = sqlite3_column_int64(st, 0),
        .name = db_str(st, 2, NULL).p,
        .tenant = db_str(st, 3, NULL).p,
        .role = db_str(st, 4, NULL).p,
        .collections = db_str(st, 5, NULL).p,
        .filter = db_str(st, 6, NULL).p,
        .requests_per_minute = sqlite3_column_int64(st, 7),
        .tokens_per_minute = sqlite3_column_int64(st, 8),
        .tokens_per_day = sqlite3_column_int64(st, 9),
        .concurrency = sqlite3_column_int64(st, 10),
        .created_ms = sqlite3_column_int64(st, 11),
        .expires_ms = sqlite3_column_int64(st, 12),
        .revoked_ms = sqlite3_column_int64(st, 13),
    };

    if (!db_digest(st, 1, &row.hash))
        return FAIL(ERR_DATABASE, "key %lld is damaged: its hash is none", (long long)row.id);
    return fn(arg, &row);
}

int store_each_key(struct store_reader *r, key_fn fn, void *arg)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(r->db,
                "SELECT id, hash, name, tenant, role, collections, filter, requests_per_minute,"
                " tokens_per_minute, tokens_per_day, concurrency, created_ms, expires_ms,"
                " revoked_ms FROM keys ORDER BY id",
                &st));
    for (;;) {
        TRY(rc = db_step(r->db, st));
        if (rc == 0)
            break;
        TRY(rc = tell(st, fn, arg));
    }
    rc = ERR_OK;
out:
    db_reset(st);
    return rc;
}
