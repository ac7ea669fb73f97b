/* options.c - from words to options, the same way for every command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/command.h"

enum { KEY_DATA = 0x1000, KEY_CONFIG, KEY_TENANT, KEY_JSON, KEY_MODEL, KEY_PRECISION, KEY_USAGE };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Every command:", 90},
    {"data", KEY_DATA, "DIR", 0, "the data folder (./ragd-data)", 90},
    {"config", KEY_CONFIG, "FILE", 0, "settings (./ragd.conf, else /etc/ragd.conf)", 90},
    {"collection", 'c', "NAME", 0, "which set of documents (default)", 90},
    {"tenant", KEY_TENANT, "NAME", 0, "whose documents (default)", 90},
    {"model", KEY_MODEL, "DIR", 0, "folder of the embedding model", 90},
    {"precision", KEY_PRECISION, "WORD", 0, "its arithmetic: auto, f32, bf16 or int8 (auto)", 90},
    {"json", KEY_JSON, NULL, 0, "one JSON document on standard output", 90},
    {"help", '?', NULL, 0, "this text", 90},
    {"usage", KEY_USAGE, NULL, OPTION_HIDDEN, NULL, 90}, /* argp's error messages point at it */
    {0},
};

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    struct common *c = state->input;

    if (!c) /* --help of a command whose own parser did not hand its options on */
        return ARGP_ERR_UNKNOWN;
    switch (key) {
    case KEY_DATA: c->data = arg; return 0;
    case KEY_CONFIG: c->config_file = arg; return 0;
    case KEY_TENANT: c->tenant = arg; return 0;
    case 'c': c->collection = arg; return 0;
    case KEY_MODEL: common_override(c, "model.path", arg, "--model"); return 0;
    case KEY_PRECISION: common_override(c, "model.precision", arg, "--precision"); return 0;
    case KEY_JSON: c->json = true; return 0;
    case '?':
    case KEY_USAGE:
        c->help = true;
        argp_state_help(state, state->out_stream,
                        key == KEY_USAGE ? ARGP_HELP_USAGE
                                         : ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC);
        state->next = state->argc; /* nothing else counts */
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp common_argp = {options, parse_common, NULL, NULL, NULL, NULL, NULL};
const struct argp_child common_children[] = {{&common_argp, 0, NULL, 0}, {0}};

void common_override(struct common *c, const char *setting, const char *value, const char *option)
{
    CHECK(c->n_overrides < OVERRIDES_MAX || !"more options than a command has");
    for (int i = 0; i < c->n_overrides; i++)
        if (strcmp(c->overrides[i].setting, setting) == 0) {
            c->overrides[i].value = value;
            return;
        }
    c->overrides[c->n_overrides].setting = setting;
    c->overrides[c->n_overrides].value = value;
    c->overrides[c->n_overrides++].option = option;
}

int option_int(struct argp_state *state, const char *option, const char *arg, long min, long max,
               long *out)
{
    char *end;
    long v;

    errno = 0;
    v = strtol(arg, &end, 10);
    if (end == arg || *end || errno || v < min || v > max) {
        argp_error(state, "%s must be a whole number from %ld to %ld, not '%s'", option, min, max,
                   arg);
        return EINVAL;
    }
    *out = v;
    return 0;
}

int option_real(struct argp_state *state, const char *option, const char *arg, double min,
                double max, double *out)
{
    char *end;
    double v = strtod(arg, &end);

    if (end == arg || *end || !(v >= min && v <= max)) {
        argp_error(state, "%s must be a number from %g to %g, not '%s'", option, min, max, arg);
        return EINVAL;
    }
    *out = v;
    return 0;
}

/* argp's own remark about short options, of which we have few, only takes room. */
static char *without_remark(int key, const char *text, void *input)
{
    (void)input;
    return key == ARGP_KEY_HELP_DUP_ARGS_NOTE ? NULL : (char *)(uintptr_t)text;
}

int options_parse(const struct command *cmd, int argc, char **argv, bool silent, void **out)
{
    unsigned flags = ARGP_NO_EXIT | ARGP_NO_HELP | (silent ? ARGP_NO_ERRS : 0);
    struct common *o = mem_calloc(1, cmd->options_size);
    char name[32];
    char *first = argv[0];
    struct argp argp = *cmd->argp;
    error_t wrong;

    if (cmd->init)
        cmd->init(o);
    snprintf(name, sizeof name, "ragd %s", cmd->name); /* what usage lines begin with */
    argp.help_filter = without_remark;
    argv[0] = name;
    wrong = argp_parse(&argp, argc, argv, flags, NULL, o);
    argv[0] = first;
    mem_must_have(wrong != ENOMEM, "the reading of options");
    *out = o;
    return wrong && !o->help ? EXIT_USAGE : EXIT_DONE;
}

int common_configure(struct common *c)
{
    int rc = ERR_OK;

    TRY(config_load(&c->config, c->config_file));
    if (c->data)
        TRY(config_set(&c->config, "data", c->data, "--data"));
    if (c->tenant)
        TRY(config_set(&c->config, "tenant", c->tenant, "--tenant"));
    if (c->collection)
        TRY(config_set(&c->config, "collection", c->collection, "--collection"));
    for (int i = 0; i < c->n_overrides; i++)
        TRY(config_set(&c->config, c->overrides[i].setting, c->overrides[i].value,
                       c->overrides[i].option));
    TRY(config_check(&c->config));
out:
    return rc;
}

int common_adopt(struct common *c, const struct config *server)
{
    int rc = ERR_OK;

    c->config = *server;
    if (c->tenant)
        TRY(config_set(&c->config, "tenant", c->tenant, "--tenant"));
    if (c->collection)
        TRY(config_set(&c->config, "collection", c->collection, "--collection"));
out:
    return rc;
}
