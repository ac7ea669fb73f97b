/* The real server with two event loops, and clients of every kind at once: cached and fresh
 * questions, streams, lists to embed, documents that come and go, numbers read, settings reloaded,
 * clients that leave without waiting. It is stopped in the middle of questions: each of them gets
 * its whole reply, or was never accepted. All of it twice: with quoted answers, and with a language
 * model's, whose tokens several clients follow and some leave.
 *
 * A plain main, for ThreadSanitizer. Exit 0: every reply was the one its client has a right to.
 * Without the model there is nothing to run, and it says so.
 */
#include <arpa/inet.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "engine/engine.h"
#include "engine/reload.h"
#include "server/server.h"
#include "support/fake_chat.h"

#define N_ROUNDS 12
#define N_ASKERS 3

struct race {
    struct server *server;
    struct engine *engine;
    char prompt[64];         /* a template */
    atomic_bool stopping;    /* from now on a connection may be refused */
    atomic_bool others_done; /* documents come until then: libuv closes sockets behind the
                              * sanitizer's back, and files that are sealed when all is quiet would
                              * get their numbers */
    atomic_int n_replies, n_wrong;
};

struct client {
    struct race *race;
    int i;
    pthread_t thread;
};

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, err_text());
    exit(1);
}

/* ---- one request ---- */

/* -1 when nobody listens any more. */
static int dial(const struct race *race)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)server_port(race->server)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -1;
}

static void write_request(struct buf *out, const char *method, const char *path, const char *body)
{
    buf_addf(out, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, path);
    if (*body)
        buf_addf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buf_addf(out, "\r\n%s", body);
}

static void wrong(struct race *race, const char *method, const char *path, const char *reply)
{
    fprintf(stderr, "%s %s was answered:\n%s\n", method, path, reply);
    atomic_fetch_add(&race->n_wrong, 1);
}

/* The reply must be a 200 or 204 that has `part` in it. False when the server has stopped. */
static bool call(struct race *race, const char *method, const char *path, const char *body,
                 const char *part)
{
    struct buf request = {0}, reply = {0};
    char piece[4096];
    ssize_t n;
    int fd = dial(race);

    if (fd < 0) {
        if (!atomic_load(&race->stopping))
            wrong(race, method, path, "not at all");
        return false;
    }
    write_request(&request, method, path, body);
    if (send(fd, request.p, request.n, MSG_NOSIGNAL) == (ssize_t)request.n)
        while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
            buf_add(&reply, piece, (size_t)n);
    close(fd);
    buf_add_char(&reply, '\0');
    if (strncmp(reply.p, "HTTP/1.1 20", 11) != 0 || !strstr(reply.p, part))
        wrong(race, method, path, reply.p);
    atomic_fetch_add(&race->n_replies, 1);
    buf_done(&request);
    buf_done(&reply);
    return true;
}

/* Asks and is gone before the answer. */
static void call_and_leave(const struct race *race, const char *path, const char *body)
{
    struct buf request = {0};
    struct linger reset = {.l_onoff = 1};
    int fd = dial(race);

    write_request(&request, "POST", path, body);
    (void)send(fd, request.p, request.n, MSG_NOSIGNAL);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    buf_done(&request);
}

/* ---- kinds of clients ---- */

/* One question that all share, one that nobody has asked before. */
static void *ask(void *arg)
{
    struct client *c = arg;
    char fresh[96];

    for (int i = 0; i < N_ROUNDS; i++) {
        snprintf(fresh, sizeof fresh, "{\"question\":\"Which bank is number %d of %d?\"}", i, c->i);
        call(c->race, "POST", "/query", "{\"question\":\"What do frogs eat?\"}", "\"other_ms\"");
        call(c->race, "POST", "/query", fresh, "\"other_ms\"");
        call(c->race, "POST", "/query/batch", "{\"questions\":[\"one\",\"one\",\"two\"]}",
             "\"distinct\"");
    }
    return NULL;
}

