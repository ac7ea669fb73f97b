#include "unit/cli/cli_fixture.h"

Test(commands, every_one_has_its_line_its_help_and_its_name_once)
{
    for (int i = 0; commands[i]; i++) {
        cr_expect_eq(command_find(commands[i]->name), commands[i], "%s", commands[i]->name);
        cr_expect_gt(strlen(commands[i]->brief), 10, "%s", commands[i]->name);
        cr_expect_gt(strlen(commands[i]->argp->doc), 20, "%s", commands[i]->name);
        cr_expect_geq(commands[i]->options_size, sizeof(struct common));
    }
    cr_expect_null(command_find("nothing"));
}
