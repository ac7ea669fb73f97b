#include "extract/pdftotext.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

#define SAID_MAX 4096

struct run {
    pid_t pid;
    int in, out[2], said[2]; /* memory file; pipes of standard output and error */
    struct buf words;        /* the beginning of what it said */
};

static int fill_memory_file(struct str pdf)
{
    int fd = memfd_create("pdf", MFD_CLOEXEC);

    for (size_t at = 0; fd >= 0 && at < pdf.n;) {
        ssize_t put = write(fd, pdf.p + at, pdf.n - at);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            close(fd);
            return -1;
        }
        at += (size_t)put;
    }
    return fd;
}

static void lower(int what, rlim_t value)
{
    struct rlimit r = {value, value};

    setrlimit(what, &r);
}

/* Between fork and exec: system calls only. */
static void become_pdftotext(const struct run *r, const struct pdftotext_limits *limits)
{
    static const char *const argv[] = {"pdftotext", "-layout", "-htmlmeta",  "-enc", "UTF-8",
                                       "-eol",      "unix",    "/dev/stdin", "-",    NULL};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(r->in, STDIN_FILENO);
    dup2(r->out[1], STDOUT_FILENO);
    dup2(r->said[1], STDERR_FILENO);
    lower(RLIMIT_AS, limits->memory_bytes);
    lower(RLIMIT_CPU, (limits->timeout_ms + 999) / 1000);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static int start(struct run *r, struct str pdf, const struct pdftotext_limits *limits)
{
    r->in = fill_memory_file(pdf);
    if (r->in < 0)
        return FAIL(ERR_LIMIT, "no memory for a PDF of %zu bytes", pdf.n);
    if (pipe2(r->out, O_CLOEXEC) < 0 || pipe2(r->said, O_CLOEXEC) < 0)
        return FAIL(ERR_IO, "pipe: %s", strerror(errno));
    r->pid = fork();
    if (r->pid < 0)
        return FAIL(ERR_IO, "fork: %s", strerror(errno));
    if (r->pid == 0)
        become_pdftotext(r, limits);
    close(r->out[1]);
    close(r->said[1]);
    r->out[1] = r->said[1] = -1;
    return ERR_OK;
}

/* Reads once; keeps at most `max` bytes and lets the rest go. False at the end. */
static bool take(int fd, struct buf *b, size_t max, bool *over)
{
    char piece[65536];
    ssize_t got = read(fd, piece, sizeof(piece));
    size_t n = got > 0 ? (size_t)got : 0;

    if (got < 0 && errno == EINTR)
        return true;
    if (n > max - b->n) {
        n = max - b->n;
        *over = true;
    }
    buf_add(b, piece, n);
    return got > 0;
}

static int collect(struct run *r, size_t max, struct buf *out)
{
    struct pollfd p[2] = {{r->out[0], POLLIN, 0}, {r->said[0], POLLIN, 0}};
    bool over = false, chatty = false;

    while (p[0].fd >= 0 || p[1].fd >= 0) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return FAIL(ERR_IO, "poll: %s", strerror(errno));
        if (p[0].fd >= 0 && p[0].revents && !take(p[0].fd, out, max, &over))
            p[0].fd = -1;
        if (p[1].fd >= 0 && p[1].revents && !take(p[1].fd, &r->words, SAID_MAX, &chatty))
            p[1].fd = -1;
        if (over)
            return FAIL(ERR_LIMIT, "its pages give more than the limit of %zu bytes of text", max);
    }
    return ERR_OK;
}

static int finish(struct run *r, bool give_up)
{
    int status = 0;

    if (r->pid > 0) {
        if (give_up)
            kill(r->pid, SIGKILL);
        while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    for (int i = 0; i < 2; i++) {
        if (r->out[i] >= 0)
            close(r->out[i]);
        if (r->said[i] >= 0)
            close(r->said[i]);
    }
    if (r->in >= 0)
        close(r->in);
    return status;
}

/* Its first complaint without "Syntax Error (123): ", which says nothing to a reader. */
static int damaged(const struct run *r)
{
    struct str said = str_trim(buf_view(&r->words));
    const char *lf = said.n ? memchr(said.p, '\n', said.n) : NULL;
    const char *colon;

    if (lf)
        said.n = (size_t)(lf - said.p);
    colon = said.n ? memmem(said.p, said.n, ": ", 2) : NULL;
    if (colon)
        said = str_sub(said, (size_t)(colon + 2 - said.p), said.n);
    if (said.n > 200)
        said.n = 200;
    if (said.n == 0)
        return FAIL(ERR_FORMAT, "damaged PDF");
    return FAIL(ERR_FORMAT, "damaged PDF: %.*s", STR_ARGS(said));
}

static int judge(const struct run *r, int status, const struct pdftotext_limits *limits)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return ERR_OK;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return FAIL(ERR_UNAVAILABLE, "PDF needs the program pdftotext (package poppler-utils)");
    if (r->words.n && strstr(r->words.p, "ncorrect password"))
        return FAIL(ERR_FORMAT, "password protected");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
        return FAIL(ERR_FORMAT, "its owner forbids taking text out of it");
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return FAIL(ERR_TIMEOUT, "not read within the limit of %.3g seconds",
                    limits->timeout_ms / 1e3);
    if (r->words.n && strcasestr(r->words.p, "out of memory"))
        return FAIL(ERR_LIMIT, "reading it takes more than the limit of %llu MiB of memory",
                    (unsigned long long)limits->memory_bytes >> 20);
    if (WIFSIGNALED(status))
        return FAIL(ERR_FORMAT,
                    "pdftotext crashed: the PDF is damaged, hostile, or needs more than %llu MiB",
                    (unsigned long long)limits->memory_bytes >> 20);
    return damaged(r);
}

int pdftotext_run(struct str pdf, const struct pdftotext_limits *limits, struct buf *out)
{
    struct run r = {.pid = 0, .in = -1, .out = {-1, -1}, .said = {-1, -1}};
    int rc, status;

    buf_init(&r.words);
    rc = start(&r, pdf, limits);
    if (rc == ERR_OK)
        rc = collect(&r, limits->output_bytes, out);
    status = finish(&r, rc < 0);
    if (rc == ERR_OK)
        rc = judge(&r, status, limits);
    buf_done(&r.words);
    return rc;
}
