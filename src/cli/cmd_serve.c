/* cmd_serve.c - the server, until a signal ends it. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "cli/command.h"
#include "engine/engine.h"
#include "engine/reload.h"
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
    struct engine *engine;
    struct server *server;
    const struct common *started; /* the words, and what they came to then */
    int n_stops;
    atomic_bool finished;
    pthread_t thread;
    sigset_t wanted;
};

/* File and environment once more, as a whole; what is wrong with them changes nothing. */
static int reload(struct signals *s, struct common *again, struct reload_report *report)
{
    int rc = ERR_OK;

    *again = *s->started;
    TRY(common_configure(again));
    TRY(beforehand_check(&again->config));
    TRY(engine_reload(s->engine, &s->started->config, &again->config, report));
out:
    return rc;
}

static void on_hangup(struct signals *s)
{
    struct common *again = mem_alloc(sizeof *again);
    struct reload_report report = {0};

    notify_reloading();
    if (reload(s, again, &report) < 0)
        log_event(LOG_ERROR, "not_reloaded", LOG_S("error", err_text()));
    else
        log_event(LOG_INFO, "reloaded", LOG_S("changed", report.changed.n ? report.changed.p : ""),
                  LOG_S("needs_restart", report.needs_restart.n ? report.needs_restart.p : ""));
    notify("READY=1\nSTATUS=answers on port %d", server_port(s->server));
    reload_report_done(&report);
    mem_free(again);
}

/* The first lets what was asked be answered, the second does not; who sends a third wants an end
 * more than a clean one, and the store stands that. */
static void on_stop(struct signals *s, int which)
{
    log_event(LOG_INFO, s->n_stops ? "stopping_at_once" : "stopping",
              LOG_S("signal", which == SIGINT ? "SIGINT" : "SIGTERM"));
    if (++s->n_stops > 2)
        _exit(EXIT_FAILED);
    server_stop(s->server);
}

static void *wait_for_signals(void *arg)
{
    struct signals *s = arg;
    int which;

    while (sigwait(&s->wanted, &which) == 0 && !atomic_load(&s->finished)) {
        if (which != SIGHUP)
            on_stop(s, which);
        else if (!s->n_stops)
            on_hangup(s);
    }
    return NULL;
}

static void signals_block(struct signals *s)
{
    sigemptyset(&s->wanted);
    sigaddset(&s->wanted, SIGTERM);
    sigaddset(&s->wanted, SIGINT);
    sigaddset(&s->wanted, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &s->wanted, NULL);
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
    signals->engine = e;
    signals->started = &o->common;
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
    "Answers over HTTP until SIGTERM or SIGINT, which lets running requests finish; a second one "
    "does not. SIGHUP reads the configuration again.\v"
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
