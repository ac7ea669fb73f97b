/* live.h - a server on a port of its own, in this process, for tests of routes and connections. */
#pragma once
#include <arpa/inet.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "server/server.h"
#include "support/world.h"

struct live {
    struct world world;
    struct server *server;
    pthread_t thread;
};

static inline void *live_main(void *server)
{
    return (void *)(intptr_t)server_run(server);
}

static inline void live_start(struct live *l, command_fn command)
{
    struct server_options o = {.listen = "127.0.0.1:0", .command = command, .ready_fd = -1};

    cr_assert_eq(server_new(&l->server, l->world.engine, &o), ERR_OK, "%s", err_text());
    cr_assert_eq(pthread_create(&l->thread, NULL, live_main, l->server), 0);
}

#define LIVE_OPEN(l, command)                                                                      \
    do {                                                                                           \
        WORLD_OPEN(&(l)->world);                                                                   \
        live_start((l), (command));                                                                \
    } while (0)

static inline void live_close(struct live *l)
{
    void *result;

    server_stop(l->server);
    pthread_join(l->thread, &result);
    cr_expect_eq((int)(intptr_t)result, ERR_OK);
    server_free(l->server);
    world_close(&l->world);
}

static inline int live_connect(const struct live *l)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)server_port(l->server)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* All that comes on a descriptor, which is closed afterwards; mem_free it. */
static inline char *live_read(int fd)
{
    struct buf b = {0};
    char part[4096];
    ssize_t n;

    while ((n = recv(fd, part, sizeof part, 0)) > 0)
        buf_add(&b, part, (size_t)n);
    close(fd);
    return buf_take(&b);
}

/* Sends bytes, and no more, and returns all that comes. */
static inline char *live_talk(int fd, struct str bytes)
{
    cr_assert_eq(send(fd, bytes.p, bytes.n, MSG_NOSIGNAL), (ssize_t)bytes.n);
    shutdown(fd, SHUT_WR);
    return live_read(fd);
}

static inline char *live_raw(const struct live *l, const char *bytes)
{
    return live_talk(live_connect(l), str_of(bytes));
}

/* One request; the JSON of the reply (NULL: none), json_decref it. */
static inline json_t *live_call(const struct live *l, const char *method, const char *path,
                                const char *body, int *status)
{
    struct buf b = {0};
    char *reply, *end;
    json_t *json;
    int fd = live_connect(l);

    buf_addf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, path);
    if (body)
        buf_addf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buf_addf(&b, "\r\n%s", body ? body : "");
    cr_assert_eq(send(fd, b.p, b.n, MSG_NOSIGNAL), (ssize_t)b.n);
    reply = live_read(fd); /* who ends his side may have left, and a model is not asked for him */
    *status = 0;
    cr_assert_eq(sscanf(reply, "HTTP/1.1 %d", status), 1, "%s", reply);
    end = strstr(reply, "\r\n\r\n");
    cr_assert_not_null(end);
    json = json_loads(end + 4, 0, NULL);
    mem_free(reply);
    buf_done(&b);
    return json;
}

/* The status alone. */
static inline int live_status(const struct live *l, const char *method, const char *path,
                              const char *body)
{
    int status;

    json_decref(live_call(l, method, path, body, &status));
    return status;
}

/* A string member of the reply as a copy, "" when it is not there; mem_free it. */
static inline char *live_member(const struct live *l, const char *method, const char *path,
                                const char *body, const char *key)
{
    int status;
    json_t *reply = live_call(l, method, path, body, &status);
    const char *s = json_string_value(json_object_get(reply, key));
    char *copy = mem_strdup(s ? s : "");

    json_decref(reply);
    return copy;
}
