#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>

#include "store/store_parts.h"
#include "store/store_questions.h"
#include "unit/store/store_fixture.h"

static struct fixture f;

static void up(void)
{
    fix_up(&f);
}

static void down(void)
{
    fix_down(&f);
}

TestSuite(writer, .init = up, .fini = down);

static bool is_there(const char *key)
{
    struct store_reader *r = store_reader_get(f.store);
    struct document_row row;
    int rc = store_find_document(r, f.collection, str_of(key), false, f.mem, &row);

    store_reader_put(f.store, r);
    return rc == ERR_OK;
}

static int put_then_fail_in(struct store_tx *tx, void *arg)
{
    int rc = fix_put_in(tx, arg);

    return rc < 0 ? rc : FAIL(ERR_ARGUMENT, "changed my mind about '%s'", "x");
}

Test(writer, a_failed_fn_leaves_nothing_and_its_reason_reaches_the_caller)
{
    struct fix_document d = fix_document(&f, "x", 2, 1, 0);

    cr_assert_eq(store_write(f.store, put_then_fail_in, NULL, &d), ERR_ARGUMENT);
    cr_expect_str_eq(err_text(), "changed my mind about 'x'");
    cr_expect(!is_there("x"));
    cr_expect_eq(fix_check(&f), 0);
}

/* Three callers wait behind a closed gate, so that they meet in one transaction. */
struct caller {
    struct fix_document d;
    store_write_fn fn;
    int rc;
    char reason[ERR_TEXT_MAX];
    pthread_t thread;
};

static sem_t entered, gate;
static char order[16];

static int gate_in(struct store_tx *tx, void *arg)
{
    (void)tx, (void)arg;
    sem_post(&entered);
    sem_wait(&gate);
    return ERR_OK;
}

static void *enter_gate(void *arg)
{
    (void)arg;
    store_write(f.store, gate_in, NULL, NULL);
    return NULL;
}

static int traced_in(struct store_tx *tx, void *arg)
{
    struct caller *c = arg;

    strncat(order, c->d.row.key.p, 1);
    return c->fn(tx, &c->d);
}

static void traced_published(void *arg)
{
    struct caller *c = arg;
    char loud = (char)(c->d.row.key.p[0] - 'a' + 'A');

    cr_expect(is_there(c->d.row.key.p), "committed before it is published");
    strncat(order, &loud, 1);
}

static void *call(void *arg)
{
    struct caller *c = arg;

    c->rc = store_write(f.store, traced_in, traced_published, c);
    strcpy(c->reason, err_text());
    return NULL;
}

Test(writer, one_that_fails_takes_nothing_with_it)
{
    struct caller c[3] = {{.d = fix_document(&f, "a", 2, 1, 0), .fn = fix_put_in},
                          {.d = fix_document(&f, "b", 2, 2, 0), .fn = put_then_fail_in},
                          {.d = fix_document(&f, "c", 2, 3, 0), .fn = fix_put_in}};
    pthread_t first;

    sem_init(&entered, 0, 0);
    sem_init(&gate, 0, 0);
    pthread_create(&first, NULL, enter_gate, NULL);
    sem_wait(&entered);
    for (int i = 0; i < 3; i++)
        pthread_create(&c[i].thread, NULL, call, &c[i]);
    usleep(50000); /* so that they share a transaction; the claims hold even if they do not */
    sem_post(&gate);
    for (int i = 0; i < 3; i++)
        pthread_join(c[i].thread, NULL);
    pthread_join(first, NULL);

    cr_expect_eq(c[0].rc, ERR_OK);
    cr_expect_eq(c[1].rc, ERR_ARGUMENT);
    cr_expect_str_eq(c[1].reason, "changed my mind about 'x'");
    cr_expect_eq(c[2].rc, ERR_OK);
    cr_expect(is_there("a"));
    cr_expect(!is_there("b"));
    cr_expect(is_there("c"));
    cr_expect_null(strchr(order, 'B'), "what failed is not published");
    cr_expect_eq(strchr(order, 'a') < strchr(order, 'c'), strchr(order, 'A') < strchr(order, 'C'),
                 "published in the order of the commits: %s", order);
    cr_expect_eq(fix_check(&f), 0);
}

static void *put_many(void *arg)
{
    struct fixture mine = f;
    char key[32];

    mine.mem = arena_new(0);
    for (unsigned i = 0; i < 25; i++) {
        struct fix_document d;

        snprintf(key, sizeof key, "w%u-%u", *(unsigned *)arg, i);
        d = fix_document(&mine, key, 3, i, *(unsigned *)arg);
        cr_expect_eq(fix_put(&mine, &d), ERR_OK, "%s", err_text());
    }
    arena_free(mine.mem);
    return NULL;
}

static int count_documents(void *arg, const struct document_row *row)
{
    cr_expect_eq(row->n_chunks, 3);
    ++*(int *)arg;
    return ERR_OK;
}

