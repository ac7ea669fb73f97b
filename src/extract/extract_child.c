#include "extract/extract_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "extract/extract_reply.h"
#include "extract/extract_wire.h"
#include "extract/helper_path.h"

/* How often the helper's memory is looked at while it works. */
#define WATCH_MS 50

/* The time limit is of processor time, which the helper sets for itself (RLIMIT_CPU): whether a
 * file is read must not depend on what else the machine does. By the clock it may take this many
 * times as long; that catches what sleeps. */
#define CLOCK_FACTOR 3

struct extract_child {
    struct extract_limits limits;
    pid_t pid; /* 0: none runs */
    int fd;
    uint64_t deadline_ns;
};

struct extract_child *extract_child_new(const struct extract_limits *limits)
{
    struct extract_child *c = mem_calloc(1, sizeof(*c));

    c->limits = *limits;
    c->fd = -1;
    return c;
}

/* ---- start and end ---- */

/* The group is the helper's own: a pdftotext that it started goes with it. Returns how it had
 * ended, as of waitpid. */
static int end_child(struct extract_child *c)
{
    int status = 0;

    if (c->pid == 0)
        return 0;
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(c->fd);
    c->fd = -1;
    c->pid = 0;
    return status;
}

void extract_child_free(struct extract_child *c)
{
    if (!c)
        return;
    end_child(c);
    mem_free(c);
}

/* A helper that falls to a hostile file must not find keys in its environment. */
static char **few_names(void)
{
    static const char *const names[] = {"PATH",         "LD_LIBRARY_PATH", "ASAN_OPTIONS",
                                        "LSAN_OPTIONS", "UBSAN_OPTIONS",   "TMPDIR"};
    size_t n = 0;
    char **env = mem_calloc(sizeof(names) / sizeof(names[0]) + 1, sizeof(*env));

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        struct buf b;

        if (!value)
            continue;
        buf_init(&b);
        buf_addf(&b, "%s=%s", names[i], value);
        env[n++] = buf_take(&b);
    }
    return env;
}

static int spawn(const char *path, int fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    char *argv[] = {(char *)(uintptr_t)path, (char *)(uintptr_t) "--extract-helper", NULL};
    char **env = few_names();
    int bad;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    bad = posix_spawn(pid, path, &actions, &attr, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    for (char **e = env; *e; e++)
        mem_free(*e);
    mem_free(env);
    return bad ? FAIL(ERR_UNAVAILABLE, "cannot start the extraction helper '%s': %s", path,
                      strerror(bad))
               : ERR_OK;
}

static int start_child(struct extract_child *c)
{
    int rc = ERR_OK;
    int pair[2] = {-1, -1};
    char path[HELPER_PATH_MAX];

    if (c->pid)
        return ERR_OK;
    TRY(helper_path(path));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        rc = FAIL(ERR_IO, "socketpair: %s", strerror(errno));
        goto out;
    }
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    TRY(spawn(path, pair[1], &c->pid));
    c->fd = pair[0];
    pair[0] = -1;
out:
    if (pair[0] >= 0)
        close(pair[0]);
    if (pair[1] >= 0)
        close(pair[1]);
    return rc;
}

/* ---- waiting, with an eye on clock and memory ---- */

static int64_t resident_bytes(pid_t pid)
{
    char path[64];
    long long size, resident = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%lld %lld", &size, &resident) != 2)
        resident = 0;
    fclose(f);
    return resident * sysconf(_SC_PAGESIZE);
}

static int check_watch(struct extract_child *c)
{
    if (clock_ns() > c->deadline_ns)
        return FAIL(ERR_TIMEOUT, "not read within the limit of %.3g seconds",
                    (double)c->limits.timeout_ms / 1e3);
    if (resident_bytes(c->pid) > c->limits.memory_bytes)
        return FAIL(ERR_LIMIT, "reading it takes more than the limit of %lld MiB of memory",
                    (long long)c->limits.memory_bytes >> 20);
    return ERR_OK;
}

/* ERR_GONE: the helper is no more. */
static int wait_for(struct extract_child *c, short events)
{
    for (;;) {
        struct pollfd p = {c->fd, events, 0};
        int n = poll(&p, 1, WATCH_MS);
        int rc = check_watch(c);

        if (rc < 0)
            return rc;
        if (n > 0)
            return ERR_OK;
        if (n < 0 && errno != EINTR)
            return FAIL(ERR_IO, "poll: %s", strerror(errno));
    }
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int send_all(struct extract_child *c, const void *p, size_t n)
{
    int rc;

    for (size_t at = 0; at < n;) {
        ssize_t put = send(c->fd, (const char *)p + at, n - at, MSG_NOSIGNAL);

        if (put > 0) {
            at += (size_t)put;
            continue;
        }
        if (put < 0 && !would_block())
            return ERR_GONE;
        rc = wait_for(c, POLLOUT);
        if (rc < 0)
            return rc;
    }
    return ERR_OK;
}

static int receive_all(void *arg, void *p, size_t n)
{
    struct extract_child *c = arg;
    int rc;

    for (size_t at = 0; at < n;) {
        ssize_t got = recv(c->fd, (char *)p + at, n - at, 0);

        if (got > 0) {
            at += (size_t)got;
            continue;
        }
        if (got == 0 || !would_block())
            return ERR_GONE;
        rc = wait_for(c, POLLIN);
        if (rc < 0)
            return rc;
    }
    return ERR_OK;
}

/* ---- one file ---- */

static int exchange(struct extract_child *c, enum file_kind kind, struct str bytes,
                    struct textout *out, bool *answered)
{
    int rc = ERR_OK;
    struct wire_request q = {
        .magic = WIRE_REQUEST_MAGIC,
        .kind = (uint32_t)kind,
        .n_body = bytes.n,
        .text_bytes = (uint64_t)c->limits.text_bytes,
        .memory_bytes = (uint64_t)c->limits.memory_bytes,
        .timeout_ms = (uint32_t)c->limits.timeout_ms,
    };
    struct extract_source from = {receive_all, c};

    TRY(start_child(c));
    c->deadline_ns = clock_ns() + (uint64_t)c->limits.timeout_ms * CLOCK_FACTOR * 1000000u;
    TRY(send_all(c, &q, sizeof(q)));
    TRY(send_all(c, bytes.p, bytes.n));
    TRY(extract_reply_read(&from, c->limits.text_bytes, out, answered));
out:
    return rc;
}

static int how_it_ended(const struct extract_child *c, int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return FAIL(ERR_TIMEOUT, "not read within the limit of %.3g seconds",
                    (double)c->limits.timeout_ms / 1e3);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 70) /* mem_alloc found no memory */
        return FAIL(ERR_LIMIT, "reading it takes more than the limit of %lld MiB of memory",
                    (long long)c->limits.memory_bytes >> 20);
    return FAIL(ERR_FORMAT,
                "its reader crashed: the file is damaged, hostile, or needs more than %lld MiB",
                (long long)c->limits.memory_bytes >> 20);
}

int extract_child_run(struct extract_child *c, enum file_kind kind, struct str bytes,
                      struct textout *out)
{
    bool reused = c->pid != 0;
    bool answered = false;
    int rc = exchange(c, kind, bytes, out, &answered);
    int status;

    if (answered || rc == ERR_UNAVAILABLE)
        return rc;
    status = end_child(c);
    if (rc != ERR_GONE)
        return rc;
    /* A helper that waited may have died for reasons of its own: the file gets a fresh one. */
    return reused ? extract_child_run(c, kind, bytes, out) : how_it_ended(c, status);
}
