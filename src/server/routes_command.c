/* routes_command.c - POST /-/command: carries out a command of another process (the protocol is
 * told in command_client.h).
 *
 *   command's thread: fprintf(out) -> cookie -> printed (under the lock) -> loop_post
 *   loop:             printed -> frames on the socket, while there is room
 *
 * A command that prints faster than its caller reads waits at PRINTED_MAX. A caller that shuts its
 * sending side cancels it and still hears how it ended; one that has gone does not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "server/command_client.h"
#include "server/routes.h"
#include "server/service.h"

#define COMMANDS_MAX 8
#define WORDS_MAX    4096
#define PRINTED_MAX  262144

struct running {
    struct request *r;
    struct command_call call; /* words live in the request's arena */
    pthread_t thread;
    struct work news;
    volatile bool cancelled, ending;
    bool ended; /* its last news has arrived: nobody but us refers to it */

    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t room;
    struct buf printed; /* frames */
    int code;
    bool posted, finished, gone;
};

struct channel {
    struct running *run;
    char kind; /* 'o' or 'e' */
};

/* ---- on the command's thread ---- */

static void add_frame(struct buf *out, char kind, const void *p, size_t n)
{
    uint32_t length = htonl((uint32_t)n);

    buf_add_char(out, kind);
    buf_add(out, &length, sizeof length);
    buf_add(out, p, n);
}

static void post_locked(struct running *c)
{
    if (!c->posted)
        loop_post(&c->news);
    c->posted = true;
}

static void print_some(struct running *c, char kind, const char *p, size_t n)
{
    pthread_mutex_lock(&c->mu);
    while (c->printed.n > PRINTED_MAX && !c->gone)
        pthread_cond_wait(&c->room, &c->mu);
    if (!c->gone) {
        add_frame(&c->printed, kind, p, n);
        post_locked(c);
    }
    pthread_mutex_unlock(&c->mu);
}

static ssize_t channel_write(void *cookie, const char *p, size_t n)
{
    struct channel *ch = cookie;

    for (size_t at = 0; at < n;) {
        size_t part = n - at < COMMAND_FRAME_MAX ? n - at : COMMAND_FRAME_MAX;

        print_some(ch->run, ch->kind, p + at, part);
        at += part;
    }
    return (ssize_t)n;
}

static void *command_main(void *arg)
{
    struct running *c = arg;
    struct channel out = {c, 'o'}, err = {c, 'e'};
    const cookie_io_functions_t io = {.write = channel_write};
    const struct service *s = c->r->loop->service;
    int code = 1;

    c->call.out = fopencookie(&out, "w", io);
    c->call.err = fopencookie(&err, "w", io);
    if (c->call.out && c->call.err) {
        setvbuf(c->call.err, NULL, _IONBF, 0);
        code = s->options.command(s->engine, &c->call);
    }
    if (c->call.out)
        fclose(c->call.out);
    if (c->call.err)
        fclose(c->call.err);
    pthread_mutex_lock(&c->mu);
    c->code = code;
    c->finished = true;
    post_locked(c);
    pthread_mutex_unlock(&c->mu);
    return NULL;
}

/* ---- on the loop ---- */

/* Moves what was printed to the socket. True when nothing is left of it. */
static bool pass_on(struct running *c)
{
    struct buf frames = {0};
    bool all;

    pthread_mutex_lock(&c->mu);
    if (stream_has_room(c->r)) {
        frames = c->printed;
        buf_init(&c->printed);
        pthread_cond_signal(&c->room);
    }
    all = c->printed.n == 0;
    pthread_mutex_unlock(&c->mu);
    stream_write(c->r, frames.p, frames.n);
    buf_done(&frames);
    return all;
}

static void finish(struct running *c)
{
    struct buf last = {0};
    uint32_t code = htonl((uint32_t)c->code);

    pthread_join(c->thread, NULL);
    atomic_fetch_sub(&c->r->loop->service->n_commands, 1);
    add_frame(&last, 'x', &code, sizeof code);
    stream_write(c->r, last.p, last.n);
    buf_done(&last);
    buf_done(&c->printed);
    pthread_mutex_destroy(&c->mu);
    pthread_cond_destroy(&c->room);
    stream_end(c->r);
}

static void drained(struct request *r)
{
    struct running *c = r->state;

    if (pass_on(c) && c->ended)
        finish(c);
}

