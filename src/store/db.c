#include "store/db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

/* secure_delete: what is deleted is overwritten, not only unlinked from its page.
 * wal_autocheckpoint 0: the writer thread checkpoints after it has let its callers go. */
static const char setup_write[] = "PRAGMA secure_delete = ON;"
                                  "PRAGMA journal_mode = WAL;"
                                  "PRAGMA synchronous = FULL;"
                                  "PRAGMA foreign_keys = ON;"
                                  "PRAGMA trusted_schema = OFF;"
                                  "PRAGMA cell_size_check = ON;"
                                  "PRAGMA temp_store = MEMORY;"
                                  "PRAGMA wal_autocheckpoint = 0;"
                                  "PRAGMA cache_size = -16384;";

static const char setup_read[] = "PRAGMA trusted_schema = OFF;"
                                 "PRAGMA cell_size_check = ON;"
                                 "PRAGMA temp_store = MEMORY;"
                                 "PRAGMA cache_size = -4096;";

int db_open(struct db *db, const char *path, enum db_mode mode)
{
    int rc = ERR_OK;
    int flags = mode == DB_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    struct db made = {.path = mem_strdup(path)};
    char page_size[64];
    int r = sqlite3_open_v2(path, &made.handle, flags | SQLITE_OPEN_NOMUTEX, NULL);

    if (r != SQLITE_OK) {
        rc = db_error(&made, r);
        goto out;
    }
    sqlite3_extended_result_codes(made.handle, 1);
    sqlite3_busy_timeout(made.handle, DB_BUSY_MS);
    sqlite3_db_config(made.handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (mode == DB_WRITE) { /* the page size only counts while the file is empty */
        snprintf(page_size, sizeof page_size, "PRAGMA page_size = %d", DB_PAGE_BYTES);
        TRY(db_exec(&made, page_size));
    }
    TRY(db_exec(&made, mode == DB_WRITE ? setup_write : setup_read));
    *db = made;
    made = (struct db){0};
out:
    db_close(&made);
    return rc;
}

void db_close(struct db *db)
{
    for (int i = 0; i < db->n_stmts; i++)
        sqlite3_finalize(db->stmts[i].st);
    sqlite3_close(db->handle);
    mem_free(db->path);
    *db = (struct db){0};
}

static bool is_no_space(int sqlite_rc, int system_errno)
{
    if ((sqlite_rc & 0xff) == SQLITE_FULL)
        return true;
    return (sqlite_rc & 0xff) == SQLITE_IOERR &&
           (system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG);
}

int db_error(struct db *db, int sqlite_rc)
{
    int last = errno; /* sqlite3_system_errno misses failed writes in the middle of a statement */
    int sys = db->handle ? sqlite3_system_errno(db->handle) : 0;
    const char *why = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(sqlite_rc);

    sys = sys ? sys : last;
    if (is_no_space(sqlite_rc, sys))
        return FAIL(ERR_NO_SPACE, "'%s': no room to write (%s)", db->path, why);
    switch (sqlite_rc & 0xff) {
    case SQLITE_NOTADB: return FAIL(ERR_FORMAT, "'%s' is not a database of ragd's", db->path);
    case SQLITE_CORRUPT:
        return FAIL(ERR_DATABASE, "'%s' is damaged (%s); put a backup in its place", db->path, why);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return FAIL(ERR_BUSY, "'%s' is locked by another program", db->path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return FAIL(ERR_DATABASE, "'%s': %s%s%s", db->path, why, sys ? ": " : "",
                    sys ? strerror(sys) : "");
    default: return FAIL(ERR_DATABASE, "'%s': %s", db->path, why);
    }
}

int db_exec(struct db *db, const char *sql)
{
    int r = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return r == SQLITE_OK ? ERR_OK : db_error(db, r);
}

int db_stmt(struct db *db, const char *sql, sqlite3_stmt **out)
{
    sqlite3_stmt *st = NULL;
    int r;

    for (int i = 0; i < db->n_stmts; i++) {
        if (db->stmts[i].sql != sql)
            continue;
        CHECK(!sqlite3_stmt_busy(db->stmts[i].st));
        *out = db->stmts[i].st;
        return ERR_OK;
    }
    CHECK(db->n_stmts < DB_STMTS_MAX);
    r = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
    if (r != SQLITE_OK)
        return db_error(db, r);
    db->stmts[db->n_stmts].sql = sql;
    db->stmts[db->n_stmts++].st = st;
    *out = st;
    return ERR_OK;
}

void db_reset(sqlite3_stmt *st)
{
    if (!st)
        return;
    sqlite3_reset(st);
    sqlite3_clear_bindings(st); /* the bytes were borrowed */
}

/* A DELETE with RETURNING has taken its rows before it tells the first. */
static bool erases(struct db *db, sqlite3_stmt *st, int r)
{
    return strncmp(sqlite3_sql(st), "DELETE", 6) == 0 &&
           (r == SQLITE_ROW || (r == SQLITE_DONE && sqlite3_changes(db->handle) > 0));
}

int db_step(struct db *db, sqlite3_stmt *st)
{
    int r = sqlite3_step(st);

    db->erased |= erases(db, st, r);
    if (r == SQLITE_ROW)
        return 1;
    return r == SQLITE_DONE ? 0 : db_error(db, r);
}

int db_run(struct db *db, sqlite3_stmt *st)
{
    int rc = db_step(db, st);

    db_reset(st);
    return rc < 0 ? rc : ERR_OK;
}

int db_int(struct db *db, const char *sql, int64_t *out)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    int r = sqlite3_prepare_v2(db->handle, sql, -1, &st, NULL);

    if (r != SQLITE_OK)
        return db_error(db, r);
    TRY(db_step(db, st));
    *out = sqlite3_column_int64(st, 0);
out:
    sqlite3_finalize(st);
    return rc;
}

/* Sizes are checked against named limits before they come here, far below SQLite's own, so a bind
 * cannot fail but for want of memory. */
void db_bind_str(sqlite3_stmt *st, int i, struct str s)
{
    mem_must_have(sqlite3_bind_text64(st, i, s.p ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8) ==
                      SQLITE_OK,
                  "a bound value");
}

void db_bind_blob(sqlite3_stmt *st, int i, const void *p, size_t n)
{
    mem_must_have(sqlite3_bind_blob64(st, i, p ? p : "", n, SQLITE_STATIC) == SQLITE_OK,
                  "a bound value");
}

void db_bind_int(sqlite3_stmt *st, int i, int64_t v)
{
    mem_must_have(sqlite3_bind_int64(st, i, v) == SQLITE_OK, "a bound value");
}

void db_bind_digest(sqlite3_stmt *st, int i, const struct digest *d)
{
    if (d) /* NULL stays NULL, which equals nothing */
        db_bind_blob(st, i, d->b, DIGEST_BYTES);
}

struct str db_str(sqlite3_stmt *st, int i, struct arena *mem)
{
    const char *p = (const char *)sqlite3_column_text(st, i);
    size_t n = (size_t)sqlite3_column_bytes(st, i);

    if (!p)
        return STR_LIT("");
    return (struct str){mem ? arena_strndup(mem, p, n) : p, n};
}

const void *db_blob(sqlite3_stmt *st, int i, struct arena *mem, size_t *n)
{
    const void *p = sqlite3_column_blob(st, i);

    *n = (size_t)sqlite3_column_bytes(st, i);
    return p && mem ? arena_dup(mem, p, *n) : p;
}

bool db_digest(sqlite3_stmt *st, int i, struct digest *out)
{
    size_t n;
    const void *p = db_blob(st, i, NULL, &n);

    if (!p || n != DIGEST_BYTES)
        return false;
    memcpy(out->b, p, DIGEST_BYTES);
    return true;
}
