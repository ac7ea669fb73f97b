#include "cli/command.h"

#include <sqlite3.h>

#include "unit/cli/cli_fixture.h"

static struct cli_fixture f;

static void begin(void)
{
    cli_fixture_init(&f);
}

static void end(void)
{
    cli_fixture_done(&f);
}

TestSuite(cmd_check, .init = begin, .fini = end);

Test(cmd_check, a_sound_folder_is_said_to_be_right)
{
    json_t *v = run_json(f.e, "check|--json", EXIT_DONE);

    cr_expect(json_is_true(json_object_get(v, "ok")));
    cr_expect_eq(json_array_size(json_object_get(v, "problems")), 0);
    json_decref(v);
    expect_run(f.e, "check", EXIT_DONE, "all is right (1 collection)", "");
}

/* As the user runs it: the engine is this process's, or cannot be had. */
static char *check_alone(int want_code)
{
    char ragd[] = "ragd", check[] = "check", option[] = "--data", data[96], path[96], *text;
    char *words[] = {ragd, check, option, data, NULL};
    FILE *out;

    snprintf(data, sizeof data, "%s/data", f.folder);
    snprintf(path, sizeof path, "%s/out", f.folder);
    cr_assert_not_null(freopen(path, "w", stdout));
    cr_expect_eq(command_main(4, words), want_code);
    fflush(stdout);
    out = fopen(path, "r");
    text = calloc(1, 65536);
    cr_assert_gt(fread(text, 1, 65535, out), 0);
    fclose(out);
    return text;
}

Test(cmd_check, damage_that_keeps_the_index_from_opening_is_named)
{
    char path[96], *text;
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/data/ragd.db", f.folder);
    engine_close(f.e);
    f.e = NULL;
    text = check_alone(EXIT_DONE);
    cr_expect_not_null(strstr(text, "all is right (1 collection)"), "%s", text);
    free(text);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "UPDATE chunks SET text = 'forged'", NULL, NULL, NULL), 0);
    sqlite3_close(db);
    text = check_alone(EXIT_FAILED);
    cr_expect_not_null(strstr(text, "document 'capital.md'"), "%s", text);
    cr_expect_not_null(strstr(text, "document 'reports.txt'"), "%s", text);
    cr_expect_not_null(strstr(text, "problems"), "%s", text);
    free(text);
}

Test(cmd_check, a_backup_is_restored_into_a_new_folder)
{
    char line[1024], words[512];
    struct config config = f.e->config;

    expect_run(f.e, in_folder(&f, "backup", "copy", line), EXIT_DONE, "backup: ", "");
    expect_run(f.e, line, EXIT_FAILED, "", "--force");
    snprintf(words, sizeof words, "restore|--data|%s/new", f.folder);
    expect_run(NULL, in_folder(&f, words, "copy", line), EXIT_DONE, "restored: ", "");
    expect_run(NULL, line, EXIT_FAILED, "", "--force");
    engine_close(f.e);
    snprintf(config.data, sizeof config.data, "%s/new", f.folder);
    cr_assert_eq(engine_open(&f.e, &config), ERR_OK, "%s", err_text());
    expect_run(f.e, "docs|list", EXIT_DONE, "capital.md", "");
    expect_run(f.e, "check", EXIT_DONE, "all is right", "");
}

Test(cmd_check, restore_is_refused_while_the_folder_is_owned)
{
    char line[1024], words[512];

    expect_run(f.e, in_folder(&f, "backup", "copy", line), EXIT_DONE, "", "");
    snprintf(words, sizeof words, "restore|--force|--data|%s/data", f.folder);
    expect_run(NULL, in_folder(&f, words, "copy", line), EXIT_FAILED, "", "in use by process");
}

Test(cmd_check, a_bad_backup_changes_nothing)
{
    char line[1024], words[512];

    engine_close(f.e);
    write_file(f.folder, "bad", "this is not a database, whatever its name says");
    snprintf(words, sizeof words, "restore|--force|--data|%s/data", f.folder);
    f.e = NULL;
    expect_run(NULL, in_folder(&f, words, "bad", line), EXIT_FAILED, "", "bad");
    expect_run(NULL, in_folder(&f, words, "nowhere", line), EXIT_FAILED, "", "nowhere");
    write_file(f.folder, "empty", "");
    expect_run(NULL, in_folder(&f, words, "empty", line), EXIT_FAILED, "", "is empty");
    write_file(f.folder, "one", "S");
    expect_run(NULL, in_folder(&f, words, "one", line), EXIT_FAILED, "", "is empty");
    {
        struct config config;

        config_defaults(&config);
        snprintf(config.data, sizeof config.data, "%s/data", f.folder);
        cr_assert_eq(engine_open(&f.e, &config), ERR_OK, "%s", err_text());
        expect_run(f.e, "docs|list", EXIT_DONE, "capital.md", "");
    }
}
