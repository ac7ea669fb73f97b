#include "cli/command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "engine/embedding.h"
#include "engine/engine.h"
#include "engine/stored_model.h"
#include "server/command_client.h"

int command_failed(const struct command_call *call, int rc)
{
    fprintf(call->err, "ragd: %s\n", *err_text() ? err_text() : err_name(rc));
    return rc == ERR_ARGUMENT || rc == ERR_UNSUPPORTED ? EXIT_USAGE : EXIT_FAILED;
}

char *command_path(const struct command_call *call, const char *path)
{
    struct buf b;

    buf_init(&b);
    if (*path != '/')
        buf_addf(&b, "%s/", call->cwd);
    buf_add_str(&b, path);
    return buf_take(&b);
}

/* A folder without a database has nothing to ask; opening it would make one. */
int command_needs_data(const char *data)
{
    struct buf path;
    int rc = ERR_OK;

    buf_init(&path);
    buf_addf(&path, "%s/ragd.db", data);
    if (access(path.p, F_OK) < 0)
        rc = FAIL(ERR_NOT_FOUND,
                  "there are no documents in '%s'; `ragd ingest PATH` puts some there", data);
    buf_done(&path);
    return rc;
}

/* A folder with documents may know where its model lies (engine/stored_model.h). */
int command_needs_model(const struct config *c)
{
    struct config settled = *c;

    stored_model_settle_folder(&settled);
    return embedding_model_check(&settled);
}

static int run_with_engine(const struct command *cmd, const struct command_call *call,
                           struct common *o)
{
    struct engine *e = NULL;
    int rc = cmd->place == PLACE_ENGINE ? command_needs_data(o->config.data) : ERR_OK;

    if (rc == ERR_OK)
        rc = command_needs_model(&o->config);
    if (rc < 0)
        return command_failed(call, rc);
    rc = engine_open(&e, &o->config);
    if (rc < 0 && cmd->run_without)
        return cmd->run_without(err_text(), call, o);
    if (rc < 0)
        return command_failed(call, rc);
    rc = cmd->run(e, call, o);
    engine_close(e);
    return rc;
}

/* True when a server owned the folder and did it; *code is its exit code. */
static bool forwarded(const struct command *cmd, const struct command_call *call,
                      const struct common *o, int *code)
{
    int rc;

    if (cmd->place == PLACE_LOCAL || o->local)
        return false;
    rc = command_forward(o->config.data, call, code);
    if (rc == ERR_NOT_FOUND) /* nobody listens there */
        return false;
    if (rc < 0)
        *code = command_failed(call, rc);
    return true;
}

static int run_here(const struct command *cmd, const struct command_call *call, struct common *o)
{
    if (cmd->place == PLACE_LOCAL || cmd->place == PLACE_SERVER || o->local)
        return cmd->run(NULL, call, o);
    return run_with_engine(cmd, call, o);
}

/* What was printed must have arrived: a full disk is a failure, a closed pipe is not. */
static int flushed(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno == EPIPE)
        return code;
    fprintf(stderr, "ragd: cannot write the output: %s\n", strerror(errno));
    return EXIT_FAILED;
}

static int run_command(const struct command *cmd, int argc, char **argv)
{
    void *options = NULL;
    struct common *o;
    volatile bool never = false; /* a command that runs here ends with its process */
    char cwd[4096];
    struct command_call call = {
        .argc = argc,
        .argv = argv,
        .cwd = getcwd(cwd, sizeof cwd) ? cwd : ".",
        .terminal = isatty(STDERR_FILENO),
        .out = stdout,
        .err = stderr,
        .cancelled = &never,
    };
    int code = options_parse(cmd, argc, argv, false, &options), rc;

    o = options;
    if (code == EXIT_DONE && !o->help) {
        if (o->until_stopped)
            call.cancelled = interrupt_catch();
        rc = common_configure(o);
        if (rc < 0)
            code = command_failed(&call, rc);
        else if (!forwarded(cmd, &call, o, &code))
            code = run_here(cmd, &call, o);
    }
    mem_free(options);
    return flushed(code);
}

static int unknown_command(const char *word)
{
    fprintf(stderr, "ragd: there is no command '%s'; `ragd help` lists them\n", word);
    return EXIT_USAGE;
}

int command_main(int argc, char **argv)
{
    const struct command *cmd;
    const char *word = argc > 1 ? argv[1] : "help";

    signal(SIGPIPE, SIG_IGN); /* told by write's result instead */
    signal(SIGXFSZ, SIG_IGN); /* likewise: a limit on file sizes is as a full disk */
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("ragd %s\n", RAGD_VERSION);
        return flushed(EXIT_DONE);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "-?") == 0)
        word = "help";
    cmd = command_find(word);
    if (!cmd)
        return unknown_command(word);
    if (argc < 2) {
        char *words[] = {argv[0], NULL};

        run_command(cmd, 1, words);
        return EXIT_USAGE; /* asked for nothing */
    }
    return run_command(cmd, argc - 1, argv + 1);
}

int command_in_server(struct engine *e, const struct command_call *call)
{
    const struct command *cmd = call->argc > 0 ? command_find(call->argv[0]) : NULL;
    void *options = NULL;
    struct common *o;
    int code, rc = ERR_OK;

    if (!cmd || cmd->place == PLACE_LOCAL) {
        fprintf(call->err, "ragd: the server has no command '%s'\n",
                call->argc > 0 ? call->argv[0] : "");
        return EXIT_USAGE;
    }
    code = options_parse(cmd, call->argc, call->argv, true, &options);
    o = options;
    if (code != EXIT_DONE) {
        fprintf(call->err, "ragd: the server (version %s) cannot read these options\n",
                RAGD_VERSION);
        goto out;
    }
    if (o->n_overrides > 0 && !cmd->takes_model)
        rc = FAIL(ERR_ARGUMENT, "a server owns '%s' and has its own settings: %s cannot be given",
                  e->config.data, o->overrides[0].option);
    else
        rc = common_adopt(o, &e->config);
    code = rc < 0 ? command_failed(call, rc) : cmd->run(e, call, o);
out:
    mem_free(options);
    return code;
}
