/* command.h - what the commands have in common.
 *
 * A command is one function over (engine, call, options). It runs in the process that owns the
 * data folder:
 *
 *   words -> parse here -> a server owns DIR? --yes-> words to DIR/ragd.sock -> parse and run there
 *                                             --no--> open the engine here, run
 *
 * Parsing happens first where the user is, so wrong usage is told at once; the server parses the
 * same words again, silently. A command therefore never touches stdout, stderr, the environment
 * or the working directory: it has call->out, call->err, call->cwd.
 *
 * Threads  a server runs many commands at once; options and call belong to one of them.
 */
#pragma once
#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "engine/config.h"
#include "server/server.h"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_PARTLY = 3 };

#define OVERRIDES_MAX 16

/* The options of every command; the first member of each command's own struct. */
struct common {
    const char *data, *config_file, *tenant, *collection;
    bool json;
    bool help;  /* --help was there and has been printed */
    bool local; /* needs no engine after all (bench --url) */
    bool until_stopped; /* Ctrl-C and SIGTERM are its end, not ours (ingest --watch) */
    struct {
        const char *setting, *value, *option;
    } overrides[OVERRIDES_MAX]; /* options that are settings */
    int n_overrides;
    struct config config; /* in force; filled before the command runs */
};

enum command_place {
    PLACE_LOCAL,  /* always in this process, without an engine */
    PLACE_ENGINE, /* where the engine is: here, or in the server that owns the folder */
    PLACE_MAKES,  /* the same, and the folder may be new */
    PLACE_SERVER, /* where a server has it in memory; without one e is NULL */
};

struct command {
    const char *name;
    const char *brief; /* for the list of commands */
    enum command_place place;
    const struct argp *argp; /* its first child is common_argp */
    size_t options_size;
    void (*init)(void *options); /* defaults that are not zero; may be NULL */
    bool takes_model; /* --model and --precision are what it is about, so a server takes them too */
    int (*run)(struct engine *e, const struct command_call *call, void *options);
    /* Instead of run when the engine does not open, with the reason (borrowed); may be NULL. */
    int (*run_without)(const char *reason, const struct command_call *call, void *options);
};

extern const struct command cmd_ingest, cmd_query, cmd_search, cmd_serve, cmd_bench, cmd_eval,
    cmd_tune, cmd_docs, cmd_cache, cmd_check, cmd_backup, cmd_restore, cmd_model, cmd_reembed,
    cmd_config, cmd_precompute, cmd_key, cmd_help;

/* All of them in the order in which help lists them, ended by NULL. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);

/* ---- options (options.c) ---- */

extern const struct argp common_argp;             /* input: struct common */
extern const struct argp_child common_children[]; /* for a command with no other child */

/* For the parser of a command: hands its options on to the common parser. */
#define COMMON_INIT(state, options) ((state)->child_inputs[0] = &(options)->common)

/* An option that is a setting: kept, and applied over file and environment. */
void common_override(struct common *c, const char *setting, const char *value, const char *option);

/* Whole number within bounds, or a usage error told to the user and EINVAL. */
int option_int(struct argp_state *state, const char *option, const char *arg, long min, long max,
               long *out);

/* The same for any number. */
int option_real(struct argp_state *state, const char *option, const char *arg, double min,
                double max, double *out);

/* Reads the words of a command into fresh options (mem_free them). Returns EXIT_DONE or
 * EXIT_USAGE; `silent`: says nothing (the client has said it). */
int options_parse(const struct command *cmd, int argc, char **argv, bool silent, void **options);

/* File, environment and overrides into c->config. */
int common_configure(struct common *c);

/* The server's own configuration, and the tenant and collection that the caller named. */
int common_adopt(struct common *c, const struct config *server);

/* ---- running (command.c) ---- */

/* Prints "ragd: TEXT" from err_text and returns the exit code for rc. */
int command_failed(const struct command_call *call, int rc);

/* A path of the caller as this process sees it; mem_free it. */
char *command_path(const struct command_call *call, const char *path);

/* ERR_NOT_FOUND when nothing was ever ingested there. */
int command_needs_data(const char *data);

/* ERR_UNAVAILABLE, telling how to get one, when there is no model: neither in model.path, nor where
 * the documents' own is, nor with a server. */
int command_needs_model(const struct config *c);

/* From the words after "ragd" to the exit code. */
int command_main(int argc, char **argv);

/* server.h's command_fn. */
int command_in_server(struct engine *e, const struct command_call *call);
