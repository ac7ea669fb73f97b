/* Kill -9 at random moments: what was acknowledged is there, whole, and nothing is half there.
 *
 * A child puts, replaces and deletes documents from two threads and tells through a pipe what it
 * is about to do and what the store has acknowledged. After each kill a document must be in the
 * state that was acknowledged last, or in that of the one change its thread had not heard of yet.
 *
 * RAGD_CRASH_CYCLES and RAGD_CRASH_SEED change how often and which. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "unit/store/store_fixture.h"

#define N_THREADS 2
#define N_KEYS    40 /* a thread */
#define GONE      0u /* version of a document that is not there */

struct note {
    unsigned char acknowledged, thread;
    unsigned short key;
    unsigned version;
};

struct state {
    unsigned version;
    bool under_way;
    unsigned next; /* the version under way */
};

struct worker {
    struct fixture *f;
    unsigned thread, seed, first_version;
    int pipe;
};

static unsigned n_chunks_of(unsigned version)
{
    return 1 + version % 7;
}

static void key_of(char out[32], unsigned thread, unsigned key)
{
    snprintf(out, 32, "t%u/k%u.md", thread, key);
}

static struct fix_document make(struct fixture *f, unsigned thread, unsigned key, unsigned version)
{
    char name[32];

    key_of(name, thread, key);
    return fix_document(f, name, n_chunks_of(version), version * 2 + thread, version);
}

static void say(int fd, struct note n)
{
    if (write(fd, &n, sizeof n) != sizeof n)
        _exit(3);
}

static void change(struct worker *w, struct fixture *mine, unsigned key, unsigned version)
{
    struct note n = {0, (unsigned char)w->thread, (unsigned short)key, version};
    char name[32];
    int rc;

    say(w->pipe, n);
    if (version == GONE) {
        struct store_reader *r = store_reader_get(mine->store);
        struct document_row row;

        key_of(name, w->thread, key);
        rc = store_find_document(r, mine->collection, str_of(name), false, mine->mem, &row);
        store_reader_put(mine->store, r);
        if (rc == ERR_OK)
            rc = fix_delete(mine, row.id);
        else if (rc == ERR_NOT_FOUND)
            rc = ERR_OK;
    } else {
        struct fix_document d = make(mine, w->thread, key, version);

        rc = fix_put(mine, &d);
    }
    if (rc < 0)
        _exit(4);
    n.acknowledged = 1;
    say(w->pipe, n);
    arena_reset(mine->mem);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct fixture mine = *w->f;

    mine.mem = arena_new(0);
    for (unsigned v = w->first_version;; v++) {
        unsigned key = (unsigned)rand_r(&w->seed) % N_KEYS;

        change(w, &mine, key, rand_r(&w->seed) % 5 ? v : GONE);
    }
    return NULL;
}