static void *stream(void *arg)
{
    struct client *c = arg;
    char fresh[96];

    for (int i = 0; i < N_ROUNDS; i++) {
        snprintf(fresh, sizeof fresh, "{\"question\":\"What is said of stream %d?\"}", i);
        call(c->race, "POST", "/query/stream", fresh, "event: done");
        call(c->race, "POST", "/query/stream", "{\"question\":\"What do frogs eat?\"}",
             "event: done");
        call_and_leave(c->race, "/query/stream", fresh);
        snprintf(fresh, sizeof fresh, "{\"question\":\"Who leaves before %d?\"}", i);
        call_and_leave(c->race, "/query", fresh);
    }
    return NULL;
}

/* A list of several slices, in a body that a worker reads; one input, in the questions' lane. */
static void *embed(void *arg)
{
    struct client *c = arg;
    struct buf list = {0};

    buf_add_str(&list, "{\"input\":[\"a\"");
    for (int i = 0; i < 90; i++)
        buf_add_str(&list, ",\"many words are in this part of the list of all parts\"");
    buf_add_str(&list, "]}");
    for (int i = 0; i < N_ROUNDS / 4; i++) {
        call(c->race, "POST", "/v1/embeddings", list.p, "\"index\":90");
        call(c->race, "POST", "/embed", "{\"inputs\":\"alone\"}", "[[");
        call_and_leave(c->race, "/v1/embeddings", list.p);
        call(c->race, "GET", "/v1/models", "", "ragd-extractive");
    }
    buf_done(&list);
    return NULL;
}

static void *write_documents(void *arg)
{
    struct client *c = arg;
    char body[160], path[32];

    for (int i = 0; i < N_ROUNDS || !atomic_load(&c->race->others_done); i++) {
        snprintf(body, sizeof body,
                 "{\"documents\":[{\"id\":\"frogs\",\"text\":\"Frogs eat %d flies.\"},"
                 "{\"id\":\"d%d\",\"text\":\"Bank %d lends.\"}]}",
                 i, i, i);
        snprintf(path, sizeof path, "/documents/d%d", i);
        call(c->race, "POST", "/documents", body, "ingested");
        call(c->race, "GET", path, "", "\"chunks\":1");
        call(c->race, "DELETE", path, "", "");
    }
    return NULL;
}

static void *watch(void *arg)
{
    struct client *c = arg;

    for (int i = 0; i < N_ROUNDS; i++) {
        call(c->race, "GET", "/metrics", "", "ragd_http_requests_total");
        call(c->race, "GET", "/stats", "", "{");
        call(c->race, "GET", "/cache", "", "{");
        call(c->race, "GET", "/documents", "", "frogs");
        call(c->race, "GET", "/collections", "", "default");
        call(c->race, "POST", "/search", "{\"question\":\"flies\"}", "\"hits\"");
    }
    return NULL;
}

/* Every setting that requests look at, and the template, between two values. */
static void *reload(void *arg)
{
    struct client *c = arg;
    struct config first = c->race->engine->config, next = first;
    struct reload_report report;

    next.server.log_questions = false;
    next.limits.connections++;
    next.limits.reply_bytes++;
    next.limits.output_bytes++;
    next.cache.ttl_s++;
    next.stream.grace_ms++;
    strcpy(next.prompt.file, c->race->prompt);
    for (int i = 0; !atomic_load(&c->race->others_done); i++) {
        if (engine_reload(c->race->engine, &first, i % 2 ? &first : &next, &report) < 0)
            die("reload");
        reload_report_done(&report);
        usleep(100000); /* it copies and compares much, which the sanitizer is slow at */
    }
    return NULL;
}

static void *ask_until_stopped(void *arg)
{
    struct client *c = arg;
    char fresh[96];

    for (int i = 0;; i++) {
        snprintf(fresh, sizeof fresh, "{\"question\":\"Who is last, %d or %d?\"}", i, c->i);
        if (!call(c->race, "POST", "/query", fresh, "\"other_ms\""))
            return NULL;
    }
}

/* ---- the two scenes ---- */

static void start(struct client *c, struct race *race, int i, void *(*main_of)(void *))
{
    *c = (struct client){.race = race, .i = i};
    if (pthread_create(&c->thread, NULL, main_of, c) != 0)
        die("thread");
}

