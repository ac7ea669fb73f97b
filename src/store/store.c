#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/schema.h"
#include "store/store_parts.h"

static int reader_open(struct store_reader **out, const char *path)
{
    int rc = ERR_OK;
    struct store_reader *r = mem_calloc(1, sizeof *r);

    r->db = &r->own;
    TRY(db_open(&r->own, path, DB_READ));
    *out = r;
    r = NULL;
out:
    mem_free(r);
    return rc;
}

static void reader_close(struct store_reader *r)
{
    db_close(&r->own);
    mem_free(r);
}

/* SQLite would make the file readable for all; ours is for its owner. */
static int make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return FAIL(ERR_IO, "cannot open '%s': %s", path, strerror(errno));
    close(fd);
    return ERR_OK;
}

static int read_uuid(struct db *db, char out[37])
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    struct str uuid;

    TRY(db_stmt(db, "SELECT value FROM meta WHERE key = 'uuid'", &st));
    TRY(rc = db_step(db, st));
    uuid = rc > 0 ? db_str(st, 0, NULL) : STR_LIT("");
    rc = ERR_OK;
    if (uuid.n != 36) {
        rc = FAIL(ERR_DATABASE, "'%s' is damaged (it has no uuid)", db->path);
        goto out;
    }
    memcpy(out, uuid.p, 37);
out:
    db_reset(st);
    return rc;
}

static uint64_t size_of_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void store_load_get(struct store *s, struct store_load *out)
{
    struct buf wal = {0};

    buf_addf(&wal, "%s-wal", s->path);
    *out = (struct store_load){.bytes = size_of_file(s->path),
                               .wal_bytes = size_of_file(wal.p),
                               .writes_waiting = writer_waiting(s->writer)};
    buf_done(&wal);
}

int store_open(struct store **out, const char *data_dir)
{
    int rc = ERR_OK;
    struct store *s = mem_calloc(1, sizeof *s);
    struct db db = {0};
    struct buf path;

    pthread_mutex_init(&s->mu, NULL);
    pthread_cond_init(&s->given_back, NULL);
    buf_init(&path);
    buf_addf(&path, "%s/ragd.db", data_dir);
    s->path = buf_take(&path);
    TRY(file_make_dirs(data_dir));
    TRY(make_file(s->path));
    TRY(db_open(&db, s->path, DB_WRITE));
    TRY(schema_migrate(&db));
    TRY(read_uuid(&db, s->uuid));
    TRY(writer_new(&s->writer, &db));
    TRY(reader_open(&s->idle, s->path)); /* so that there is always one to wait for */
    s->n_readers = 1;
    *out = s;
    s = NULL;
out:
    db_close(&db);
    store_close(s);
    return rc;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    while (s->idle) {
        struct store_reader *r = s->idle;

        s->idle = r->next;
        s->n_readers--;
        reader_close(r);
    }
    CHECK(s->n_readers == 0); /* all were given back */
    writer_free(s->writer);
    pthread_mutex_destroy(&s->mu);
    pthread_cond_destroy(&s->given_back);
    mem_free(s->path);
    mem_free(s);
}

const char *store_uuid(const struct store *s)
{
    return s->uuid;
}

int store_write(struct store *s, store_write_fn fn, store_published_fn published, void *arg)
{
    return writer_run(s->writer, fn, published, arg);
}

static struct store_reader *take_idle_locked(struct store *s)
{
    struct store_reader *r = s->idle;

    if (r)
        s->idle = r->next;
    return r;
}

struct store_reader *store_reader_get(struct store *s)
{
    struct store_reader *r;
    bool may_open;

    pthread_mutex_lock(&s->mu);
    r = take_idle_locked(s);
    may_open = !r && s->n_readers < STORE_READERS_MAX;
    s->n_readers += may_open;
    pthread_mutex_unlock(&s->mu);
    if (r || (may_open && reader_open(&r, s->path) == ERR_OK))
        return r;

    /* Enough of them, or no more to be had (no file descriptors): wait for another's. */
    pthread_mutex_lock(&s->mu);
    s->n_readers -= may_open;
    while (!(r = take_idle_locked(s)))
        pthread_cond_wait(&s->given_back, &s->mu);
    pthread_mutex_unlock(&s->mu);
    return r;
}

void store_reader_put(struct store *s, struct store_reader *r)
{
    if (!r)
        return;
    CHECK(r->depth == 0); /* no read transaction outlives its user */
    pthread_mutex_lock(&s->mu);
    r->next = s->idle;
    s->idle = r;
    pthread_cond_signal(&s->given_back);
    pthread_mutex_unlock(&s->mu);
}
