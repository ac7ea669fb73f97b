#include "store/writer.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/store_parts.h"

#define GROUP_MAX       64   /* jobs that share a commit; bounds what one failure takes along */
#define WAL_PAGES_LONG  2048 /* 16 MiB: copy the log into the database, readers permitting */
#define WAL_PAGES_BOUND 8192 /* 64 MiB: wait for readers to leave the log */
#define BOUND_WAIT_MS   500
#define IDLE_MS         200
#define ERASED_MS       400 /* deleted text stays in the log so long, however much is written */
#define ERASED_WAIT_MS  100 /* for readers to leave it */

struct job {
    store_write_fn fn;
    store_published_fn published;
    void *arg;
    int rc;
    char reason[ERR_TEXT_MAX];
    bool done;
    pthread_cond_t finished;
    struct job *next;
};

struct writer {
    struct db db;
    struct store_tx tx;
    int wal_pages;     /* writer's thread only; -1: unknown, the log may hold something */
    uint64_t empty_ns; /* likewise: when the log should be empty; 0: any time */
    pthread_t thread;
    pthread_mutex_t mu; /* guards the fields below, and every job's rc, reason and done */
    pthread_cond_t wake;
    struct job *first, **last;
    bool closing;
};

static void job_fail(struct job *j, int rc)
{
    j->rc = rc;
    memcpy(j->reason, err_text(), strlen(err_text()) + 1);
}

/* One fn in its own savepoint. */
static void run_job(struct writer *w, struct job *j)
{
    int rc = ERR_OK;

    TRY(db_exec(&w->db, "SAVEPOINT job"));
    w->tx.loosened = false;
    TRY(j->fn(&w->tx, j->arg));
    TRY(store_tx_finish(&w->tx));
    TRY(db_exec(&w->db, "RELEASE job"));
    j->rc = ERR_OK;
out:
    if (rc < 0) {
        job_fail(j, rc);
        if (!sqlite3_get_autocommit(w->db.handle))
            sqlite3_exec(w->db.handle, "ROLLBACK TO job; RELEASE job", NULL, NULL, NULL);
    }
}

static void fail_all(struct job *group, int rc)
{
    for (struct job *j = group; j; j = j->next)
        if (j->rc == ERR_OK)
            job_fail(j, rc);
}

