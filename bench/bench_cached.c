/* bench_cached - what one server answers over kept connections, beside another that is asked the
 * same.
 *
 *   bench_cached --bodies FILE [--path /query] [--header LINE]... [--connections 64]
 *                [--seconds 1] [--rounds 7] NAME=PORT:PID...
 *
 * A line of FILE is the body of a POST, asked in turn over all connections, one request at a time
 * on each. One thread drives them by epoll; servers alternate within a round, and the first answers
 * to all bodies are not counted. Prints one line of JSON: for each server, of the rounds, requests
 * a second, CPU of the server a request (user and system, all threads), latencies, bytes of a
 * reply. Any status but 200 ends it.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define TARGETS_MAX     8
#define CONNECTIONS_MAX 1024
#define ROUNDS_MAX      100
#define BODIES_MAX      ((size_t)64 << 20)
#define READ_BYTES      65536
#define LATENCIES_MAX   (1u << 22)

struct options {
    const char *bodies, *path;
    struct buf headers;
    int n_connections, n_rounds;
    double seconds;
};

struct round {
    double per_s, cpu_us, p50_us, p99_us;
};

struct target {
    const char *name;
    int port;
    long pid;
    struct round rounds[ROUNDS_MAX];
    uint64_t n_replies, n_bytes;
};

enum reply_end { IN_HEAD, COUNTED, CHUNKED };

struct link {
    int fd;
    enum reply_end end;
    size_t left;  /* of a counted body */
    char tail[5]; /* the last bytes of a chunked one */
    uint64_t sent_ns;
};

struct load {
    const struct options *o;
    struct str *requests; /* [n_requests] whole ones */
    size_t n_requests, next;
    uint32_t *latencies_us;
    size_t n_latencies;
    struct target *target;
};

static void stop(const char *what)
{
    fprintf(stderr, "bench_cached: %s\n", what);
    exit(1);
}

/* ---- requests ---- */

static struct str request_of(const struct options *o, struct str body)
{
    struct buf b = {0};
    size_t n;

    buf_addf(&b,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n",
             o->path, body.n);
    buf_add_view(&b, buf_view(&o->headers));
    buf_add_str(&b, "\r\n");
    buf_add_view(&b, body);
    n = b.n;
    return (struct str){buf_take(&b), n};
}

static void read_requests(struct load *l, const struct options *o)
{
    struct buf file = {0};
    size_t cap = 0;

    if (file_read(o->bodies, BODIES_MAX, &file) < 0)
        stop(err_text());
    for (char *at = file.p, *end = file.p + file.n, *line_end; at < end; at = line_end + 1) {
        line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end ? line_end : end;
        if (line_end == at)
            continue;
        l->requests = mem_grow(l->requests, &cap, l->n_requests + 1, sizeof *l->requests);
        l->requests[l->n_requests++] = request_of(o, (struct str){at, (size_t)(line_end - at)});
    }
    buf_done(&file);
    if (l->n_requests == 0)
        stop("no bodies");
}

/* ---- connections ---- */

