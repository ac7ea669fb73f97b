#include "ingest/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "extract/extract.h"
#include "ingest/walk.h"

#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |            \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define EVENT_BYTES 65536

enum change { CHANGED_FILE = 1, CHANGED_FOLDER = 2 }; /* a folder: all that is in it */

struct folder {
    char *path; /* absolute, no links */
    bool root;  /* named by watch_add */
    bool deep;  /* false: only there for a file in it */
};

struct watch {
    int fd;
    struct map *folders;        /* watch descriptor -> struct folder */
    struct map *changed;        /* path -> enum change */
    bool everything;            /* has changed */
    uint64_t first_ns, last_ns; /* of the changes; 0: none */
    char *gone;                 /* a root that is no more */
    _Alignas(struct inotify_event) char events[EVENT_BYTES];
};

/* ---- what has changed ---- */

static void something_changed(struct watch *w)
{
    w->last_ns = clock_ns();
    if (!w->first_ns)
        w->first_ns = w->last_ns;
}

static void mark(struct watch *w, const char *path, enum change change)
{
    something_changed(w);
    if (map_count(w->changed) < WATCH_CHANGES_MAX)
        map_put(w->changed, path, strlen(path), change);
    else
        w->everything = true;
}

bool watch_changed(const struct watch *w, const char *path)
{
    uint64_t change = 0;

    if (w->everything || map_get(w->changed, path, strlen(path), &change))
        return true;
    for (const char *end = strrchr(path, '/'); end && end > path;
         end = memrchr(path, '/', (size_t)(end - path)))
        if (map_get(w->changed, path, (size_t)(end - path), &change) && change == CHANGED_FOLDER)
            return true;
    return false;
}

void watch_forget(struct watch *w)
{
    map_free(w->changed);
    w->changed = map_new();
    w->everything = false;
    w->first_ns = w->last_ns = 0;
}

/* ---- folders ---- */

static struct folder *folder_of(const struct watch *w, int wd)
{
    uint64_t at = 0;

    map_get(w->folders, &wd, sizeof wd, &at);
    return (struct folder *)(uintptr_t)at;
}

static void folder_free(struct folder *f)
{
    if (!f)
        return;
    mem_free(f->path);
    mem_free(f);
}

static void forget_folder(struct watch *w, int wd)
{
    folder_free(folder_of(w, wd));
    map_remove(w->folders, &wd, sizeof wd);
}

static int too_many(const char *path)
{
    char most[32] = "?";
    FILE *f = fopen("/proc/sys/fs/inotify/max_user_watches", "r");

    if (f && fgets(most, sizeof most, f))
        most[strcspn(most, "\n")] = '\0';
    if (f)
        fclose(f);
    return FAIL(ERR_LIMIT,
                "cannot watch '%s': this user may watch %s folders (the kernel's "
                "fs.inotify.max_user_watches; sysctl raises it)",
                path, most);
}

/* One folder, which may be watched already, here or where it was before it was moved. */
static int watch_folder(struct watch *w, const char *path, bool root, bool deep)
{
    int wd = inotify_add_watch(w->fd, path, EVENTS);
    struct folder *f;

    if (wd < 0)
        return errno == ENOSPC ? too_many(path)
                               : FAIL(ERR_IO, "cannot watch '%s': %s", path, strerror(errno));
    f = folder_of(w, wd);
    if (!f) {
        f = mem_calloc(1, sizeof *f);
        map_put(w->folders, &wd, sizeof wd, (uint64_t)(uintptr_t)f);
    }
    mem_free(f->path);
    f->path = mem_strdup(path);
    f->root |= root;
    f->deep |= deep;
    return ERR_OK;
}

static int watch_below(struct watch *w, const char *path, int depth);

