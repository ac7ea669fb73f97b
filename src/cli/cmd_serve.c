/* cmd_serve.c - the server, until a signal ends it. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/command.h"
#include "engine/engine.h"
#include "ingest/summarizer.h"
#include "server/beforehand.h"

enum { KEY_LISTEN = 0x3000, KEY_WORKERS, KEY_LOOPS, KEY_REMOTE };

struct serve_options {
    struct common common;
    bool allow_remote;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct serve_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case KEY_LISTEN: common_override(&o->common, "listen", arg, "--listen"); return 0;
    case KEY_WORKERS: common_override(&o->common, "server.workers", arg, "--workers"); return 0;
    case KEY_LOOPS: common_override(&o->common, "server.loops", arg, "--loops"); return 0;
    case KEY_REMOTE: o->allow_remote = true; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* A thread of its own waits for signals, so that no handler and no global is needed: all other
 * threads inherit the blocked mask. */
struct signals {
    struct server *server;
    atomic_bool finished;
    pthread_t thread;
    sigset_t wanted;
};

static void *wait_for_signals(void *arg)
{
    struct signals *s = arg;
    int which;

    while (sigwait(&s->wanted, &which) == 0 && !atomic_load(&s->finished)) {
        log_event(LOG_INFO, "stopping", LOG_S("signal", which == SIGINT ? "SIGINT" : "SIGTERM"));
        server_stop(s->server);
    }
    return NULL;
}

static void signals_block(struct signals *s)
{
    sigemptyset(&s->wanted);
    sigaddset(&s->wanted, SIGTERM);
    sigaddset(&s->wanted, SIGINT);
    pthread_sigmask(SIG_BLOCK, &s->wanted, NULL);
    signal(SIGHUP, SIG_IGN); /* asks to reload; no setting of this version can be */
}

static int signals_start(struct signals *s, struct server *server)
{
    int wrong;

    s->server = server;
    wrong = pthread_create(&s->thread, NULL, wait_for_signals, s);
    return wrong ? FAIL(ERR_IO, "cannot start a thread: %s", strerror(wrong)) : ERR_OK;
}

static void signals_stop(struct signals *s)
{
    atomic_store(&s->finished, true);
    pthread_kill(s->thread, SIGTERM);
    pthread_join(s->thread, NULL);
}

static int serve(struct engine *e, const struct serve_options *o, struct signals *signals)
{
    int rc = ERR_OK;
    struct server *server = NULL;
    struct summarizer *summarizer = NULL;
    struct server_options how = {
        .listen = e->config.listen,
        .command = command_in_server,
        .ready_fd = -1,
        .allow_remote = o->allow_remote,
    };

    TRY(server_new(&server, e, &how));
    TRY(summarizer_start(&summarizer, e));
    TRY(signals_start(signals, server));
    rc = server_run(server);
    signals_stop(signals);
out:
    summarizer_stop(summarizer);
    server_free(server);
    return rc;
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    int rc = ERR_OK;
    struct serve_options *o = options;
    struct signals signals = {0};

    log_set_level(LOG_INFO);
    signals_block(&signals); /* before the engine starts its threads */
    TRY(command_needs_model(&o->common.config));
    TRY(beforehand_check(&o->common.config));
    TRY(engine_open_beside(&e, &o->common.config));
    rc = serve(e, o, &signals);
out:
    engine_close(e);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static const struct argp_option options[] = {
    {"listen", KEY_LISTEN, "HOST:PORT", 0, "where to listen (127.0.0.1:8080); port 0: any", 1},
    {"workers", KEY_WORKERS, "N", 0, "compute threads (one a processor)", 1},
    {"loops", KEY_LOOPS, "N", 0, "event loops (1)", 1},
    {"allow-remote", KEY_REMOTE, NULL, 0,
     "listen where other machines reach us without API keys; anyone may read and write everything",
     1},
    {0},
};

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Answers over HTTP until SIGTERM or SIGINT, which lets running requests finish.\v"
    "While it runs, the other commands on the same data folder are carried out by it.\n\n"
    "  ragd serve --listen 127.0.0.1:8080\n"
    "  curl -s http://127.0.0.1:8080/query -H 'Content-Type: application/json' \\\n"
    "       -d '{\"question\":\"What is CET1?\"}'",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_serve = {
    .name = "serve",
    .brief = "answer over HTTP",
    .place = PLACE_LOCAL,
    .argp = &argp,
    .options_size = sizeof(struct serve_options),
    .run = run,
};
