#include "store/schema.h"

#include "unit/store/store_fixture.h"

static struct fixture f;
static char path[128];

static void up(void)
{
    fix_up(&f);
    store_close(f.store);
    f.store = NULL;
    snprintf(path, sizeof path, "%s/ragd.db", f.dir);
}

static void down(void)
{
    fix_down(&f);
}

TestSuite(schema, .init = up, .fini = down);

static void run(const char *sql)
{
    struct db db;

    MUST(db_open(&db, path, DB_WRITE));
    MUST(db_exec(&db, sql));
    db_close(&db);
}

Test(schema, is_stamped_and_made_once)
{
    struct db db;
    int64_t version, application;

    MUST(db_open(&db, path, DB_WRITE));
    MUST(schema_migrate(&db));
    MUST(schema_migrate(&db));
    MUST(db_int(&db, "PRAGMA user_version", &version));
    MUST(db_int(&db, "PRAGMA application_id", &application));
    cr_expect_eq(version, STORE_SCHEMA_VERSION);
    cr_expect_eq(application, DB_APPLICATION_ID);
    db_close(&db);
}

Test(schema, a_newer_one_is_refused_in_plain_words)
{
    run("PRAGMA user_version = 999");
    cr_assert_eq(store_open(&f.store, f.dir), ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(err_text(), "newer ragd"));
    cr_expect_not_null(strstr(err_text(), "999"));
    cr_expect_not_null(strstr(err_text(), path));
}

Test(schema, a_database_of_another_program_is_refused)
{
    unlink(path);
    fclose(fopen(path, "w"));
    run("CREATE TABLE theirs (x)");
    cr_assert_eq(store_open(&f.store, f.dir), ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), "another program"));
}

Test(schema, a_lost_version_number_is_damage)
{
    run("PRAGMA user_version = 0");
    cr_expect_eq(store_open(&f.store, f.dir), ERR_DATABASE);
}

Test(schema, the_questions_asked_most_are_answered_by_index)
{
    static const char *const plans[] = {
        "SELECT 1 FROM chunks WHERE id = 1",
        "SELECT 1 FROM chunks WHERE text_hash = x'00'",
        "SELECT 1 FROM vectors WHERE text_hash = x'00' AND model = 1",
        "SELECT 1 FROM documents WHERE collection = 1 AND key = 'a'",
        "SELECT 1 FROM chunks WHERE document = 1 ORDER BY ordinal",
        "SELECT key FROM changes WHERE collection = 1 AND epoch > 1 ORDER BY epoch, key",
        "SELECT 1 FROM answers WHERE prompt_hash = x'00'",
        "DELETE FROM answers WHERE id IN (SELECT answer FROM answer_documents WHERE document = 1)",
        "SELECT document FROM answer_documents WHERE answer = 1",
        "UPDATE questions SET count = count + 1 WHERE collection = 1 AND text = 'a'",
        "SELECT id FROM questions WHERE collection = 1 ORDER BY count DESC, last_ms DESC LIMIT -1"
        " OFFSET 9",
        "DELETE FROM vectors WHERE text_hash IN (SELECT text_hash FROM loose) AND NOT EXISTS"
        " (SELECT 1 FROM chunks c WHERE c.text_hash = vectors.text_hash)",
    };
    struct db db;

    MUST(db_open(&db, path, DB_WRITE));
    MUST(db_exec(&db, "CREATE TEMP TABLE loose (text_hash BLOB)"));
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        char sql[300];
        sqlite3_stmt *st;

        snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", plans[i]);
        cr_assert_eq(sqlite3_prepare_v2(db.handle, sql, -1, &st, NULL), SQLITE_OK);
        while (sqlite3_step(st) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(st, 3);

            cr_expect(!strstr(step, "SCAN") || strstr(step, "loose"), "%s: %s", plans[i], step);
        }
        sqlite3_finalize(st);
    }
    db_close(&db);
}

Test(schema, an_older_file_is_brought_up_to_date)
{
    struct fix_document d;

    run("DROP TABLE keys; DROP TABLE summaries; DROP TABLE summary_costs;"
        "DROP TABLE answer_documents; DROP TABLE answer_bodies; DROP TABLE answers;"
        "DROP TABLE questions; ALTER TABLE documents DROP COLUMN epoch;"
        "DROP TABLE changes; DROP TABLE indexes; PRAGMA user_version = 1");
    fix_open(&f);
    d = fix_document(&f, "a", 1, 1, 1);
    MUST(fix_put(&f, &d));
    cr_expect_eq(fix_check(&f), 0);
}

Test(schema, documents_from_before_are_there_and_can_be_answered_from)
{
    struct fix_document d;
    struct store_reader *r;
    struct document_row row;

    fix_open(&f);
    d = fix_document(&f, "a", 3, 1, 1);
    MUST(fix_put(&f, &d));
    store_close(f.store);
    f.store = NULL;
    run("DROP TABLE keys; DROP TABLE summaries; DROP TABLE summary_costs;"
        "DROP TABLE answer_documents; DROP TABLE answer_bodies; DROP TABLE answers;"
        "DROP TABLE questions; ALTER TABLE documents DROP COLUMN epoch; PRAGMA user_version = 2");
    fix_open(&f);
    r = store_reader_get(f.store);
    MUST(store_find_document(r, f.collection, STR_LIT("a"), true, f.mem, &row));
    store_reader_put(f.store, r);
    cr_expect_eq(row.n_chunks, 3);
    cr_expect_eq(fix_check(&f), 0);
}
