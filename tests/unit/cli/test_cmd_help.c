#include "unit/cli/cli_fixture.h"

Test(cmd_help, lists_every_command)
{
    for (int i = 0; commands[i]; i++)
        expect_run(NULL, "help", EXIT_DONE, commands[i]->brief, "");
}

Test(cmd_help, an_unknown_command_is_wrong_usage)
{
    expect_run(NULL, "help|nothing", EXIT_USAGE, "", "nothing");
}