static void everything_at_once(struct race *race)
{
    struct client clients[N_ASKERS + 5];

    call(race, "POST", "/documents",
         "{\"documents\":[{\"id\":\"frogs\",\"text\":\"Frogs eat no flies.\"}]}", "ingested");
    for (int i = 0; i < N_ASKERS; i++)
        start(&clients[i], race, i, ask);
    start(&clients[N_ASKERS], race, 0, stream);
    start(&clients[N_ASKERS + 1], race, 0, watch);
    start(&clients[N_ASKERS + 2], race, 0, embed);
    start(&clients[N_ASKERS + 3], race, 0, write_documents);
    start(&clients[N_ASKERS + 4], race, 0, reload);
    for (int i = 0; i < N_ASKERS + 3; i++)
        pthread_join(clients[i].thread, NULL);
    atomic_store(&race->others_done, true);
    pthread_join(clients[N_ASKERS + 3].thread, NULL);
    pthread_join(clients[N_ASKERS + 4].thread, NULL);
}

static void stop_in_the_middle(struct race *race)
{
    struct client clients[N_ASKERS];
    int before = atomic_load(&race->n_replies);

    for (int i = 0; i < N_ASKERS; i++)
        start(&clients[i], race, i, ask_until_stopped);
    while (atomic_load(&race->n_replies) < before + N_ASKERS)
        usleep(1000);
    atomic_store(&race->stopping, true);
    server_stop(race->server);
    for (int i = 0; i < N_ASKERS; i++)
        pthread_join(clients[i].thread, NULL);
}

static void *serve(void *server)
{
    if (server_run(server) < 0)
        die("server");
    return NULL;
}

static int rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* port 0: no language model. */
static void open_engine(struct engine **out, const char *dir, const char *model, int port)
{
    struct config config;

    config_defaults(&config);
    if (port) {
        struct config_llm *llm = &config.llm[0];

        *llm = (struct config_llm){
            .name = "fast", .model = "m", .timeout_ms = 60000, .first_token_ms = 30000};
        snprintf(llm->url, sizeof llm->url, "http://127.0.0.1:%d/v1", port);
        config.n_llm = 1;
    }
    snprintf(config.data, sizeof config.data, "%s/data", dir);
    snprintf(config.model.path, sizeof config.model.path, "%s", model);
    config.server.loops = 2;
    config.server.workers = 2;
    if (engine_open(out, &config) < 0)
        die("engine");
}

static void write_prompt(struct race *race, const char *dir)
{
    static const char text[] = "Be brief.\n=== user ===\n{context}\n{question}\n";

    snprintf(race->prompt, sizeof race->prompt, "%s/prompt", dir);
    if (file_write_atomic(race->prompt, text, sizeof text - 1) < 0)
        die("prompt");
}

static int run(const char *model, int port)
{
    char dir[] = "/tmp/ragd-race-XXXXXX";
    struct server_options o = {.listen = "127.0.0.1:0", .ready_fd = -1};
    struct race race = {0};
    struct engine *e;
    pthread_t thread;

    if (!mkdtemp(dir))
        return 1;
    open_engine(&e, dir, model, port);
    write_prompt(&race, dir);
    race.engine = e;
    if (server_new(&race.server, e, &o) < 0 ||
        pthread_create(&thread, NULL, serve, race.server) != 0)
        die("server");
    everything_at_once(&race);
    stop_in_the_middle(&race);
    pthread_join(thread, NULL);
    server_free(race.server);
    engine_close(e);
    nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS);
    printf("%s: %d replies, %d wrong\n", port ? "a model's answers" : "quoted",
           atomic_load(&race.n_replies), atomic_load(&race.n_wrong));
    return atomic_load(&race.n_wrong) ? 1 : 0;
}

int main(void)
{
    const char *model = getenv("RAGD_MODEL_PATH");
    struct fake_chat fake;
    int bad;

    model = model && *model ? model : "models/all-MiniLM-L6-v2";
    if (access(model, R_OK) != 0) {
        puts("needs the model (make model, or RAGD_MODEL_PATH)");
        return 0;
    }
    fake_chat_start(&fake);
    fake.text = "Frogs eat flies and other insects [1], as all of them say.";
    fake.first_token_ms = 1;
    fake.tokens_per_s = 1000;
    bad = run(model, 0) + run(model, fake.http.port);
    fake_chat_stop(&fake);
    return bad ? 1 : 0;
}