static int connect_to(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        stop("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void ask(struct load *l, struct link *c)
{
    struct str r = l->requests[l->next++ % l->n_requests];

    c->end = IN_HEAD;
    c->sent_ns = clock_ns();
    if (send(c->fd, r.p, r.n, MSG_NOSIGNAL) != (ssize_t)r.n)
        stop("a request was not taken whole");
}

/* The head comes in one piece with us; returns where the body begins. */
static size_t read_head(struct link *c, const char *p, size_t n)
{
    const char *end = memmem(p, n, "\r\n\r\n", 4), *length;

    if (!end || n < 12 || memcmp(p, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "%.*s\n", (int)(n < 400 ? n : 400), p);
        stop("not a 200");
    }
    length = memmem(p, (size_t)(end - p), "Content-Length: ", 16);
    c->end = length ? COUNTED : CHUNKED;
    c->left = length ? strtoul(length + 16, NULL, 10) : 0;
    memset(c->tail, 0, sizeof c->tail);
    return (size_t)(end - p) + 4;
}

static void keep_tail(struct link *c, const char *p, size_t n)
{
    size_t keep = n < sizeof c->tail ? n : sizeof c->tail;

    memmove(c->tail, c->tail + keep, sizeof c->tail - keep);
    memcpy(c->tail + sizeof c->tail - keep, p + n - keep, keep);
}

/* Whether the reply is whole now. */
static bool take(struct link *c, const char *p, size_t n)
{
    size_t at = c->end == IN_HEAD ? read_head(c, p, n) : 0;

    if (c->end == CHUNKED) {
        keep_tail(c, p + at, n - at);
        return memcmp(c->tail, "0\r\n\r\n", sizeof c->tail) == 0;
    }
    if (n - at > c->left)
        stop("more came than was asked for");
    c->left -= n - at;
    return c->left == 0;
}

static void on_readable(struct load *l, struct link *c, bool more)
{
    static char bytes[READ_BYTES];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);

    if (n <= 0)
        stop("the server hung up");
    l->target->n_bytes += (uint64_t)n;
    if (!take(c, bytes, (size_t)n))
        return;
    l->target->n_replies++;
    if (l->n_latencies < LATENCIES_MAX)
        l->latencies_us[l->n_latencies++] = (uint32_t)((clock_ns() - c->sent_ns) / 1000);
    if (more)
        ask(l, c);
    else
        c->sent_ns = 0; /* rests */
}

/* ---- the server's processor time ---- */

static uint64_t cpu_of_thread_ns(const char *pid, const char *tid)
{
    char path[128];
    unsigned long long ns = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%.20s/task/%.20s/schedstat", pid, tid);
    f = fopen(path, "re");
    if (f && fscanf(f, "%llu", &ns) != 1)
        ns = 0;
    if (f)
        fclose(f);
    return ns;
}

static uint64_t cpu_of_ns(long pid)
{
    char name[32], path[64];
    uint64_t ns = 0;
    struct dirent *e;
    DIR *d;

    snprintf(name, sizeof name, "%ld", pid);
    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    d = opendir(path);
    while (d && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.')
            ns += cpu_of_thread_ns(name, e->d_name);
    if (d)
        closedir(d);
    return ns;
}

/* ---- rounds ---- */

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double latency_at(const struct load *l, double share)
{
    return l->n_latencies ? l->latencies_us[(size_t)(share * (double)(l->n_latencies - 1))] : 0;
}

static bool rests(const struct link *links, int n)
{
    for (int i = 0; i < n; i++)
        if (links[i].sent_ns)
            return false;
    return true;
}

/* Until `n_max` replies or `ns_max`, whatever is first; then those under way are awaited. */
static void drive(struct load *l, struct link *links, int epoll, uint64_t n_max, uint64_t ns_max)
{
    struct epoll_event events[CONNECTIONS_MAX];
    uint64_t began = clock_ns(), enough = l->target->n_replies + n_max;
    bool more = true;

    l->n_latencies = 0;
    for (int i = 0; i < l->o->n_connections; i++)
        ask(l, &links[i]);
    while (more || !rests(links, l->o->n_connections)) {
        int n = epoll_wait(epoll, events, l->o->n_connections, 5000);

        if (n <= 0 && errno != EINTR)
            stop("no reply for five seconds");
        more = more && l->target->n_replies < enough && clock_ns() - began < ns_max;
        for (int i = 0; i < n; i++)
            on_readable(l, events[i].data.ptr, more);
    }
}

static void run(struct load *l, struct target *t, int i_round)
{
    struct link links[CONNECTIONS_MAX] = {0};
    struct round *r = &t->rounds[i_round];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t cpu, began, n;

    l->target = t;
    l->next = 0;
    for (int i = 0; i < l->o->n_connections; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &links[i]};

        links[i].fd = connect_to(t->port);
        epoll_ctl(epoll, EPOLL_CTL_ADD, links[i].fd, &e);
    }
    drive(l, links, epoll, l->n_requests, UINT64_MAX);
    t->n_replies = t->n_bytes = 0;
    cpu = cpu_of_ns(t->pid);
    began = clock_ns();
    drive(l, links, epoll, UINT64_MAX, (uint64_t)(l->o->seconds * 1e9));
    n = t->n_replies;
    r->per_s = (double)n / ((double)(clock_ns() - began) / 1e9);
    r->cpu_us = (double)(cpu_of_ns(t->pid) - cpu) / 1e3 / (double)n;
    qsort(l->latencies_us, l->n_latencies, sizeof *l->latencies_us, by_size);
    r->p50_us = latency_at(l, .5);
    r->p99_us = latency_at(l, .99);
    for (int i = 0; i < l->o->n_connections; i++)
        close(links[i].fd);
    close(epoll);
}

static void print_target(const struct target *t, int n_rounds, bool last)
{
    printf("\"%s\":{\"reply_bytes\":%.0f,\"rounds\":[", t->name,
           (double)t->n_bytes / (double)t->n_replies);
    for (int i = 0; i < n_rounds; i++) {
        const struct round *r = &t->rounds[i];

        printf("%s{\"per_s\":%.0f,\"cpu_us\":%.3f,\"p50_us\":%.0f,\"p99_us\":%.0f}", i ? "," : "",
               r->per_s, r->cpu_us, r->p50_us, r->p99_us);
    }
    printf("]}%s", last ? "}\n" : ",");
}

/* ---- options ---- */

static struct target target_of(char *word)
{
    char *equals = strchr(word, '='), *colon = equals ? strchr(equals, ':') : NULL;

    if (!colon)
        stop("a server is NAME=PORT:PID");
    *equals = '\0';
    return (struct target){
        .name = word, .port = atoi(equals + 1), .pid = strtol(colon + 1, NULL, 10)};
}

static struct options options_of(int argc, char **argv)
{
    static const struct option known[] = {{"bodies", required_argument, NULL, 'b'},
                                          {"path", required_argument, NULL, 'p'},
                                          {"header", required_argument, NULL, 'h'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {0}};
    struct options o = {.path = "/query", .n_connections = 64, .n_rounds = 7, .seconds = 1};
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'b': o.bodies = optarg; break;
        case 'p': o.path = optarg; break;
        case 'h': buf_addf(&o.headers, "%s\r\n", optarg); break;
        case 'c': o.n_connections = atoi(optarg); break;
        case 's': o.seconds = strtod(optarg, NULL); break;
        case 'r': o.n_rounds = atoi(optarg); break;
        default: exit(2);
        }
    }
    if (!o.bodies || o.n_connections < 1 || o.n_connections > CONNECTIONS_MAX || o.n_rounds < 1 ||
        o.n_rounds > ROUNDS_MAX || optind == argc || argc - optind > TARGETS_MAX)
        stop("see the head of bench/bench_cached.c");
    return o;
}

int main(int argc, char **argv)
{
    struct options o = options_of(argc, argv);
    struct load l = {.o = &o};
    struct target targets[TARGETS_MAX];
    int n_targets = argc - optind;

    read_requests(&l, &o);
    l.latencies_us = mem_alloc(LATENCIES_MAX * sizeof *l.latencies_us);
    for (int i = 0; i < n_targets; i++)
        targets[i] = target_of(argv[optind + i]);
    for (int i = 0; i < o.n_rounds; i++)
        for (int k = 0; k < n_targets; k++)
            run(&l, &targets[k], i);
    printf("{");
    for (int k = 0; k < n_targets; k++)
        print_target(&targets[k], o.n_rounds, k == n_targets - 1);
    for (size_t i = 0; i < l.n_requests; i++)
        mem_free((char *)l.requests[i].p);
    mem_free(l.requests);
    mem_free(l.latencies_us);
    buf_done(&o.headers);
    return 0;
}
