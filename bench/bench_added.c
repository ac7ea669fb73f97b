/* bench_added - what ragd adds to a language model's first token.
 *
 *   bench_added --upstream PORT [--first-token-ms 20]                 the model: until killed
 *   bench_added --bodies FILE --ragd PORT --upstream PORT [--prompt-bytes 4000]
 *
 * The first is a server in OpenAI's form that does nothing but wait and stream, so that no time of
 * its own counts. The second asks in turn: the model itself, streamed, and ragd, whose model it is,
 * a line of FILE at a time as POST /query/stream; each over one kept connection, as an application
 * has. Prints one line of JSON: the times to the first token of both, ms, in order.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define READ_BYTES 65536
#define BODIES_MAX ((size_t)64 << 20)
#define TOKENS     8
#define CHUNK                                                                                      \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","      \
    "\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":%s}]}\n\n"

static void stop(const char *what)
{
    fprintf(stderr, "bench_added: %s\n", what);
    exit(1);
}

static void set_nodelay(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static struct sockaddr_in address_of(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

/* Reads until the head and the body that it announces are there. False: the peer has left. */
static bool read_message(int fd, struct buf *in)
{
    static __thread char part[READ_BYTES];

    for (;;) {
        const char *end = in->n ? memmem(in->p, in->n, "\r\n\r\n", 4) : NULL;
        const char *length = end ? strcasestr(in->p, "content-length: ") : NULL;
        ssize_t n;

        if (end && length && in->n >= (size_t)(end - in->p) + 4 + strtoul(length + 16, NULL, 10))
            return true;
        n = recv(fd, part, sizeof part, 0);
        if (n <= 0)
            return false;
        buf_add(in, part, (size_t)n);
    }
}

/* ---- the model ---- */

static long first_token_ms = 20;

