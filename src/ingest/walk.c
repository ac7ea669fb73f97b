#include "ingest/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"

#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

struct walk {
    char *root;  /* absolute */
    char *shown; /* as given */
    int fd;      /* the root folder; -1 for a single file, of which there may be thousands */
    bool folder;
    bool whole;
    struct walk_file *v;
    size_t n, cap;
};

/* ---- opening below the root ---- */

/* For kernels and sandboxes without openat2: one name at a time, no links at all. */
static int open_step_by_step(int root, const char *rel, int flags)
{
    char name[NAME_MAX + 1];
    int fd = root, next;

    for (;;) {
        size_t n = strcspn(rel, "/");

        if (n > NAME_MAX || (n == 2 && rel[0] == '.' && rel[1] == '.')) {
            errno = n > NAME_MAX ? ENAMETOOLONG : EXDEV;
            next = -1;
        } else {
            memcpy(name, rel, n);
            name[n] = '\0';
            next = openat(fd, name, (rel[n] ? O_PATH | O_CLOEXEC : flags) | O_NOFOLLOW);
        }
        if (fd != root)
            close(fd);
        if (next < 0 || rel[n] == '\0')
            return next;
        fd = next;
        rel += n + 1;
    }
}

/* A file descriptor, or -1 with errno. Nothing outside the root is ever opened. */
static int open_beneath(int root, const char *rel, int flags)
{
    struct open_how how = {.flags = (uint64_t)flags,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = -1, tries = 0;

    do /* EAGAIN: somebody renamed a folder on the way */
        fd = (int)syscall(SYS_openat2, root, rel, &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < 100);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return open_step_by_step(root, rel, flags);
    return fd;
}

static const char *open_reason(int error)
{
    switch (error) {
    case EXDEV: return "a link that leads out of the folder";
    case ELOOP: return "a link that leads in a circle";
    case ENOENT: return "a link to nothing, or gone while we looked";
    default: return strerror(error);
    }
}

/* ---- the list ---- */

static struct walk_file *add(struct walk *w, const char *rel, enum walk_fate fate,
                             const char *reason)
{
    struct walk_file *f;
    struct buf shown;

    w->v = mem_grow(w->v, &w->cap, w->n + 1, sizeof *w->v);
    f = &w->v[w->n++];
    buf_init(&shown);
    buf_add_str(&shown, w->shown);
    if (w->folder && *rel) {
        if (shown.n && shown.p[shown.n - 1] != '/')
            buf_add_char(&shown, '/');
        buf_add_str(&shown, rel);
    }
    *f = (struct walk_file){.key = mem_strdup(rel),
                            .shown = buf_take(&shown),
                            .fate = fate,
                            .kind = kind_of(rel),
                            .reason = reason ? mem_strdup(reason) : NULL};
    return f;
}

static const char *special_name(mode_t mode)
{
    if (S_ISFIFO(mode))
        return "a named pipe, not a file";
    if (S_ISSOCK(mode))
        return "a socket, not a file";
    return "a device, not a file";
}

/* `st` is of the file itself, links followed inside the root. */
static struct walk_file *add_file(struct walk *w, const char *rel, const struct stat *st)
{
    if (kind_of(rel) == KIND_UNKNOWN)
        return add(w, rel, WALK_SKIP, UNKNOWN_KIND_REASON);
    if (!S_ISREG(st->st_mode))
        return add(w, rel, WALK_REFUSE, special_name(st->st_mode));
    if (!utf8_valid(rel, strlen(rel)))
        return add(w, rel, WALK_REFUSE, "its name is not UTF-8");
    return add(w, rel, WALK_READ, NULL);
}

/* ---- folders ---- */

static int walk_folder(struct walk *w, const char *rel, int depth);

static void add_link(struct walk *w, const char *rel)
{
    struct stat st;
    int fd = open_beneath(w->fd, rel, O_PATH | O_CLOEXEC);

    if (fd < 0) {
        add(w, rel, WALK_REFUSE, open_reason(errno));
        return;
    }
    if (fstat(fd, &st) < 0)
        add(w, rel, WALK_REFUSE, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        add(w, rel, WALK_SKIP, "a link to a folder; what it holds is read where it lies");
    else
        add_file(w, rel, &st)->link = true;
    close(fd);
}

static int add_entry(struct walk *w, int dir, const char *name, const char *rel, int depth)
{
    struct stat st;

    if (w->n >= WALK_FILES_MAX)
        return FAIL(ERR_LIMIT, "'%s' holds more than %d files", w->shown, WALK_FILES_MAX);
    if (name[0] == '.')
        add(w, rel, WALK_SKIP, "hidden");
    else if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        add(w, rel, WALK_REFUSE, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        return walk_folder(w, rel, depth + 1);
    else if (S_ISLNK(st.st_mode))
        add_link(w, rel);
    else
        add_file(w, rel, &st);
    return ERR_OK;
}

/* rel "" is the root itself. */
static int walk_folder(struct walk *w, const char *rel, int depth)
{
    int rc = ERR_OK;
    int fd = depth > WALK_DEPTH_MAX
                 ? -1
                 : open_beneath(w->fd, *rel ? rel : ".", READ_FLAGS | O_DIRECTORY);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    struct buf path;

    if (!d) {
        w->whole = false;
        add(w, rel, WALK_REFUSE,
            depth > WALK_DEPTH_MAX ? "folders nested too deep (limit 64)" : strerror(errno));
        if (fd >= 0)
            close(fd);
        return ERR_OK;
    }
    buf_init(&path);
    while (rc == ERR_OK && (errno = 0, e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        buf_clear(&path);
        if (*rel)
            buf_addf(&path, "%s/", rel);
        buf_add_str(&path, e->d_name);
        rc = add_entry(w, dirfd(d), e->d_name, path.p, depth);
    }
    if (rc == ERR_OK && errno) {
        w->whole = false;
        add(w, rel, WALK_REFUSE, strerror(errno));
    }
    buf_done(&path);
    closedir(d);
    return rc;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct walk_file *)a)->key, ((const struct walk_file *)b)->key);
}

/* ---- one file ---- */

/* The folder a path lies in, and its last name. */
static char *split_path(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    char *dir;

    *name = slash ? slash + 1 : path;
    if (!slash)
        return mem_strdup(".");
    if (slash == path)
        return mem_strdup("/");
    dir = mem_strdup(path);
    dir[slash - path] = '\0';
    return dir;
}

static int open_single(struct walk *w, const char *path, const struct stat *st)
{
    const char *name;
    char *dir = split_path(path, &name);

    w->root = realpath(dir, NULL);
    mem_free(dir);
    if (!w->root)
        return FAIL(ERR_IO, "'%s': %s", path, strerror(errno));
    add_file(w, name, st);
    return ERR_OK;
}

int walk_open_gone(struct walk **out, const char *path)
{
    char *bare = mem_strdup(path), *dir, *real;
    const char *name;
    size_t n = strlen(bare);
    struct walk *w;

    while (n > 1 && bare[n - 1] == '/')
        bare[--n] = '\0';
    dir = split_path(bare, &name);
    real = realpath(dir, NULL);
    if (!real) {
        int rc = FAIL(ERR_NOT_FOUND, "'%s': %s", path, strerror(errno));

        mem_free(dir);
        mem_free(bare);
        return rc;
    }
    w = mem_calloc(1, sizeof *w);
    w->fd = -1;
    w->folder = w->whole = true;
    w->shown = mem_strdup(path);
    w->root = mem_alloc(strlen(real) + strlen(name) + 2);
    sprintf(w->root, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
    free(real);
    mem_free(dir);
    mem_free(bare);
    *out = w;
    return ERR_OK;
}

int walk_open(struct walk **out, const char *path)
{
    int rc = ERR_OK;
    struct walk *w = mem_calloc(1, sizeof *w);
    struct stat st;

    w->fd = -1;
    w->whole = true;
    w->shown = mem_strdup(path);
    if (stat(path, &st) < 0) {
        rc = FAIL(errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "'%s': %s", path,
                  strerror(errno));
        goto out;
    }
    w->folder = S_ISDIR(st.st_mode);
    if (!w->folder) {
        TRY(open_single(w, path, &st));
    } else {
        w->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        w->root = realpath(path, NULL);
        if (w->fd < 0 || !w->root) {
            rc = FAIL(ERR_IO, "folder '%s': %s", path, strerror(errno));
            goto out;
        }
        TRY(walk_folder(w, "", 0));
        if (w->n)
            qsort(w->v, w->n, sizeof *w->v, by_key);
    }
    *out = w;
    w = NULL; /* handed over */
out:
    walk_close(w);
    return rc;
}

void walk_close(struct walk *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n; i++) {
        mem_free(w->v[i].key);
        mem_free(w->v[i].shown);
        mem_free(w->v[i].reason);
    }
    mem_free(w->v);
    mem_free(w->shown);
    free(w->root);
    if (w->fd >= 0)
        close(w->fd);
    mem_free(w);
}

const char *walk_root(const struct walk *w)
{
    return w->root;
}

bool walk_is_folder(const struct walk *w)
{
    return w->folder;
}

bool walk_is_whole(const struct walk *w)
{
    return w->whole;
}

size_t walk_count(const struct walk *w)
{
    return w->n;
}

const struct walk_file *walk_at(const struct walk *w, size_t i)
{
    CHECK(i < w->n);
    return &w->v[i];
}

bool walk_holds_records(const struct walk_file *f)
{
    return f->kind == KIND_JSON || f->kind == KIND_JSONL || f->kind == KIND_CSV;
}

/* ---- reading ---- */

static int read_all(int fd, const struct stat *st, size_t max, struct buf *out)
{
    if ((uint64_t)st->st_size > max)
        return FAIL(ERR_LIMIT, "%lld bytes are over the limit of %zu bytes a file",
                    (long long)st->st_size, max);
    for (;;) {
        ssize_t n;

        buf_reserve(out, (size_t)st->st_size > out->n ? (size_t)st->st_size - out->n + 1 : 65536);
        n = read(fd, out->p + out->n, out->cap - out->n - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FAIL(ERR_IO, "%s", strerror(errno));
        if (n == 0)
            return ERR_OK;
        out->n += (size_t)n;
        out->p[out->n] = '\0';
        if (out->n > max)
            return FAIL(ERR_LIMIT, "grew over the limit of %zu bytes a file", max);
    }
}

int walk_read(const struct walk *w, const struct walk_file *f, size_t max, struct buf *out)
{
    /* A single file was named by the user, links included; in a folder we follow none out. */
    int fd = w->folder ? open_beneath(w->fd, f->key, READ_FLAGS) : open(w->shown, READ_FLAGS);
    struct stat st;
    int rc;

    if (fd < 0)
        return FAIL(ERR_IO, "%s", open_reason(errno));
    if (fstat(fd, &st) < 0)
        rc = FAIL(ERR_IO, "%s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        rc = FAIL(ERR_IO, "%s", special_name(st.st_mode));
    else
        rc = read_all(fd, &st, max, out);
    close(fd);
    return rc;
}