Test(writer, many_callers_at_once_all_get_theirs)
{
    pthread_t threads[4];
    unsigned ids[4] = {0, 1, 2, 3};
    struct store_reader *r;
    int n = 0;

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, put_many, &ids[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    r = store_reader_get(f.store);
    MUST(store_each_document(r, f.collection, STR_LIT(""), 0, count_documents, &n));
    store_reader_put(f.store, r);
    cr_expect_eq(n, 100);
    cr_expect_eq(fix_check(&f), 0);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit l;

    getrlimit(RLIMIT_FSIZE, &l);
    l.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static bool was_published;

static void note_published(void *arg)
{
    (void)arg;
    was_published = true;
}

/* With so little memory pages go to disk in the middle of the transaction. */
static int put_spilling_in(struct store_tx *tx, void *arg)
{
    int rc = db_exec(tx->db, "PRAGMA cache_size = 20");

    return rc < 0 ? rc : fix_put_in(tx, arg);
}

Test(writer, a_full_disk_is_said_and_nothing_is_published)
{
    struct fix_document small = fix_document(&f, "small", 2, 1, 0);
    struct fix_document big = fix_document(&f, "big", 3000, 2, 0);
    struct fix_document after = fix_document(&f, "after", 2, 3, 0);

    MUST(fix_put(&f, &small));
    signal(SIGXFSZ, SIG_IGN);
    limit_files(400 << 10);
    cr_expect_eq(store_write(f.store, put_spilling_in, note_published, &big), ERR_NO_SPACE, "%s",
                 err_text());
    cr_expect_not_null(strstr(err_text(), "ragd.db"));
    cr_expect(!was_published);
    cr_expect(is_there("small"), "reads go on");
    cr_expect(!is_there("big"));
    limit_files(RLIM_INFINITY);
    MUST(fix_put(&f, &after));
    MUST(fix_put(&f, &big));
    cr_expect_eq(fix_check(&f), 0);
}

static int poison_in(struct store_tx *tx, void *arg)
{
    /* what SQLite does by itself after some errors */
    (void)arg;
    sqlite3_exec(tx->db->handle, "ROLLBACK", NULL, NULL, NULL);
    return FAIL(ERR_DATABASE, "all is lost");
}

Test(writer, when_the_whole_transaction_is_gone_its_caller_is_told_and_the_next_goes_on)
{
    struct fix_document d = fix_document(&f, "a", 2, 1, 0);

    cr_expect_eq(store_write(f.store, poison_in, NULL, NULL), ERR_DATABASE);
    cr_expect_str_eq(err_text(), "all is lost");
    MUST(fix_put(&f, &d));
    cr_expect_eq(fix_check(&f), 0);
}

Test(writer, deleted_text_is_in_no_file_once_the_log_is_emptied)
{
    struct fix_document a = fix_document(&f, "a", 30, 424242, 0);
    struct fix_document b = fix_document(&f, "b", 30, 171717, 0);

    MUST(fix_put(&f, &a));
    MUST(fix_put(&f, &b));
    MUST(fix_delete(&f, a.row.id));
    for (int i = 0; i < 200 && fix_on_disk(&f, "seed 424242"); i++)
        usleep(20000); /* the writer empties the log when nobody has come for a while */
    cr_expect(!fix_on_disk(&f, "seed 424242"));
    cr_expect(fix_on_disk(&f, "seed 171717"), "the search itself works");
}

static int count_in(struct store_tx *tx, void *arg)
{
    const struct str *text = arg;

    return store_tx_count_question(tx, f.collection, *text, 1, 1);
}

static int ask(const char *text)
{
    struct str s = str_of(text);

    return store_write(f.store, count_in, NULL, &s);
}

static int forget_in(struct store_tx *tx, void *arg)
{
    (void)arg;
    return store_tx_forget_questions(tx, 0);
}

/* Whether it goes while others write all the time, so that the writer is never idle. */
static bool goes_from_disk(const char *needle)
{
    for (int i = 0; i < 200; i++) {
        MUST(ask(i & 1 ? "how much" : "how many"));
        if (!fix_on_disk(&f, needle))
            return true;
        usleep(20000);
    }
    return false;
}

Test(writer, deleted_text_is_gone_from_the_files_while_others_write)
{
    struct fix_document a = fix_document(&f, "a", 1, 424242, 0);

    MUST(fix_put(&f, &a));
    MUST(ask("who opens sesame"));
    cr_assert(fix_on_disk(&f, "seed 424242") && fix_on_disk(&f, "opens sesame"));
    MUST(fix_delete(&f, a.row.id));
    cr_expect(goes_from_disk("seed 424242"));
    cr_expect(fix_on_disk(&f, "opens sesame"), "the search itself works");
    MUST(store_write(f.store, forget_in, NULL, NULL));
    cr_expect(goes_from_disk("opens sesame"));
}

static int put_then_fill_disk_in(struct store_tx *tx, void *arg)
{
    int rc = fix_put_in(tx, arg);

    limit_files(4096); /* small enough to wait in memory: only the commit meets the full disk */
    return rc;
}

Test(writer, a_commit_that_fails_is_not_acknowledged_and_not_published)
{
    struct fix_document a = fix_document(&f, "a", 2, 1, 0), b = fix_document(&f, "b", 2, 2, 0);

    MUST(fix_put(&f, &a));
    signal(SIGXFSZ, SIG_IGN);
    cr_expect_eq(store_write(f.store, put_then_fill_disk_in, note_published, &b), ERR_NO_SPACE,
                 "%s", err_text());
    cr_expect(!was_published);
    cr_expect(is_there("a"));
    cr_expect(!is_there("b"));
    limit_files(RLIM_INFINITY);
    MUST(fix_put(&f, &b));
    cr_expect(is_there("b"));
    cr_expect_eq(fix_check(&f), 0);
}
