/* redis_server.h - a real redis-server of a test's own: on a port and a socket of its own, keeping
 * nothing, in a temporary folder; it ends with the test. Where none is installed, REDIS_OR_SKIP
 * skips the test by name. */
#pragma once
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "net/redis.h"

#define REDIS_TEST_PASSWORD "open-sesame"

struct redis_server {
    pid_t pid;
    int port;
    char dir[64], url[96], socket[96], safe_url[128]; /* safe: with the password */
};

static inline const char *redis_server_program(void)
{
    static const char *const places[] = {"/usr/bin/redis-server", "/usr/local/bin/redis-server"};

    for (size_t i = 0; i < 2; i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

#define REDIS_OR_SKIP()                                                                            \
    do {                                                                                           \
        if (!redis_server_program())                                                               \
            cr_skip_test("redis-server is not installed");                                         \
    } while (0)

/* A port that nobody has just now. */
static inline int redis_free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static inline void redis_pause(int ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

static inline void redis_server_exec(struct redis_server *s, const char *password)
{
    char port[16], socket_path[96];
    int null = open("/dev/null", O_RDWR);

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves nothing behind */
    dup2(null, 0);
    dup2(null, 1);
    snprintf(port, sizeof port, "%d", s->port);
    snprintf(socket_path, sizeof socket_path, "%s/s", s->dir);
    execl(redis_server_program(), "redis-server", "--port", port, "--bind", "127.0.0.1", "--save",
          "", "--appendonly", "no", "--dir", s->dir, "--unixsocket", socket_path, "--daemonize",
          "no", "--requirepass", password, (char *)NULL);
    _exit(127);
}

/* Starts on s->port, which a restart keeps, and waits until it answers. */
static inline void redis_server_run(struct redis_server *s, const char *password)
{
    struct redis *r;
    int rc = ERR_UNAVAILABLE;

    s->pid = fork();
    cr_assert_geq(s->pid, 0);
    if (s->pid == 0)
        redis_server_exec(s, password);
    for (int i = 0; i < 500 && rc < 0; i++) {
        cr_assert_eq(redis_open(&r, *password ? s->safe_url : s->url, 1000), ERR_OK);
        rc = redis_ping(r);
        redis_close(r);
        if (rc < 0)
            redis_pause(20);
    }
    cr_assert_eq(rc, ERR_OK, "redis-server does not answer: %s", err_text());
}

static inline void redis_server_start(struct redis_server *s, const char *password)
{
    *s = (struct redis_server){.dir = "/tmp/ragd-redis-XXXXXX"};
    cr_assert_not_null(mkdtemp(s->dir));
    s->port = redis_free_port();
    snprintf(s->url, sizeof s->url, "redis://127.0.0.1:%d/0", s->port);
    snprintf(s->safe_url, sizeof s->safe_url, "redis://:%s@127.0.0.1:%d/2", REDIS_TEST_PASSWORD,
             s->port);
    snprintf(s->socket, sizeof s->socket, "unix://%s/s", s->dir);
    redis_server_run(s, password);
}

static inline void redis_server_kill(struct redis_server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

static inline void redis_server_stop(struct redis_server *s)
{
    char path[96];

    redis_server_kill(s);
    snprintf(path, sizeof path, "%s/s", s->dir);
    unlink(path);
    rmdir(s->dir);
}
