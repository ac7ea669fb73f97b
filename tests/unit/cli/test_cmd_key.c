#include "cli/command.h"

#include "engine/keys.h"
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

TestSuite(cmd_key, .init = begin, .fini = end);

static char *member(json_t *v, const char *key)
{
    return strdup(json_string_value(json_object_get(v, key)));
}

Test(cmd_key, a_key_is_made_listed_without_its_text_and_revoked)
{
    json_t *made = run_json(f.e, "key|add|ops|--role|admin|--tenant|acme|--json", EXIT_DONE), *list;
    char *text = member(made, "key"), *all;
    struct caller *c = keys_find(f.e->keys, str_of(text), 0);

    cr_assert_not_null(c, "a server has it at once");
    cr_expect_str_eq(c->tenant, "acme");
    cr_expect_eq(c->role, ROLE_ADMIN);
    caller_unref(c);
    list = run_json(f.e, "key|list|--json", EXIT_DONE);
    cr_expect_eq(json_array_size(json_object_get(list, "keys")), 1u);
    all = json_dumps(list, 0);
    cr_expect_null(strstr(all, text));
    expect_run(f.e, "key|list", EXIT_DONE, "acme    admin", "");
    expect_run(f.e, "key|revoke|1", EXIT_DONE, "key 1 revoked", "");
    expect_run(f.e, "key|revoke|1", EXIT_DONE, "was revoked before", "");
    expect_run(f.e, "key|list", EXIT_DONE, "revoked", "");
    cr_expect_null(keys_find(f.e->keys, str_of(text), 0));
    free(all);
    free(text);
    json_decref(list);
    json_decref(made);
}

Test(cmd_key, limits_and_bounds_are_kept_and_shown)
{
    json_t *list, *row;

    expect_run(f.e,
               "key|add|--collections|a,b|--filter|dept=hr|--rpm|60|--tokens-per-minute|5|"
               "--tokens-per-day|1000|--concurrency|2|--expires|2099-01-31",
               EXIT_DONE, KEY_PREFIX, "role read, tenant default");
    list = run_json(f.e, "key|list|--json", EXIT_DONE);
    row = json_array_get(json_object_get(list, "keys"), 0);
    cr_expect_eq(json_array_size(json_object_get(row, "collections")), 2u);
    cr_expect(json_is_object(json_object_get(row, "filter")));
    cr_expect_eq(json_integer_value(json_object_get(row, "requests_per_minute")), 60);
    cr_expect_eq(json_integer_value(json_object_get(row, "tokens_per_minute")), 5);
    cr_expect_eq(json_integer_value(json_object_get(row, "tokens_per_day")), 1000);
    cr_expect_eq(json_integer_value(json_object_get(row, "concurrency")), 2);
    cr_expect_str_eq(json_string_value(json_object_get(row, "state")), "valid");
    json_decref(list);
}

Test(cmd_key, the_first_one_says_what_it_changes)
{
    expect_run(f.e, "key|list", EXIT_DONE, "no keys: everybody", "");
    expect_run(f.e, "key|add", EXIT_DONE, KEY_PREFIX, "From now on the server asks everybody");
    expect_run(f.e, "key|add", EXIT_DONE, KEY_PREFIX, "shown this once");
}

Test(cmd_key, what_is_wrong_is_told)
{
    expect_run(f.e, "key|add|--role|emperor", EXIT_USAGE, "", "read, write or admin");
    expect_run(f.e, "key|add|--filter|x>", EXIT_USAGE, "", "ragd: ");
    expect_run(f.e, "key|add|--collections|a,", EXIT_USAGE, "", "ends with a comma");
    expect_run(f.e, "key|revoke|9", EXIT_FAILED, "", "no key with the id 9");
    expect_run(f.e, "key|revoke|x", EXIT_USAGE, "", "is no id of a key");
}

static int usage_of(const char *line)
{
    struct ran r = run_words(NULL, line);
    int code = r.code;

    ran_done(&r);
    return code;
}

Test(cmd_key, wrong_usage_is_told_before_anything_is_opened)
{
    cr_expect_eq(usage_of("key"), EXIT_USAGE);
    cr_expect_eq(usage_of("key|make"), EXIT_USAGE);
    cr_expect_eq(usage_of("key|add|a|b"), EXIT_USAGE);
    cr_expect_eq(usage_of("key|list|a"), EXIT_USAGE);
    cr_expect_eq(usage_of("key|revoke"), EXIT_USAGE);
    cr_expect_eq(usage_of("key|add|--rpm|0"), EXIT_USAGE);
    cr_expect_eq(usage_of("key|add|--expires|soon"), EXIT_USAGE);
}

Test(cmd_key, without_a_server_the_folder_keeps_it)
{
    char line[256];

    snprintf(line, sizeof line, "key|add|--data|%s/other", f.folder);
    expect_run(NULL, line, EXIT_DONE, KEY_PREFIX, "key 1");
    snprintf(line, sizeof line, "key|list|--data|%s/other", f.folder);
    expect_run(NULL, line, EXIT_DONE, "valid", "");
}