/* Links to folders are not followed: what they lead to is read where it lies. */
static bool is_folder(int dir, const struct dirent *e)
{
    struct stat st;

    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    return fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int watch_children(struct watch *w, const char *path, int depth)
{
    int rc = ERR_OK;
    DIR *d = opendir(path);
    struct dirent *e;
    struct buf child;

    if (!d)
        return ERR_OK; /* the walk says why */
    buf_init(&child);
    while (rc == ERR_OK && (e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.' || !is_folder(dirfd(d), e))
            continue;
        buf_clear(&child);
        buf_addf(&child, "%s/%s", path, e->d_name);
        rc = watch_below(w, child.p, depth + 1);
    }
    buf_done(&child);
    closedir(d);
    return rc;
}

/* A folder that went away meanwhile, or may not be read, is left out: only the limit is an error.
 * Watched before it is read, so that what is made in it meanwhile is met at least once. */
static int watch_below(struct watch *w, const char *path, int depth)
{
    int rc = depth > WALK_DEPTH_MAX ? ERR_IO : watch_folder(w, path, false, true);

    if (rc == ERR_IO)
        return ERR_OK;
    return rc < 0 ? rc : watch_children(w, path, depth);
}

static int add_root(struct watch *w, const char *real, bool is_dir)
{
    int rc = ERR_OK;
    const char *slash = strrchr(real, '/');
    char *parent;

    if (is_dir) {
        TRY(watch_folder(w, real, true, true));
        return watch_children(w, real, 0);
    }
    parent = slash == real ? mem_strdup("/") : mem_strdup(real);
    if (slash != real)
        parent[slash - real] = '\0';
    rc = watch_folder(w, parent, true, false);
    mem_free(parent);
out:
    return rc;
}

/* A file is watched in its folder, because a new version may come by a rename. */
int watch_add(struct watch *w, const char *path)
{
    struct stat st;
    char *real = realpath(path, NULL);
    int rc;

    if (!real || stat(real, &st) < 0)
        rc = FAIL(errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "'%s': %s", path,
                  strerror(errno));
    else
        rc = add_root(w, real, S_ISDIR(st.st_mode));
    free(real);
    return rc;
}

size_t watch_count(const struct watch *w)
{
    return map_count(w->folders);
}

/* fn for every folder at or below `path`; NULL: all. */
static void each_folder(struct watch *w, const char *path,
                        void (*fn)(struct watch *, int, const struct folder *))
{
    struct map *all = map_new();
    const void *key;
    size_t at = 0, n, length = path ? strlen(path) : 0;
    uint64_t value;
    int wd;

    while (map_next(w->folders, &at, &key, &n, &value)) {
        const struct folder *f = (const struct folder *)(uintptr_t)value;

        if (!path || (strncmp(f->path, path, length) == 0 &&
                      (f->path[length] == '/' || f->path[length] == '\0')))
            map_put(all, key, n, value);
    }
    for (at = 0; map_next(all, &at, &key, &n, &value);) { /* fn changes w->folders */
        memcpy(&wd, key, sizeof wd);
        fn(w, wd, (const struct folder *)(uintptr_t)value);
    }
    map_free(all);
}

static void unwatch(struct watch *w, int wd, const struct folder *f)
{
    if (f->root) /* said by its own event */
        return;
    inotify_rm_watch(w->fd, wd);
    forget_folder(w, wd);
}

/* ---- events ---- */

static int folder_event(struct watch *w, const char *path, uint32_t mask)
{
    if (mask & IN_MOVED_FROM)
        each_folder(w, path, unwatch);
    mark(w, path, CHANGED_FOLDER);
    if (mask & (IN_CREATE | IN_MOVED_TO | IN_ATTRIB))
        return watch_below(w, path, 0);
    return ERR_OK;
}

/* What was just made is whole when it is closed; a link to what is there is whole at once. */
static bool is_unfinished(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

static int entry_event(struct watch *w, const struct folder *f, const struct inotify_event *e)
{
    int rc = ERR_OK;
    struct buf path;

    if (e->name[0] == '.' || (e->mask & IN_ISDIR ? !f->deep : kind_of(e->name) == KIND_UNKNOWN))
        return ERR_OK;
    buf_init(&path);
    buf_addf(&path, "%s/%s", f->path, e->name);
    if (e->mask & IN_ISDIR)
        rc = folder_event(w, path.p, e->mask);
    else if (!(e->mask & IN_CREATE) || !is_unfinished(path.p))
        mark(w, path.p, CHANGED_FILE);
    buf_done(&path);
    return rc;
}

static void watch_again(struct watch *w, int wd, const struct folder *f)
{
    (void)wd;
    if (f->root && f->deep)
        (void)watch_children(w, f->path, 0);
}

/* Which folders came meanwhile is not known either. */
static void overflowed(struct watch *w)
{
    w->everything = true;
    something_changed(w);
    each_folder(w, NULL, watch_again);
}

static int on_event(struct watch *w, const struct inotify_event *e)
{
    const struct folder *f = folder_of(w, e->wd);

    if (e->mask & IN_Q_OVERFLOW)
        overflowed(w);
    else if (e->mask & IN_IGNORED)
        forget_folder(w, e->wd);
    else if (f && e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
        if (f->root && !w->gone)
            w->gone = mem_strdup(f->path);
    } else if (f && e->len) {
        return entry_event(w, f, e);
    }
    return ERR_OK;
}

static int read_events(struct watch *w)
{
    int rc = ERR_OK;
    ssize_t n = read(w->fd, w->events, sizeof w->events);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return FAIL(ERR_IO, "inotify: %s", strerror(errno));
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(w->events + at);

        TRY(on_event(w, e));
        at += (ssize_t)(sizeof *e + e->len);
    }
out:
    return rc;
}

/* ---- waiting ---- */

static bool is_quiet(const struct watch *w)
{
    return w->first_ns && (clock_ms_since(w->last_ns) >= WATCH_QUIET_MS ||
                           clock_ms_since(w->first_ns) >= WATCH_LONGEST_MS);
}

int watch_wait(struct watch *w, int wait_ms)
{
    int rc = ERR_OK;
    uint64_t since = clock_ns();

    while (!w->gone && !is_quiet(w)) {
        struct pollfd p = {.fd = w->fd, .events = POLLIN};
        int left = wait_ms - (int)clock_ms_since(since);

        if (left <= 0)
            return 0;
        if (w->first_ns && left > WATCH_QUIET_MS / 4)
            left = WATCH_QUIET_MS / 4;
        if (poll(&p, 1, left) > 0)
            TRY(read_events(w));
    }
    if (w->gone)
        rc = FAIL(ERR_NOT_FOUND, "'%s' is not there any more, so it cannot be watched", w->gone);
    else
        rc = 1;
out:
    return rc;
}

/* ---- opening ---- */

int watch_open(struct watch **out)
{
    struct watch *w;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd < 0)
        return FAIL(errno == EMFILE ? ERR_LIMIT : ERR_IO, "cannot watch folders: %s%s",
                    strerror(errno),
                    errno == EMFILE ? " (the kernel's fs.inotify.max_user_instances)" : "");
    w = mem_calloc(1, sizeof *w);
    w->fd = fd;
    w->folders = map_new();
    w->changed = map_new();
    *out = w;
    return ERR_OK;
}

static void drop(struct watch *w, int wd, const struct folder *f)
{
    (void)f;
    forget_folder(w, wd);
}

void watch_close(struct watch *w)
{
    if (!w)
        return;
    each_folder(w, NULL, drop);
    map_free(w->folders);
    map_free(w->changed);
    mem_free(w->gone);
    close(w->fd);
    mem_free(w);
}
