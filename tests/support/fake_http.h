/* fake_http.h - a server on a port of its own, in this process, that answers as a test wants.
 *
 * Each request is read whole and handed to `fn` on a thread of its connection; what `fn` writes to
 * the descriptor is the reply. fn returns whether the connection goes on.
 */
#pragma once
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define FAKE_CONNECTIONS_MAX 256

struct fake_http;
typedef bool (*fake_fn)(struct fake_http *f, int fd, int i_request, struct str head,
                        struct str body);

struct fake_http {
    int fd, port;
    fake_fn fn;
    void *arg;
    atomic_int n_requests, n_connections;
    atomic_bool stopping;
    pthread_t acceptor;
    struct fake_connection {
        struct fake_http *f;
        int fd;
        pthread_t thread;
    } connections[FAKE_CONNECTIONS_MAX];
};

/* Also where Criterion is not linked. */
static inline void fake_must(bool done, const char *what)
{
    if (done)
        return;
    perror(what);
    abort();
}

static inline void fake_send(int fd, const void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t sent = send(fd, (const char *)p + at, n - at, MSG_NOSIGNAL);

        if (sent <= 0)
            return; /* the client has left */
        at += (size_t)sent;
    }
}

static inline void fake_text(int fd, const char *text)
{
    fake_send(fd, text, strlen(text));
}

/* extra: whole header lines, or "". */
static inline void fake_reply(int fd, int status, const char *extra, const char *body)
{
    struct buf b;

    buf_init(&b);
    buf_addf(&b, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
             extra, body);
    fake_send(fd, b.p, b.n);
    buf_done(&b);
}

/* Until the client leaves, the server stops, or so many ms are over. */
static inline void fake_wait(struct fake_http *f, int fd, int ms)
{
    for (int i = 0; i < ms && !f->stopping; i += 10) {
        struct pollfd p = {fd, POLLRDHUP, 0};

        if (poll(&p, 1, 10) > 0)
            return;
    }
}

/* One request into b; false when the client left. *head: bytes of head. */
static inline bool fake_read(int fd, struct buf *b, size_t *head)
{
    char part[65536];
    size_t want = 0;

    *head = 0;
    buf_clear(b);
    while (!*head || b->n < want) {
        ssize_t n = recv(fd, part, sizeof part, 0);
        const char *end, *length;

        if (n <= 0)
            return false;
        buf_add(b, part, (size_t)n);
        end = *head ? NULL : strstr(b->p, "\r\n\r\n");
        if (!end)
            continue;
        *head = (size_t)(end - b->p) + 4;
        length = strcasestr(b->p, "content-length:");
        want = *head + (length && length < end ? (size_t)atol(length + 15) : 0);
    }
    return true;
}

static inline void *fake_connection_main(void *arg)
{
    struct fake_connection *c = arg;
    struct fake_http *f = c->f;
    struct buf b;
    size_t head;

    buf_init(&b);
    while (!f->stopping && fake_read(c->fd, &b, &head)) {
        int i = f->n_requests++;

        if (!f->fn(f, c->fd, i, (struct str){b.p, head}, (struct str){b.p + head, b.n - head}))
            break;
    }
    shutdown(c->fd, SHUT_RDWR);
    buf_done(&b);
    return NULL;
}

static inline void *fake_accept_main(void *arg)
{
    struct fake_http *f = arg;

    for (;;) {
        int fd = accept(f->fd, NULL, NULL);
        struct fake_connection *c = &f->connections[f->n_connections];

        if (fd < 0 || f->n_connections == FAKE_CONNECTIONS_MAX) {
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        *c = (struct fake_connection){.f = f, .fd = fd};
        fake_must(pthread_create(&c->thread, NULL, fake_connection_main, c) == 0, "pthread_create");
        f->n_connections++;
    }
}

/* port 0: any. */
static inline void fake_start_on(struct fake_http *f, int port, fake_fn fn, void *arg)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    memset(f, 0, sizeof *f);
    f->fn = fn;
    f->arg = arg;
    f->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(f->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    fake_must(bind(f->fd, (struct sockaddr *)&a, sizeof a) == 0, "bind");
    fake_must(listen(f->fd, 64) == 0, "listen");
    getsockname(f->fd, (struct sockaddr *)&a, &n);
    f->port = ntohs(a.sin_port);
    fake_must(pthread_create(&f->acceptor, NULL, fake_accept_main, f) == 0, "pthread_create");
}

static inline void fake_start(struct fake_http *f, fake_fn fn, void *arg)
{
    fake_start_on(f, 0, fn, arg);
}

static inline void fake_stop(struct fake_http *f)
{
    f->stopping = true;
    shutdown(f->fd, SHUT_RDWR);
    pthread_join(f->acceptor, NULL);
    close(f->fd);
    for (int i = 0; i < f->n_connections; i++) {
        shutdown(f->connections[i].fd, SHUT_RDWR);
        pthread_join(f->connections[i].thread, NULL);
        close(f->connections[i].fd);
    }
}

static inline const char *fake_url(const struct fake_http *f, const char *path, char out[128])
{
    snprintf(out, 128, "http://127.0.0.1:%d%s", f->port, path);
    return out;
}
