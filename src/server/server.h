/* server.h - the HTTP service: event loops in front of the engine.
 *
 * The loop parses, looks in the cache and writes; a miss goes to a compute worker and comes back
 * in one hop. Listens on TCP and on DIR/ragd.sock (0600), where commands of the same user are
 * carried out too.
 *
 * Threads  server_run blocks until stopped; server_stop is safe from another thread and
 *          from a signal handler.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

struct engine;
struct server;

/* Carries out a command that another process sent over DIR/ragd.sock: the words after "ragd", the
 * folder it was called from. What it prints goes to out and err; returns the exit code. Runs on a
 * thread of its own. *cancelled turns true when the caller has gone. */
struct command_call {
    int argc;
    char **argv;
    const char *cwd;
    bool terminal; /* the caller's stderr is a terminal: progress is welcome */
    FILE *out, *err;
    const volatile bool *cancelled;
    const volatile bool *ending; /* the server stops: what has no end of its own ends now too */
};
typedef int (*command_fn)(struct engine *e, const struct command_call *call);

struct server_options {
    const char *listen; /* "127.0.0.1:8080"; port 0: chosen, and told by the log line */
    command_fn command; /* NULL: commands are refused */
    int ready_fd;       /* -1, or written "PORT\n" to when listening (tests) */
    bool allow_remote;  /* listen where other machines reach us, although there are no keys */
};

int server_new(struct server **out, struct engine *e, const struct server_options *o);
/* Until SIGTERM, SIGINT or server_stop, and then until every accepted request is answered. It goes
 * on accepting for server.ready_wait_s, while /readyz says that it stops; then requests that run
 * have server.drain_s. What has not ended by then is told so: a stream by an event "error", others
 * by a 503. A supervisor hears of all this (base/notify.h). */
int server_run(struct server *s);
/* Called again, it waits for nobody: connections are closed, and it ends with the work that runs.
 */
void server_stop(struct server *s);
void server_free(struct server *s);
int server_port(const struct server *s);
