#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

static int io_error(const char *what, const char *path)
{
    int code = errno == ENOENT ? ERR_NOT_FOUND : errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;

    return FAIL(code, "%s '%s': %s", what, path, strerror(errno));
}

int file_read(const char *path, size_t max, struct buf *out)
{
    int rc = ERR_OK;
    size_t start = out->n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return io_error("cannot open", path);
    for (;;) {
        buf_reserve(out, 64 << 10);
        got = read(fd, out->p + out->n, out->cap - out->n - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            rc = io_error("cannot read", path);
            goto out;
        }
        if (got == 0)
            break;
        out->n += (size_t)got;
        if (out->n - start > max) {
            rc = FAIL(ERR_LIMIT, "'%s' is larger than the limit of %zu bytes", path, max);
            goto out;
        }
    }
    out->p[out->n] = '\0';
out:
    if (rc < 0)
        buf_cut(out, start);
    close(fd);
    return rc;
}

/* The name is on disk only when its folder is. */
static int sync_folder_of(const char *path)
{
    int rc = ERR_OK, fd;
    char *copy = mem_strdup(path);
    const char *folder = dirname(copy);

    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        rc = io_error("cannot sync the folder", folder);
    if (fd >= 0)
        close(fd);
    mem_free(copy);
    return rc;
}

/* ---- writing ---- */

/* Small pieces are gathered, so that a piece costs no call. */
#define WRITER_BYTES   ((size_t)256 << 10)
#define RANDOM_LETTERS 6 /* of the name beside */

struct file_writer {
    char *path, *beside;
    int fd; /* -1: could not be made */
    uint64_t n_put;
    struct buf waiting;
    int rc; /* the first thing that failed ... */
    char reason[ERR_TEXT_MAX];
};

static void keep_error(struct file_writer *w, const char *what, const char *path)
{
    w->rc = io_error(what, path);
    snprintf(w->reason, sizeof w->reason, "%s", err_text());
}

static void write_out(struct file_writer *w, const char *p, size_t n)
{
    while (n && w->rc == ERR_OK) {
        ssize_t put = write(w->fd, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            keep_error(w, "cannot write", w->beside);
            break;
        }
        p += put;
        n -= (size_t)put;
    }
}

static void write_waiting(struct file_writer *w)
{
    write_out(w, w->waiting.p, w->waiting.n);
    buf_clear(&w->waiting);
}

/* mkostemp would do, but for the thread sanitizer: it does not see what that (or opendir) opens,
 * and takes the descriptor for the connection that had its number before, which libuv closed
 * unseen, too. */
static int open_beside(char *path, size_t n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    int fd;

    do {
        uint64_t r = clock_ns() ^ (uint64_t)gettid() << 40;

        for (size_t i = 1; i <= RANDOM_LETTERS; i++, r /= sizeof letters - 1)
            path[n - i] = letters[r % (sizeof letters - 1)];
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EEXIST);
    return fd;
}

struct file_writer *file_begin(const char *path)
{
    struct file_writer *w = mem_calloc(1, sizeof *w);
    struct buf beside;

    buf_init(&beside);
    buf_addf(&beside, "%s.XXXXXX", path); /* two threads may write the same path */
    w->path = mem_strdup(path);
    w->beside = mem_strdup(beside.p);
    w->fd = open_beside(w->beside, beside.n);
    if (w->fd < 0)
        keep_error(w, "cannot create a file beside", path);
    buf_done(&beside);
    buf_init(&w->waiting);
    return w;
}

void file_put(struct file_writer *w, const void *p, size_t n)
{
    w->n_put += n;
    if (w->waiting.n + n > WRITER_BYTES)
        write_waiting(w);
    if (n > WRITER_BYTES)
        write_out(w, p, n);
    else
        buf_add(&w->waiting, p, n);
}

void file_put_at(struct file_writer *w, uint64_t at, const void *p, size_t n)
{
    CHECK(at + n <= w->n_put);
    write_waiting(w);
    if (w->rc == ERR_OK && pwrite(w->fd, p, n, (off_t)at) != (ssize_t)n)
        keep_error(w, "cannot write", w->beside);
}

uint64_t file_put_bytes(const struct file_writer *w)
{
    return w->n_put;
}

static void writer_done(struct file_writer *w)
{
    buf_done(&w->waiting);
    mem_free(w->path);
    mem_free(w->beside);
    mem_free(w);
}

int file_commit(struct file_writer *w)
{
    int rc;

    write_waiting(w);
    if (w->rc == ERR_OK && fsync(w->fd) < 0)
        keep_error(w, "cannot write", w->beside);
    if (w->fd >= 0 && close(w->fd) < 0 && w->rc == ERR_OK)
        keep_error(w, "cannot write", w->beside);
    if (w->rc == ERR_OK && rename(w->beside, w->path) < 0)
        keep_error(w, "cannot replace", w->path);
    if (w->rc < 0 && w->fd >= 0)
        unlink(w->beside);
    rc = w->rc < 0 ? FAIL(w->rc, "%s", w->reason) : sync_folder_of(w->path);
    writer_done(w);
    return rc;
}

void file_abandon(struct file_writer *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        unlink(w->beside);
    }
    writer_done(w);
}

int file_write_atomic(const char *path, const void *p, size_t n)
{
    struct file_writer *w = file_begin(path);

    file_put(w, p, n);
    return file_commit(w);
}

int file_make_dirs(const char *path)
{
    int rc = ERR_OK;
    struct stat st;
    struct buf b;

    buf_init(&b);
    buf_add_str(&b, path);
    for (size_t i = 1; i <= b.n; i++) {
        char kept = b.p[i];

        if (kept != '/' && kept != '\0')
            continue;
        b.p[i] = '\0';
        if (mkdir(b.p, 0700) < 0 && errno != EEXIST) {
            rc = io_error("cannot make the folder", b.p);
            goto out;
        }
        b.p[i] = kept;
    }
    if (b.n && (stat(b.p, &st) < 0 || !S_ISDIR(st.st_mode)))
        rc = FAIL(ERR_IO, "'%s' is not a folder", path);
out:
    buf_done(&b);
    return rc;
}

int file_map_open(struct file_map *out, const char *path)
{
    int rc = ERR_OK;
    struct stat st;
    void *p;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return io_error("cannot open", path);
    if (fstat(fd, &st) < 0) {
        rc = io_error("cannot read", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        rc = FAIL(ERR_FORMAT, "'%s' is %s", path, st.st_size ? "not a plain file" : "empty");
        goto out;
    }
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        rc = io_error("cannot map", path);
        goto out;
    }
    *out = (struct file_map){p, (size_t)st.st_size};
out:
    close(fd);
    return rc;
}

void file_map_close(struct file_map *m)
{
    if (m->p)
        munmap((void *)(uintptr_t)m->p, m->n);
    *m = (struct file_map){0};
}

static _Thread_local uint64_t tree_bytes; /* nftw has no argument for its callback */

static int add_size(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)path;
    (void)ftw;
    if (type == FTW_F)
        tree_bytes += (uint64_t)st->st_size;
    return 0;
}

uint64_t file_tree_bytes(const char *path)
{
    tree_bytes = 0;
    nftw(path, add_size, 16, FTW_PHYS);
    return tree_bytes;
}
