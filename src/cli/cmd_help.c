/* cmd_help.c - what there is, and how each is used. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/command.h"

struct help_options {
    struct common common;
    const char *topic;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct help_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case ARGP_KEY_ARG:
        if (o->topic)
            return ARGP_ERR_UNKNOWN;
        o->topic = arg;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void list(FILE *out)
{
    fprintf(out,
            "ragd %s - answers questions from your own documents, with the sources\n\n"
            "usage: ragd COMMAND [OPTION...]\n\n",
            RAGD_VERSION);
    for (int i = 0; commands[i]; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->brief);
    fprintf(out, "\nstart:  ragd ingest examples/finance\n"
                 "        ragd query \"What is CET1?\"\n"
                 "        ragd serve\n\n"
                 "`ragd help COMMAND` tells its options. Settings come from ragd.conf, then the\n"
                 "environment (RAGD_DATA, RAGD_CHUNK_CHARS, ...), then options.\n"
                 "Exit: 0 done, 1 failed, 2 wrong usage, 3 partly done (a document was\n"
                 "refused, or a question could not be answered beforehand).\n");
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    struct help_options *o = options;
    const struct command *cmd = o->topic ? command_find(o->topic) : NULL;
    char help[] = "--help";
    char *words[] = {o->topic ? (char *)(uintptr_t)o->topic : help, help, NULL};
    void *unused = NULL;
    int code;

    (void)e;
    if (!o->topic) {
        list(call->out);
        return EXIT_DONE;
    }
    if (!cmd) {
        fprintf(call->err, "ragd: there is no command '%s'; `ragd help` lists them\n", o->topic);
        return EXIT_USAGE;
    }
    code = options_parse(cmd, 2, words, false, &unused);
    mem_free(unused);
    return code;
}

static const struct argp argp = {
    NULL, parse, "[COMMAND]", "Tells what a command does.", common_children, NULL, NULL};

const struct command cmd_help = {
    .name = "help",
    .brief = "this list, or the options of one command",
    .place = PLACE_LOCAL,
    .argp = &argp,
    .options_size = sizeof(struct help_options),
    .run = run,
};
