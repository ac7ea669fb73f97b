#include "unit/cli/cli_fixture.h"

Test(command, a_server_refuses_what_is_not_its_business)
{
    struct cli_fixture f;

    cli_fixture_init(&f);
    expect_run(f.e, "serve", EXIT_USAGE, "", "no command 'serve'");
    expect_run(f.e, "nothing", EXIT_USAGE, "", "no command 'nothing'");
    expect_run(f.e, "query|--bogus|x", EXIT_USAGE, "", "cannot read these options");
    expect_run(f.e, "query|--model|m|x", EXIT_USAGE, "", "--model cannot be given");
    cli_fixture_done(&f);
}

Test(command, paths_are_those_of_the_caller)
{
    struct command_call call = {.cwd = "/home/me"};
    char *relative = command_path(&call, "a/b"), *absolute = command_path(&call, "/a");

    cr_expect_str_eq(relative, "/home/me/a/b");
    cr_expect_str_eq(absolute, "/a");
    mem_free(relative);
    mem_free(absolute);
}

Test(command, a_failure_is_told_once_with_its_reason)
{
    char *text = NULL;
    size_t n;
    FILE *err = open_memstream(&text, &n);
    struct command_call call = {.err = err};
    int usage = command_failed(&call, FAIL(ERR_ARGUMENT, "that is wrong"));
    int failed = command_failed(&call, FAIL(ERR_IO, "that broke"));

    fclose(err);
    cr_expect_eq(usage, EXIT_USAGE);
    cr_expect_eq(failed, EXIT_FAILED);
    cr_expect_str_eq(text, "ragd: that is wrong\nragd: that broke\n");
    free(text);
}