static void child(struct fixture *f, int pipe, unsigned seed, unsigned first_version)
{
    static struct worker workers[N_THREADS];
    pthread_t threads[N_THREADS];

    if (store_open(&f->store, f->dir) < 0 ||
        store_write(f->store, fix_make_collection, NULL, &f->collection) < 0)
        _exit(5);
    for (unsigned i = 0; i < N_THREADS; i++) {
        workers[i] = (struct worker){f, i, seed + i, first_version, pipe};
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    pthread_join(threads[0], NULL);
    _exit(6);
}

/* Lets a child work for a random while, kills it, and follows its notes. The while begins with the
 * child's first note, but for one cycle in four, which may end it before it is open: on a busy
 * machine it would seldom come further. */
static unsigned run_and_kill(struct fixture *f, struct state states[N_THREADS][N_KEYS],
                             unsigned *seed, unsigned first_version, unsigned *n_done)
{
    int fds[2], status;
    struct note n;
    unsigned last = first_version, n_acknowledged = 0, wait_us;
    pid_t pid;

    cr_assert_eq(pipe(fds), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        close(fds[0]);
        child(f, fds[1], (unsigned)rand_r(seed), first_version);
    }
    close(fds[1]);
    wait_us = 2000 + (unsigned)rand_r(seed) % 60000;
    if (rand_r(seed) % 4)
        poll(&(struct pollfd){.fd = fds[0], .events = POLLIN}, 1, -1);
    nanosleep(&(struct timespec){.tv_nsec = wait_us * 1000L}, NULL);
    kill(pid, SIGKILL);
    while (read(fds[0], &n, sizeof n) == sizeof n) {
        struct state *s = &states[n.thread][n.key];

        s->under_way = !n.acknowledged;
        s->next = n.version;
        if (n.acknowledged)
            s->version = n.version;
        if (n.version > last)
            last = n.version;
        n_acknowledged += n.acknowledged;
    }
    close(fds[0]);
    waitpid(pid, &status, 0);
    cr_expect(WIFSIGNALED(status), "the child gave up by itself with %d", WEXITSTATUS(status));
    cr_log_info("%u acknowledged in %u us", n_acknowledged, wait_us);
    *n_done += n_acknowledged;
    return last + 1;
}

/* True when the document stands exactly at this version. */
static bool stands_at(struct fixture *f, unsigned thread, unsigned key, unsigned version)
{
    struct store_reader *r = store_reader_get(f->store);
    struct document_row row;
    struct chunk_row *chunks;
    char name[32];
    size_t n = 0;
    bool same;
    int rc;

    key_of(name, thread, key);
    rc = store_find_document(r, f->collection, str_of(name), true, f->mem, &row);
    if (version == GONE || rc < 0) {
        same = version == GONE && rc == ERR_NOT_FOUND;
    } else {
        struct fix_document d = make(f, thread, key, version);

        MUST(store_document_chunks(r, row.id, f->mem, &chunks, &n));
        same = n == d.n && str_eq(row.text, d.row.text) && digest_eq(&row.hash, &d.row.hash);
        for (size_t i = 0; same && i < n; i++)
            same = chunks[i].id == d.chunks[i].id && str_eq(chunks[i].text, d.chunks[i].text);
    }
    store_reader_put(f->store, r);
    return same;
}

static void compare(struct fixture *f, struct state states[N_THREADS][N_KEYS])
{
    for (unsigned t = 0; t < N_THREADS; t++) {
        for (unsigned k = 0; k < N_KEYS; k++) {
            struct state *s = &states[t][k];
            bool old = stands_at(f, t, k, s->version);
            bool new = s->under_way &&stands_at(f, t, k, s->next);

            cr_expect(old || new, "document t%u/k%u is not at version %u%s", t, k, s->version,
                      s->under_way ? " nor at the one under way" : "");
            if (new)
                s->version = s->next;
            s->under_way = false;
        }
    }
}

static unsigned from_env(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);

    return s ? (unsigned)strtoul(s, NULL, 10) : otherwise;
}

Test(crash, what_was_acknowledged_survives_kill_9, .timeout = 3600)
{
    static struct state states[N_THREADS][N_KEYS];
    struct fixture f = {.dir = "/tmp/ragd-store-XXXXXX", .mem = arena_new(0)};
    unsigned cycles = from_env("RAGD_CRASH_CYCLES", 20), seed = from_env("RAGD_CRASH_SEED", 20261);
    unsigned version = 1, n_done = 0;

    fprintf(stderr, "# %u cycles, seed %u\n", cycles, seed);
    cr_assert_not_null(mkdtemp(f.dir));
    for (unsigned i = 0; i < cycles; i++) {
        version = run_and_kill(&f, states, &seed, version, &n_done);
        fix_open(&f);
        cr_expect_eq(fix_check(&f), 0, "cycle %u", i);
        compare(&f, states);
        store_close(f.store);
        f.store = NULL;
        arena_reset(f.mem);
    }
    cr_expect_gt(n_done, cycles / 2, "the children got something done");
    fix_down(&f);
}
