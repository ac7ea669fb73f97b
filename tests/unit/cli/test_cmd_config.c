#include "unit/cli/cli_fixture.h"

Test(cmd_config, show_has_every_section)
{
    json_t *v = run_json(NULL, "config|show|--json|--data|/somewhere", EXIT_DONE);

    cr_expect_str_eq(json_string_value(json_object_get(v, "data")), "/somewhere");
    cr_expect_not_null(json_object_get(v, "retrieve"));
    json_decref(v);
    expect_run(NULL, "config|show|--data|/d", EXIT_DONE, "(from option)", "");
}

Test(cmd_config, check_names_what_cannot_be_read)
{
    expect_run(NULL, "config|check", EXIT_DONE, "is right", "");
    expect_run(NULL, "config|check|--config|/nowhere.conf", EXIT_FAILED, "", "/nowhere.conf");
    setenv("RAGD_RETRIEVE_MODE", "best", 1);
    expect_run(NULL, "config|check", EXIT_USAGE, "", "RAGD_RETRIEVE_MODE");
}

Test(cmd_config, needs_to_know_what)
{
    expect_run(NULL, "config", EXIT_USAGE, "", "");
    expect_run(NULL, "config|edit", EXIT_USAGE, "", "");
}
