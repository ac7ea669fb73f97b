/* cmd_config.c - `config show`: every setting in force; `config check`: whether it can be read. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/command.h"
#include "engine/chatting.h"
#include "engine/config_print.h"
#include "engine/embedding.h"
#include "engine/reranking.h"
#include "server/beforehand.h"

struct config_options {
    struct common common;
    const char *what;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct config_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case ARGP_KEY_ARG:
        if (o->what || (strcmp(arg, "show") != 0 && strcmp(arg, "check") != 0)) {
            argp_error(state, "say 'show' or 'check', not '%s'", arg);
            return EINVAL;
        }
        o->what = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        if (o->common.help)
            return 0;
        argp_error(state, "say 'show' or 'check'");
        return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* Whatever `serve` and `query` would refuse to start with, as far as that is known without asking
 * anybody: models, keys, and files that are named. */
static int check(const struct config *c)
{
    int rc = ERR_OK;
    struct chat_models *models = NULL;
    struct prompt_template *prompt = NULL;

    TRY(command_needs_model(c));
    TRY(embedding_key_check(c));
    TRY(reranking_key_check(c));
    TRY(reranking_model_check(c));
    TRY(chatting_open_models(&models, c));
    TRY(chatting_open_prompt(&prompt, c));
    TRY(beforehand_check(c));
out:
    prompt_template_close(prompt);
    chat_models_free(models);
    return rc;
}

/* A configuration that cannot be read never gets here: it has been told and the exit is 2. */
static int run(struct engine *e, const struct command_call *call, void *options)
{
    struct config_options *o = options;
    struct buf text;
    int rc;

    (void)e;
    if (strcmp(o->what, "check") == 0) {
        rc = check(&o->common.config);
        if (rc < 0)
            return command_failed(call, rc);
        fputs(o->common.json ? "{\"ok\":true}\n" : "the configuration is right\n", call->out);
        return EXIT_DONE;
    }
    buf_init(&text);
    config_print(&o->common.config, o->common.json, &text);
    fputs(text.p, call->out);
    buf_done(&text);
    return EXIT_DONE;
}

static const struct argp argp = {
    NULL,
    parse,
    "show|check",
    "Shows every setting in force, in the form of a configuration file, and where each that is "
    "not a default came from; or checks that all can be "
    "read, and that the keys and files they name are there.\v"
    "Settings come from --config FILE, else ./ragd.conf, else /etc/ragd.conf; RAGD_SECTION_NAME "
    "in the environment wins over the file (RAGD_CHUNK_CHARS=500), options win over both.",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_config = {
    .name = "config",
    .brief = "show or check the settings",
    .place = PLACE_LOCAL,
    .argp = &argp,
    .options_size = sizeof(struct config_options),
    .run = run,
};