/* The command is away until its last news; others leave it away. */
static void on_news(struct work *w)
{
    struct running *c = (struct running *)((char *)w - offsetof(struct running, news));
    struct request *r = c->r;

    pthread_mutex_lock(&c->mu);
    c->posted = false;
    c->ended = c->finished;
    pthread_mutex_unlock(&c->mu);
    if (!c->ended)
        work_expect(w);
    request_hold(r);
    drained(r);
    request_release(r);
}

static void caller_stops(struct request *r)
{
    struct running *c = r->state;

    c->cancelled = true;
}

static void tick(struct request *r)
{
    struct running *c = r->state;

    c->ending = r->loop->draining;
}

static void caller_gone(struct request *r)
{
    struct running *c = r->state;

    pthread_mutex_lock(&c->mu);
    c->cancelled = c->gone = true;
    pthread_cond_signal(&c->room);
    pthread_mutex_unlock(&c->mu);
}

static int read_words(struct request *r, const json_t *tree, struct command_call *call)
{
    const json_t *argv = json_object_get(tree, "argv");
    size_t n = json_array_size(argv);

    if (!json_is_array(argv) || n == 0 || n > WORDS_MAX)
        return FAIL(ERR_ARGUMENT, "'argv' must be a list of 1 to %d strings", WORDS_MAX);
    call->argc = (int)n;
    call->argv = ARENA_ARRAY(r->mem, char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        const char *word = json_string_value(json_array_get(argv, i));

        if (!word)
            return FAIL(ERR_ARGUMENT, "'argv' must be a list of strings");
        call->argv[i] = arena_strdup(r->mem, word);
    }
    return ERR_OK;
}

static int read_call(struct request *r, struct command_call *call)
{
    static const char *const known[] = {"argv", "cwd", "terminal", NULL};
    int rc = ERR_OK;
    json_t *tree = NULL;
    struct str cwd = {NULL, 0};

    TRY(json_parse(&tree, buf_view(&r->body), "the request"));
    if (!json_is_object(tree)) {
        rc = FAIL(ERR_ARGUMENT, "the request must be an object with 'argv' and 'cwd'");
        goto out;
    }
    TRY(json_only(tree, known, "the request"));
    TRY(json_get_str(tree, "cwd", &cwd));
    TRY(json_get_bool(tree, "terminal", &call->terminal));
    if (cwd.n == 0 || cwd.p[0] != '/') {
        rc = FAIL(ERR_ARGUMENT, "'cwd' must be an absolute path");
        goto out;
    }
    call->cwd = arena_strndup(r->mem, cwd.p, cwd.n);
    TRY(read_words(r, tree, call));
out:
    json_decref(tree);
    return rc;
}

static void start(struct running *c)
{
    struct request *r = c->r;
    int wrong;

    pthread_mutex_init(&c->mu, NULL);
    pthread_cond_init(&c->room, NULL);
    c->call.cancelled = &c->cancelled;
    c->call.ending = &c->ending;
    c->news = (struct work){.loop = r->loop, .done = on_news};
    wrong = pthread_create(&c->thread, NULL, command_main, c);
    if (wrong) {
        atomic_fetch_sub(&r->loop->service->n_commands, 1);
        reply_problem(r, 503, "unavailable", "cannot start a thread: %s", strerror(wrong));
        return;
    }
    work_expect(&c->news);
    r->state = c;
    r->on_drain = drained;
    r->on_gone = caller_gone;
    r->on_eof = caller_stops;
    r->on_tick = tick;
    stream_begin(r, COMMAND_MEDIA);
    stream_flush(r);
}

void handle_command(struct request *r)
{
    struct service *s = r->loop->service;
    struct running *c = ARENA_NEW(r->mem, struct running);
    int rc;

    c->r = r;
    if (!s->options.command) {
        reply_problem(r, 501, "unsupported", "this server carries out no commands");
        return;
    }
    rc = read_call(r, &c->call);
    if (rc < 0) {
        reply_error(r, rc, err_text());
        return;
    }
    if (atomic_fetch_add(&s->n_commands, 1) >= COMMANDS_MAX) {
        atomic_fetch_sub(&s->n_commands, 1);
        reply_problem(r, 503, "busy", "%d commands are running already", COMMANDS_MAX);
        return;
    }
    start(c);
}