static int run_group(struct writer *w, struct job *group)
{
    int rc = ERR_OK;

    TRY(db_exec(&w->db, "BEGIN IMMEDIATE"));
    for (struct job *j = group; j; j = j->next) {
        run_job(w, j);
        /* After some errors (no space, no memory, I/O) SQLite itself rolls everything back. */
        if (sqlite3_get_autocommit(w->db.handle))
            return FAIL(j->rc < 0 ? j->rc : ERR_DATABASE, "%s", j->reason);
    }
    TRY(db_exec(&w->db, "COMMIT"));
out:
    if (rc < 0 && !sqlite3_get_autocommit(w->db.handle))
        sqlite3_exec(w->db.handle, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

static void publish(struct job *group)
{
    for (struct job *j = group; j; j = j->next)
        if (j->rc == ERR_OK && j->published)
            j->published(j->arg);
}

static void let_go(struct writer *w, struct job *group)
{
    pthread_mutex_lock(&w->mu);
    while (group) {
        struct job *next = group->next; /* the caller's stack, gone once it wakes */

        group->done = true;
        pthread_cond_signal(&group->finished);
        group = next;
    }
    pthread_mutex_unlock(&w->mu);
}

/* A checkpoint that fails (disk full, a reader in the way) loses nothing: the log stays and the
 * next one tries again. */
static void checkpoint(struct writer *w, int mode, int wait_ms)
{
    int left = -1;

    sqlite3_busy_timeout(w->db.handle, wait_ms);
    if (sqlite3_wal_checkpoint_v2(w->db.handle, "main", mode, &left, NULL) == SQLITE_OK &&
        mode == SQLITE_CHECKPOINT_TRUNCATE) {
        w->wal_pages = 0;
        w->empty_ns = 0;
    }
    sqlite3_busy_timeout(w->db.handle, DB_BUSY_MS);
}

static uint64_t erased_until(void)
{
    return clock_ns() + (uint64_t)ERASED_MS * 1000000;
}

/* Those who write all the time leave no idle moment to empty the log in. */
static void empty_in_time(struct writer *w)
{
    if (w->db.erased && !w->empty_ns)
        w->empty_ns = erased_until();
    w->db.erased = false;
    if (!w->empty_ns || clock_ns() < w->empty_ns)
        return;
    checkpoint(w, SQLITE_CHECKPOINT_TRUNCATE, ERASED_WAIT_MS);
    if (w->empty_ns)
        w->empty_ns = erased_until();
}

static void bound_log(struct writer *w)
{
    empty_in_time(w);
    if (w->wal_pages > WAL_PAGES_BOUND)
        checkpoint(w, SQLITE_CHECKPOINT_TRUNCATE, BOUND_WAIT_MS);
    else if (w->wal_pages > WAL_PAGES_LONG)
        checkpoint(w, SQLITE_CHECKPOINT_PASSIVE, 0);
}

static int on_commit(void *arg, sqlite3 *handle, const char *name, int pages)
{
    struct writer *w = arg;

    (void)handle;
    (void)name;
    w->wal_pages = pages;
    return SQLITE_OK;
}

/* True when there is work or the end has come; false after IDLE_MS of neither. */
static bool wait_for_work_locked(struct writer *w)
{
    struct timespec until = clock_until(IDLE_MS);

    while (!w->first && !w->closing) {
        if (w->wal_pages == 0)
            pthread_cond_wait(&w->wake, &w->mu); /* nothing to tidy: sleep until called */
        else if (pthread_cond_timedwait(&w->wake, &w->mu, &until) == ETIMEDOUT)
            return w->first || w->closing;
    }
    return true;
}

static struct job *take_group_locked(struct writer *w)
{
    struct job *group = w->first, *j = group;

    for (int n = 1; j && j->next && n < GROUP_MAX; n++)
        j = j->next;
    if (!j)
        return NULL;
    w->first = j->next;
    if (!w->first)
        w->last = &w->first;
    j->next = NULL;
    return group;
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    bool closing = false;

    while (!closing) {
        struct job *group;
        bool idle;
        int rc;

        pthread_mutex_lock(&w->mu);
        idle = !wait_for_work_locked(w);
        group = take_group_locked(w);
        closing = w->closing && !group;
        pthread_mutex_unlock(&w->mu);
        if (idle)
            checkpoint(w, SQLITE_CHECKPOINT_TRUNCATE, 0);
        if (!group)
            continue;
        rc = run_group(w, group);
        if (rc < 0)
            fail_all(group, rc);
        else
            publish(group);
        let_go(w, group);
        bound_log(w);
    }
    return NULL;
}

static void add_locked(struct writer *w, struct job *j)
{
    *w->last = j;
    w->last = &j->next;
    pthread_cond_signal(&w->wake);
}

/* The job lives on the caller's stack, which stays put until the writer is done with it. */
int writer_run(struct writer *w, store_write_fn fn, store_published_fn published, void *arg)
{
    struct job j = {.fn = fn, .published = published, .arg = arg};

    CHECK(!pthread_equal(pthread_self(), w->thread)); /* it would wait for itself */
    pthread_cond_init(&j.finished, NULL);
    pthread_mutex_lock(&w->mu);
    CHECK(!w->closing);
    add_locked(w, &j);
    while (!j.done)
        pthread_cond_wait(&j.finished, &w->mu);
    pthread_mutex_unlock(&w->mu);
    pthread_cond_destroy(&j.finished);
    return j.rc < 0 ? FAIL(j.rc, "%s", j.reason) : ERR_OK;
}

int writer_new(struct writer **out, struct db *taken)
{
    int rc = ERR_OK;
    struct writer *w;
    pthread_condattr_t monotonic;

    TRY(db_exec(taken, "CREATE TEMP TABLE loose (text_hash BLOB NOT NULL)"));
    w = mem_calloc(1, sizeof *w);
    w->db = *taken;
    *taken = (struct db){0};
    w->tx = (struct store_tx){.db = &w->db, .reader = {.db = &w->db, .depth = 1}};
    w->tx.zstd = ZSTD_createCCtx();
    mem_must_have(w->tx.zstd != NULL, "a compressor");
    w->wal_pages = -1;
    w->last = &w->first;
    sqlite3_wal_hook(w->db.handle, on_commit, w);
    pthread_mutex_init(&w->mu, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    thread_start(&w->thread, "writer", writer_main, w);
    *out = w;
out:
    return rc;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mu);
    w->closing = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->mu);
    pthread_join(w->thread, NULL);
    ZSTD_freeCCtx(w->tx.zstd);
    db_close(&w->db); /* the last connection: SQLite empties the log and removes it */
    pthread_mutex_destroy(&w->mu);
    pthread_cond_destroy(&w->wake);
    mem_free(w);
}

size_t writer_waiting(struct writer *w)
{
    size_t n = 0;

    pthread_mutex_lock(&w->mu);
    for (const struct job *j = w->first; j; j = j->next)
        n++;
    pthread_mutex_unlock(&w->mu);
    return n;
}
