/* A copy while others read and write. VACUUM INTO reads one snapshot and writes a compact file
 * without a log beside it; a damaged page makes it fail instead of being copied. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/store_parts.h"

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) < 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    return failed ? FAIL(failed == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot sync '%s': %s", path,
                         strerror(failed))
                  : ERR_OK;
}

static int sync_folder_of(const char *file)
{
    char *copy = mem_strdup(file);
    int rc = sync_path(dirname(copy), O_RDONLY | O_DIRECTORY);

    mem_free(copy);
    return rc;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat sa, sb;

    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

static int vacuum_into(struct store *s, const char *file)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct store_reader *r = store_reader_get(s);

    TRY(db_stmt(r->db, "VACUUM INTO ?1", &st));
    db_bind_str(st, 1, str_of(file));
    TRY(db_run(r->db, st));
out:
    store_reader_put(s, r);
    return rc;
}

int store_backup(struct store *s, const char *file)
{
    int rc = ERR_OK, fd;
    struct buf tmp;

    if (is_same_file(file, s->path))
        return FAIL(ERR_ARGUMENT, "'%s' is the database itself; name another file", file);
    buf_init(&tmp);
    buf_addf(&tmp, "%s.XXXXXX", file);
    fd = mkostemp(tmp.p, O_CLOEXEC); /* readable for its owner alone from the start */
    if (fd < 0) {
        rc = FAIL(ERR_IO, "cannot create a file beside '%s': %s", file, strerror(errno));
        buf_done(&tmp);
        return rc;
    }
    close(fd);
    if ((rc = vacuum_into(s, tmp.p)) < 0) {
        err_context(rc, "backup to '%s'", file);
        goto out;
    }
    TRY(sync_path(tmp.p, O_RDONLY));
    if (rename(tmp.p, file) < 0) {
        rc = FAIL(ERR_IO, "cannot rename '%s' to '%s': %s", tmp.p, file, strerror(errno));
        goto out;
    }
    rc = sync_folder_of(file);
out:
    if (rc < 0)
        unlink(tmp.p);
    buf_done(&tmp);
    return rc;
}
