#include "server/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/pool.h"
#include "base/thread.h"
#include "engine/engine.h"
#include "server/beforehand.h"
#include "server/exporter.h"
#include "server/idempotency.h"
#include "server/jobs.h"
#include "server/local_socket.h"
#include "server/loop.h"
#include "server/peers.h"
#include "server/routes.h"
#include "server/service.h"

#define IO_THREADS 4
#define IO_QUEUE   64
#define IO_NICE    5 /* they ingest: questions first, where processors are few */
#define LOOPS_MAX  64
/* How often it is looked whether the collections are read, which is told once. */
#define READY_MS 50
/* How often memory that was freed is given back: what malloc keeps would grow for days. */
#define RETURN_MS 60000

struct server {
    struct service service;
    int port;
    pthread_t *threads; /* of loops 1.. */
    /* loop 0's */
    uv_timer_t ready;    /* until the collections are read */
    uv_timer_t returned; /* memory */
};

/* ---- where to listen ---- */

struct address {
    struct sockaddr_storage sa;
    socklen_t n;
    bool loopback;
    char text[128];
};

static bool is_loopback(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}

/* "HOST:PORT", "[V6]:PORT". */
static int parse_listen(const char *listen, struct address *out)
{
    const char *colon = strrchr(listen, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    char host[256];
    size_t n = colon ? (size_t)(colon - listen) : 0;
    int e;

    if (n == 0 || n >= sizeof host || colon[1] == '\0')
        return FAIL(ERR_ARGUMENT, "cannot listen on '%s': it must be HOST:PORT", listen);
    memcpy(host, listen, n);
    host[n] = '\0';
    if (host[0] == '[' && host[n - 1] == ']') {
        memmove(host, host + 1, n - 2);
        host[n - 2] = '\0';
    }
    e = getaddrinfo(host, colon + 1, &hints, &found);
    if (e != 0)
        return FAIL(ERR_ARGUMENT, "cannot listen on '%s': %s", listen, gai_strerror(e));
    memcpy(&out->sa, found->ai_addr, found->ai_addrlen);
    out->n = found->ai_addrlen;
    out->loopback = is_loopback(found->ai_addr);
    freeaddrinfo(found);
    return ERR_OK;
}

static int open_listener(struct address *a, const char *name, bool shared)
{
    int on = 1;
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return FAIL(ERR_IO, "socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&a->sa, a->n) < 0) {
        int e = errno;

        close(fd);
        return FAIL(e == EADDRINUSE ? ERR_BUSY : ERR_IO, "cannot listen on %s: %s", name,
                    strerror(e));
    }
    /* port 0 becomes the one that was chosen, for the other loops too */
    CHECK(getsockname(fd, (struct sockaddr *)&a->sa, &a->n) == 0);
    return fd;
}

static int port_of(const struct address *a)
{
    if (a->sa.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&a->sa)->sin_port);
    return ntohs(((const struct sockaddr_in6 *)&a->sa)->sin6_port);
}

/* ---- opening ---- */

static struct metrics *new_metrics(void)
{
    size_t n = routes_count();
    struct metrics_route *labels = mem_calloc(n + 1, sizeof *labels);
    struct metrics *m;

    for (size_t i = 0; i < n; i++)
        labels[i] = (struct metrics_route){route_at(i)->method, route_at(i)->pattern};
    labels[n] = (struct metrics_route){"-", "-"}; /* refused before any route was found */
    m = metrics_new(labels, n + 1);
    mem_free(labels);
    return m;
}

/* The variable's name may be told, what it holds may not. */
static int open_exporter(struct service *s)
{
    const struct config *c = &s->engine->config;
    const char *headers = c->trace.headers_env[0] ? getenv(c->trace.headers_env) : NULL;
    struct exporter_options o = {.url = c->trace.url,
                                 .service = c->trace.service,
                                 .headers = headers,
                                 .timeout_ms = c->trace.timeout_ms};

    if (!c->trace.url[0])
        return ERR_OK;
    if (c->trace.headers_env[0] && !headers)
        return FAIL(ERR_ARGUMENT, "trace.headers_env names the variable '%s', which is not set",
                    c->trace.headers_env);
    return exporter_new(&s->exporter, &o);
}

