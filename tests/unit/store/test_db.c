#include "store/db.h"

#include <signal.h>

#include "unit/store/store_fixture.h"

static char dir[64], path[128];
static struct db db;

static void up(void)
{
    strcpy(dir, "/tmp/ragd-db-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.db", dir);
    fclose(fopen(path, "w"));
    MUST(db_open(&db, path, DB_WRITE));
    MUST(db_exec(&db, "CREATE TABLE t (k TEXT UNIQUE, v)"));
}

static void down(void)
{
    db_close(&db);
    fix_remove(dir);
}

TestSuite(db, .init = up, .fini = down);

static int insert(struct str key, const void *v, size_t n)
{
    int rc = ERR_OK;
    sqlite3_stmt *st;

    TRY(db_stmt(&db, "INSERT INTO t VALUES (?1, ?2)", &st));
    db_bind_str(st, 1, key);
    db_bind_blob(st, 2, v, n);
    TRY(db_run(&db, st));
out:
    return rc;
}

Test(db, is_set_up_to_lose_nothing_and_to_keep_nothing_deleted)
{
    int64_t v;

    MUST(db_int(&db, "PRAGMA synchronous", &v));
    cr_expect_eq(v, 2, "FULL");
    MUST(db_int(&db, "PRAGMA secure_delete", &v));
    cr_expect_eq(v, 1);
    MUST(db_int(&db, "PRAGMA foreign_keys", &v));
    cr_expect_eq(v, 1);
    MUST(db_int(&db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &v));
    cr_expect_eq(v, 1);
    MUST(db_int(&db, "PRAGMA page_size", &v));
    cr_expect_eq(v, DB_PAGE_BYTES);
}

Test(db, a_statement_is_prepared_once)
{
    const char *sql = "SELECT 1";
    sqlite3_stmt *a, *b;

    MUST(db_stmt(&db, sql, &a));
    MUST(db_stmt(&db, sql, &b));
    cr_expect_eq(a, b);
}

Test(db, bytes_come_back_as_they_went_in)
{
    struct arena *mem = arena_new(0);
    sqlite3_stmt *st;
    struct str key;
    const void *v;
    size_t n;

    MUST(insert((struct str){"a\0b", 3}, "\0\xff", 2));
    MUST(insert(STR_LIT(""), NULL, 0));
    MUST(db_stmt(&db, "SELECT k, v FROM t ORDER BY k DESC", &st));
    cr_assert_eq(db_step(&db, st), 1);
    key = db_str(st, 0, mem);
    v = db_blob(st, 1, mem, &n);
    cr_assert_eq(db_step(&db, st), 1); /* copies stay */
    cr_expect(str_eq(key, (struct str){"a\0b", 3}));
    cr_assert_eq(n, 2);
    cr_expect_eq(memcmp(v, "\0\xff", 2), 0);
    cr_expect_eq(db_str(st, 0, NULL).n, 0);
    cr_expect_not_null(db_str(st, 0, NULL).p);
    cr_expect_eq(db_step(&db, st), 0);
    db_reset(st);
    arena_free(mem);
}

Test(db, a_digest_has_32_bytes_or_is_none)
{
    struct digest d = digest_of("x", 1), back;
    sqlite3_stmt *st;

    MUST(insert(STR_LIT("1"), d.b, DIGEST_BYTES));
    MUST(insert(STR_LIT("2"), d.b, 31));
    MUST(db_stmt(&db, "SELECT v FROM t ORDER BY k", &st));
    cr_assert_eq(db_step(&db, st), 1);
    cr_expect(db_digest(st, 0, &back));
    cr_expect(digest_eq(&d, &back));
    cr_assert_eq(db_step(&db, st), 1);
    cr_expect(!db_digest(st, 0, &back));
    db_reset(st);
}

Test(db, a_broken_constraint_names_it)
{
    MUST(insert(STR_LIT("k"), "", 0));
    cr_expect_eq(insert(STR_LIT("k"), "", 0), ERR_DATABASE);
    cr_expect_not_null(strstr(err_text(), "t.k"));
}

Test(db, a_delete_that_took_rows_is_noted)
{
    sqlite3_stmt *st;

    MUST(insert(STR_LIT("k"), "", 0));
    MUST(db_stmt(&db, "DELETE FROM t WHERE k = 'none'", &st));
    MUST(db_run(&db, st));
    cr_expect(!db.erased);
    MUST(db_stmt(&db, "DELETE FROM t WHERE k = 'k' RETURNING v", &st));
    cr_assert_eq(db_step(&db, st), 1);
    db_reset(st);
    cr_expect(db.erased);
}

Test(db, a_full_database_is_no_space)
{
    char *big = calloc(1, 1 << 20);

    MUST(db_exec(&db, "PRAGMA max_page_count = 10"));
    cr_expect_eq(insert(STR_LIT("big"), big, 1 << 20), ERR_NO_SPACE);
    cr_expect_not_null(strstr(err_text(), path));
    free(big);
}

Test(db, bad_sql_and_missing_files_are_errors_that_name_the_file)
{
    struct db other = {0};
    sqlite3_stmt *st;

    cr_expect_eq(db_stmt(&db, "SELECT nothing FROM nowhere", &st), ERR_DATABASE);
    cr_expect_not_null(strstr(err_text(), path));
    cr_expect_eq(db_open(&other, "/nowhere/x.db", DB_READ), ERR_DATABASE);
    cr_expect_not_null(strstr(err_text(), "/nowhere/x.db"));
}

Test(db, a_reader_cannot_write)
{
    struct db reader;

    MUST(db_open(&reader, path, DB_READ));
    cr_expect_lt(db_exec(&reader, "DELETE FROM t"), 0);
    db_close(&reader);
}

Test(db, a_statement_in_use_is_our_mistake, .signal = SIGABRT)
{
    const char *sql = "SELECT 1 UNION SELECT 2";
    sqlite3_stmt *st;

    MUST(db_stmt(&db, sql, &st));
    cr_assert_eq(db_step(&db, st), 1);
    fix_remove(dir); /* nobody will, after the abort */
    db_stmt(&db, sql, &st);
}
