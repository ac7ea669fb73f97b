#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

struct folder_lock {
    int fd;
};

/* The file stays when the lock is given up: removing it would let two processes each lock a file
 * of that name, one of them already unlinked. */
static int refused(int fd, const char *data_dir)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;

    if (pid <= 0)
        return FAIL(ERR_BUSY, "'%s' is in use by another process", data_dir);
    if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
        return FAIL(ERR_BUSY,
                    "'%s' was in use by process %ld, which is gone, but a child of it still "
                    "runs; end that first",
                    data_dir, pid);
    return FAIL(ERR_BUSY, "'%s' is in use by process %ld; stop it, or use another folder", data_dir,
                pid);
}

static int note_pid(int fd, const char *path)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());

    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return FAIL(errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot write '%s': %s", path,
                    strerror(errno));
    return ERR_OK;
}

int folder_lock_take(struct folder_lock **out, const char *data_dir)
{
    int rc = ERR_OK, fd = -1;
    struct buf path;

    buf_init(&path);
    buf_addf(&path, "%s/lock", data_dir);
    TRY(file_make_dirs(data_dir));
    fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        rc = FAIL(ERR_IO, "cannot open '%s': %s", path.p, strerror(errno));
        goto out;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        rc = errno == EWOULDBLOCK ? refused(fd, data_dir)
                                  : FAIL(ERR_IO, "cannot lock '%s': %s", path.p, strerror(errno));
        goto out;
    }
    TRY(note_pid(fd, path.p));
    *out = mem_alloc(sizeof **out);
    (*out)->fd = fd;
    fd = -1;
out:
    if (fd >= 0)
        close(fd);
    buf_done(&path);
    return rc;
}

/* By close, not LOCK_UN: that would free the lock for all who share the descriptor, so a forked
 * child that tidies up would take it from its parent. */
void folder_lock_release(struct folder_lock *l)
{
    if (!l)
        return;
    close(l->fd);
    mem_free(l);
}