static int open_loops(struct server *s, struct address *a)
{
    int n_loops = (int)s->service.engine->config.server.loops;
    int rc = ERR_OK;

    s->service.loops = mem_calloc((size_t)n_loops, sizeof *s->service.loops);
    s->threads = mem_calloc((size_t)n_loops, sizeof *s->threads);
    for (int i = 0; i < n_loops; i++) {
        int fd = open_listener(a, s->service.options.listen, n_loops > 1);
        int local_fd = -1;

        if (fd < 0)
            return fd;
        if (i == 0 && (local_fd = local_socket_bind(s->service.engine->config.data)) < 0) {
            close(fd);
            return local_fd;
        }
        s->service.n_loops = i + 1; /* server_free closes what loop_init has begun */
        rc = loop_init(&s->service.loops[i], &s->service, i, fd, local_fd);
        if (rc < 0)
            return rc;
    }
    s->port = port_of(a);
    return ERR_OK;
}

int server_new(struct server **out, struct engine *e, const struct server_options *o)
{
    int rc = ERR_OK;
    struct server *s = mem_calloc(1, sizeof *s);
    struct address a = {0};
    int64_t n_loops = e->config.server.loops;

    s->service.engine = e;
    s->service.options = *o;
    TRY(parse_listen(o->listen, &a));
    if (!a.loopback && !o->allow_remote && !keys_needed(e->keys)) {
        rc = FAIL(ERR_ARGUMENT,
                  "'%s' can be reached from other machines, and there are no API keys: make one "
                  "with `ragd key add`, or listen on 127.0.0.1",
                  o->listen);
        goto out;
    }
    if (n_loops < 1 || n_loops > LOOPS_MAX) {
        rc = FAIL(ERR_ARGUMENT, "server.loops is %lld; it must be from 1 to %d", (long long)n_loops,
                  LOOPS_MAX);
        goto out;
    }
    s->service.gate_tcp = (struct gate_limits){(size_t)e->config.limits.header_bytes,
                                               a.loopback && !keys_needed(e->keys)};
    s->service.gate_local = (struct gate_limits){(size_t)e->config.limits.header_bytes, false};
    s->service.metrics = new_metrics();
    TRY(open_exporter(&s->service));
    s->service.io = pool_new_nice("io", IO_THREADS, IO_QUEUE, IO_NICE);
    s->service.jobs = jobs_new();
    s->service.idempotency = idempotency_new(IDEMPOTENCY_ENTRIES, IDEMPOTENCY_BYTES);
    if (e->config.limits.per_address)
        s->service.peers = peers_new(e->config.limits.per_address);
    TRY(open_loops(s, &a));
    *out = s;
    s = NULL;
out:
    server_free(s);
    return rc;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    pool_free(s->service.io);
    jobs_free(s->service.jobs);
    idempotency_free(s->service.idempotency);
    for (int i = 0; i < s->service.n_loops; i++)
        loop_done(&s->service.loops[i]);
    if (s->service.n_loops > 0)
        local_socket_remove(s->service.engine->config.data);
    exporter_free(s->service.exporter); /* after the loops: their last spans are in it */
    peers_free(s->service.peers);
    metrics_free(s->service.metrics);
    mem_free(s->service.loops);
    mem_free(s->threads);
    mem_free(s);
}

int server_port(const struct server *s)
{
    return s->port;
}

/* ---- running ---- */

static void *loop_main(void *arg)
{
    loop_run(arg);
    return NULL;
}

void server_stop(struct server *s)
{
    if (atomic_fetch_add(&s->service.stopping, 1) == 0)
        notify("STOPPING=1\nSTATUS=answering what was asked");
    for (int i = 0; i < s->service.n_loops; i++)
        loop_wake(&s->service.loops[i]);
}

