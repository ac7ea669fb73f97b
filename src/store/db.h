/* db.h - one SQLite connection: opening, cached statements, errors in our terms.
 *
 * A statement is known by the address of its SQL literal, so that the SQL stands where it is used
 * and is still prepared once per connection:
 *
 *   TRY(db_stmt(db, "SELECT 1 FROM meta WHERE key = ?1", &st));
 *   db_bind_str(st, 1, key);
 *   TRY(db_step(db, st));
 *   out: db_reset(st);
 *
 * Threads  confined: one thread at a time.
 * Errors   ERR_NO_SPACE (disk full), ERR_FORMAT (not a database), ERR_BUSY, else ERR_DATABASE
 *          (a constraint too: whoever expects a clash says so itself); each names the file.
 */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"

#define DB_STMTS_MAX      128
#define DB_PAGE_BYTES     8192 /* five vectors of 384 floats a page; 4096 would waste a quarter */
#define DB_BUSY_MS        5000
#define DB_APPLICATION_ID 0x72616764 /* "ragd" */

struct db {
    sqlite3 *handle;
    char *path;
    bool erased; /* a DELETE took rows; for the connection's owner, who clears it */
    int n_stmts;
    struct {
        const char *sql;
        sqlite3_stmt *st;
    } stmts[DB_STMTS_MAX];
};

enum db_mode { DB_READ, DB_WRITE };

/* The file must be there; an empty one is a new database. */
int db_open(struct db *db, const char *path, enum db_mode mode);
void db_close(struct db *db);

/* Statements without parameters or rows, straight from text. */
int db_exec(struct db *db, const char *sql);

/* The prepared statement of this literal. It must not be in use: no walk inside the same walk. */
int db_stmt(struct db *db, const char *sql, sqlite3_stmt **out);
void db_reset(sqlite3_stmt *st); /* NULL is fine */

int db_step(struct db *db, sqlite3_stmt *st); /* 1: a row, 0: done, or an error */
int db_run(struct db *db, sqlite3_stmt *st);  /* to the end, and reset */

/* The error of this connection's last call, with the file's name. */
int db_error(struct db *db, int sqlite_rc);

/* One integer from a statement without parameters ("PRAGMA user_version"). */
int db_int(struct db *db, const char *sql, int64_t *out);

/* ---- parameters: bytes are borrowed until the statement is reset ---- */

void db_bind_str(sqlite3_stmt *st, int i, struct str s);
void db_bind_blob(sqlite3_stmt *st, int i, const void *p, size_t n);
void db_bind_int(sqlite3_stmt *st, int i, int64_t v);
void db_bind_digest(sqlite3_stmt *st, int i, const struct digest *d);

/* ---- columns: copied into `mem`, or with NULL borrowed until the next step ---- */

struct str db_str(sqlite3_stmt *st, int i, struct arena *mem);
const void *db_blob(sqlite3_stmt *st, int i, struct arena *mem, size_t *n); /* NULL: none */
bool db_digest(sqlite3_stmt *st, int i, struct digest *out); /* false: not 32 bytes */
