#include <string.h>

#include "cli/command.h"

const struct command *const commands[] = {
    &cmd_ingest,     &cmd_query, &cmd_search, &cmd_serve,  &cmd_docs,    &cmd_cache, &cmd_eval,
    &cmd_bench,      &cmd_tune,  &cmd_check,  &cmd_backup, &cmd_restore, &cmd_model, &cmd_reembed,
    &cmd_precompute, &cmd_key,   &cmd_config, &cmd_help,   NULL,
};

const struct command *command_find(const char *name)
{
    for (int i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}