static void send_all(int fd, const struct buf *b)
{
    for (size_t at = 0; at < b->n;) {
        ssize_t n = send(fd, b->p + at, b->n - at, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

static void add_chunk(struct buf *out, const char *delta, const char *finish)
{
    struct buf event = {0};

    buf_addf(&event, CHUNK, delta, finish);
    buf_addf(out, "%zx\r\n%s\r\n", event.n, event.p);
    buf_done(&event);
}

static void answer(int fd)
{
    struct buf out = {0};

    buf_add_str(&out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n");
    add_chunk(&out, "{\"role\":\"assistant\",\"content\":\"Said\"}", "null");
    send_all(fd, &out);
    buf_clear(&out);
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    for (int i = 0; i < TOKENS; i++)
        add_chunk(&out, "{\"content\":\" [1]\"}", "null");
    add_chunk(&out, "{}", "\"stop\"");
    buf_add_str(&out, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    send_all(fd, &out);
    buf_done(&out);
}

static void *serve_one(void *arg)
{
    int fd = (int)(intptr_t)arg;
    struct buf in = {0};

    set_nodelay(fd);
    while (read_message(fd, &in)) {
        buf_clear(&in);
        nanosleep(&(struct timespec){.tv_sec = first_token_ms / 1000,
                                     .tv_nsec = first_token_ms % 1000 * 1000000},
                  NULL);
        answer(fd);
    }
    buf_done(&in);
    close(fd);
    return NULL;
}

static void serve(int port)
{
    struct sockaddr_in a = address_of(port);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener, 64) < 0)
        stop("cannot listen");
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_t t;

        if (fd >= 0 && pthread_create(&t, NULL, serve_one, (void *)(intptr_t)fd) == 0)
            pthread_detach(t);
    }
}

/* ---- who asks ---- */

struct asker {
    int fd;
    const char *path, *token; /* what the first token is known by */
    struct buf in;
};

static struct asker asker_new(int port, const char *path, const char *token)
{
    struct asker a = {.path = path, .token = token};
    struct sockaddr_in to = address_of(port);

    a.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(a.fd, (struct sockaddr *)&to, sizeof to) < 0)
        stop("cannot connect");
    set_nodelay(a.fd);
    return a;
}

static bool has(const struct buf *b, const char *text)
{
    return memmem(b->p, b->n, text, strlen(text)) != NULL;
}

/* Milliseconds to the first token; reads on to the end. */
static double ask(struct asker *a, struct str body)
{
    static char part[READ_BYTES];
    struct buf out = {0};
    uint64_t began = clock_ns();
    double ms = 0;

    buf_addf(&out,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n",
             a->path, body.n);
    buf_add_view(&out, body);
    send_all(a->fd, &out);
    buf_done(&out);
    buf_clear(&a->in);
    while (a->in.n < 5 || memcmp(a->in.p + a->in.n - 5, "0\r\n\r\n", 5) != 0) {
        ssize_t n = recv(a->fd, part, sizeof part, 0);

        if (n <= 0)
            stop("the server hung up");
        buf_add(&a->in, part, (size_t)n);
        if (ms == 0 && has(&a->in, a->token))
            ms = clock_ms_since(began);
    }
    if (ms == 0 || !has(&a->in, "Said")) {
        fprintf(stderr, "%.600s\n", a->in.p);
        stop("no token of the model");
    }
    return ms;
}

static struct str prompt_of(size_t n)
{
    struct buf b = {0};

    buf_add_str(&b, "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\","
                    "\"content\":\"");
    for (size_t i = 0; i < n; i++)
        buf_add_char(&b, 'x');
    buf_add_str(&b, "\"}]}");
    n = b.n;
    return (struct str){buf_take(&b), n};
}

static void print_list(const char *name, const double *ms, size_t n)
{
    printf("\"%s\":[", name);
    for (size_t i = 0; i < n; i++)
        printf("%s%.4f", i ? "," : "", ms[i]);
    printf("]");
}

static void compare(const char *bodies, int ragd_port, int model_port, size_t n_prompt)
{
    struct asker model = asker_new(model_port, "/v1/chat/completions", "Said");
    struct asker us = asker_new(ragd_port, "/query/stream", "event: token");
    struct str prompt = prompt_of(n_prompt);
    double *direct = NULL, *through = NULL;
    size_t n = 0, cap_direct = 0, cap_through = 0;
    struct buf file = {0};

    if (file_read(bodies, BODIES_MAX, &file) < 0)
        stop(err_text());
    ask(&model, prompt); /* both connections are warm */
    for (char *at = file.p, *end = file.p + file.n, *line_end; at < end; at = line_end + 1, n++) {
        line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end ? line_end : end;
        direct = mem_grow(direct, &cap_direct, n + 1, sizeof *direct);
        through = mem_grow(through, &cap_through, n + 1, sizeof *through);
        direct[n] = ask(&model, prompt);
        through[n] = ask(&us, (struct str){at, (size_t)(line_end - at)});
    }
    printf("{");
    print_list("direct", direct, n);
    printf(",");
    print_list("through", through, n);
    printf("}\n");
    mem_free(direct);
    mem_free(through);
    mem_free((char *)prompt.p);
    buf_done(&file);
    buf_done(&model.in);
    buf_done(&us.in);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"bodies", required_argument, NULL, 'b'},
                                          {"ragd", required_argument, NULL, 'r'},
                                          {"upstream", required_argument, NULL, 'u'},
                                          {"first-token-ms", required_argument, NULL, 'f'},
                                          {"prompt-bytes", required_argument, NULL, 'p'},
                                          {0}};
    const char *bodies = NULL;
    int c, ragd = 0, upstream = 0;
    size_t n_prompt = 4000;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'b': bodies = optarg; break;
        case 'r': ragd = atoi(optarg); break;
        case 'u': upstream = atoi(optarg); break;
        case 'f': first_token_ms = strtol(optarg, NULL, 10); break;
        case 'p': n_prompt = strtoul(optarg, NULL, 10); break;
        default: exit(2);
        }
    }
    if (!upstream || (bodies && !ragd))
        stop("see the head of bench/bench_added.c");
    signal(SIGPIPE, SIG_IGN);
    if (bodies)
        compare(bodies, ragd, upstream, n_prompt);
    else
        serve(upstream);
    return 0;
}