/* SIGTERM and SIGINT are loop 0's while the server runs. The handles do not keep it alive. */
static void on_signal(uv_signal_t *h, int number)
{
    log_event(LOG_INFO, "stopping", LOG_S("signal", strsignal(number)));
    server_stop(h->data);
}

static void catch_signal(struct server *s, uv_signal_t *h, int number)
{
    CHECK(uv_signal_init(&s->service.loops[0].uv, h) == 0);
    h->data = s;
    uv_signal_start(h, on_signal, number);
    uv_unref((uv_handle_t *)h);
}

static void tell_listening(const struct server *s)
{
    log_event(LOG_INFO, "listening", LOG_S("listen", s->service.options.listen),
              LOG_I("port", s->port), LOG_S("data", s->service.engine->config.data),
              LOG_I("pid", getpid()));
    if (s->service.options.ready_fd >= 0 &&
        dprintf(s->service.options.ready_fd, "%d\n", s->port) < 0)
        log_event(LOG_WARN, "nobody to tell that we listen", LOG_S("error", strerror(errno)));
}

/* The supervisor may send others our way. */
static void on_ready_timer(uv_timer_t *t)
{
    struct server *s = t->data;

    if (retriever_is_read(s->service.engine->retriever) < 0)
        return;
    uv_timer_stop(t);
    if (s->service.stopping)
        return;
    log_event(LOG_INFO, "ready", LOG_I("port", s->port));
    notify("READY=1\nSTATUS=answers on port %d", s->port);
}

static void await_ready(struct server *s)
{
    CHECK(uv_timer_init(&s->service.loops[0].uv, &s->ready) == 0);
    s->ready.data = s;
    uv_timer_start(&s->ready, on_ready_timer, 0, READY_MS);
    uv_unref((uv_handle_t *)&s->ready);
}

static void return_memory(void *arg, int i_worker)
{
    (void)arg, (void)i_worker;
    mem_return();
}

/* Where the queue is full there is work for the memory: in a minute, then. */
static void on_return_timer(uv_timer_t *t)
{
    const struct server *s = t->data;

    (void)pool_submit(s->service.engine->pool, QUEUE_BULK, return_memory, NULL);
}

static void return_now_and_then(struct server *s)
{
    CHECK(uv_timer_init(&s->service.loops[0].uv, &s->returned) == 0);
    s->returned.data = s;
    uv_timer_start(&s->returned, on_return_timer, RETURN_MS, RETURN_MS);
    uv_unref((uv_handle_t *)&s->returned);
}

int server_run(struct server *s)
{
    uv_signal_t term, interrupt;
    struct beforehand *beforehand;

    static_encoders_start(s->service.engine->static_encoders);
    signal(SIGPIPE, SIG_IGN); /* a client that left is an error code, not the end of us */
    catch_signal(s, &term, SIGTERM);
    catch_signal(s, &interrupt, SIGINT);
    for (int i = 1; i < s->service.n_loops; i++)
        thread_start(&s->threads[i], "loop", loop_main, &s->service.loops[i]);
    beforehand = beforehand_start(s->service.engine);
    tell_listening(s);
    await_ready(s);
    return_now_and_then(s);
    loop_run(&s->service.loops[0]);
    for (int i = 1; i < s->service.n_loops; i++)
        pthread_join(s->threads[i], NULL);
    jobs_stop(s->service.jobs);
    beforehand_stop(beforehand);
    uv_close((uv_handle_t *)&term, NULL);
    uv_close((uv_handle_t *)&interrupt, NULL);
    uv_close((uv_handle_t *)&s->ready, NULL);
    uv_close((uv_handle_t *)&s->returned, NULL);
    uv_run(&s->service.loops[0].uv, UV_RUN_DEFAULT);
    log_event(LOG_INFO, "stopped", LOG_I("pid", getpid()));
    return ERR_OK;
}
