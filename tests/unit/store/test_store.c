#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "unit/store/store_fixture.h"

static struct fixture f;
static char path[128];

static void up(void)
{
    fix_up(&f);
    snprintf(path, sizeof path, "%s/ragd.db", f.dir);
}

static void down(void)
{
    fix_down(&f);
}

TestSuite(store, .init = up, .fini = down);

static void reopen(void)
{
    store_close(f.store);
    f.store = NULL;
    fix_open(&f);
}

static void close_store(void)
{
    store_close(f.store);
    f.store = NULL;
}

static void overwrite(long at, const char *bytes, size_t n)
{
    FILE *out = fopen(path, "r+b");

    fseek(out, at, SEEK_SET);
    fwrite(bytes, 1, n, out);
    fclose(out);
}

Test(store, keeps_its_uuid_and_its_documents)
{
    struct fix_document d = fix_document(&f, "a", 2, 1, 0);
    struct store_reader *r;
    struct document_row row;
    char uuid[64];

    strcpy(uuid, store_uuid(f.store));
    cr_expect_eq(strlen(uuid), 36);
    MUST(fix_put(&f, &d));
    reopen();
    cr_expect_str_eq(store_uuid(f.store), uuid);
    r = store_reader_get(f.store);
    MUST(store_find_document(r, f.collection, STR_LIT("a"), true, f.mem, &row));
    store_reader_put(f.store, r);
    cr_expect_eq(fix_check(&f), 0);
}

Test(store, is_for_its_owner_alone)
{
    struct stat st;

    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 077, 0);
}

Test(store, tells_the_size_of_its_files_and_what_waits)
{
    struct fix_document d = fix_document(&f, "a", 2, 1, 0);
    struct store_load load;

    MUST(fix_put(&f, &d));
    store_load_get(f.store, &load);
    cr_expect_gt(load.bytes, 0);
    cr_expect_gt(load.wal_bytes, 0);
    cr_expect_eq(load.writes_waiting, 0);
}

Test(store, leaves_one_file_behind)
{
    char wal[160];

    close_store();
    snprintf(wal, sizeof wal, "%s-wal", path);
    cr_expect_neq(access(wal, F_OK), 0);
}

Test(store, closing_none_is_fine)
{
    store_close(NULL);
    cr_expect(true);
}

Test(store, bytes_that_are_no_database_are_refused_by_name)
{
    close_store();
    overwrite(0, "this is certainly not a database", 32);
    cr_assert_eq(store_open(&f.store, f.dir), ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), path));
}

Test(store, a_cut_file_is_refused_or_found)
{
    struct fix_document d = fix_document(&f, "a", 200, 1, 0);
    int rc;

    MUST(fix_put(&f, &d));
    close_store();
    cr_assert_eq(truncate(path, 5 * 8192), 0);
    rc = store_open(&f.store, f.dir);
    if (rc == ERR_OK)
        cr_expect_gt(fix_check(&f), 0);
    else
        cr_expect_not_null(strstr(err_text(), path), "%s", err_text());
}

/* Flips one bit somewhere and does all that one can do with a store. */
static int use(void *arg, const struct document_row *doc, const struct chunk_row *c, const float *v,
               uint32_t dim)
{
    unsigned *seen = arg;
    char expect[32];

    (void)doc;
    snprintf(expect, sizeof expect, "seed %06u, part %06d. ", 1, c->ordinal);
    cr_expect(str_eq(c->text, str_of(expect)), "a wrong text went out: %.*s", STR_ARGS(c->text));
    if (v && dim == FIX_DIM)
        cr_expect_eq(v[1], (float)(1 + c->ordinal + 1), "a wrong vector went out");
    ++*seen;
    return ERR_OK;
}

static void ignore(void *arg, const char *problem)
{
    (void)arg, (void)problem;
}

Test(store, a_flipped_bit_never_gives_a_wrong_text_and_never_a_crash)
{
    struct fix_document d = fix_document(&f, "a", 400, 1, 0);
    unsigned n_refused = 0, n_found = 0, seed = 7;
    struct stat st;

    MUST(fix_put(&f, &d));
    close_store();
    cr_assert_eq(stat(path, &st), 0);
    for (int i = 0; i < 150; i++) {
        long at = rand_r(&seed) % st.st_size;
        FILE *io = fopen(path, "r+b");
        char byte, bad;
        unsigned seen = 0;

        fseek(io, at, SEEK_SET);
        cr_assert_eq(fread(&byte, 1, 1, io), 1);
        fclose(io);
        bad = (char)(byte ^ (1 << rand_r(&seed) % 8));
        overwrite(at, &bad, 1);
        if (store_open(&f.store, f.dir) < 0) {
            n_refused++;
        } else {
            struct store_reader *r = store_reader_get(f.store);

            store_each_chunk(r, f.collection, &fix_model, use, &seen);
            store_reader_put(f.store, r);
            n_found += store_check(f.store, &fix_model, ignore, NULL) != 0;
            close_store();
        }
        overwrite(at, &byte, 1);
    }
    cr_log_info("%u refused at open, %u found by check, of 150", n_refused, n_found);
    cr_expect_gt(n_found, 20);
    fix_open(&f);
    cr_expect_eq(fix_check(&f), 0);
}

/* ---- readers ---- */

static atomic_bool stop;

static void *read_whole_documents(void *arg)
{
    unsigned *n_seen = arg;
    struct arena *mem = arena_new(0);

    while (!stop) {
        struct store_reader *r = store_reader_get(f.store);
        struct document_row row;
        struct chunk_row *chunks;
        size_t n = 0;

        cr_assert_eq(store_read_begin(r), ERR_OK);
        if (store_find_document(r, f.collection, STR_LIT("a"), true, mem, &row) == ERR_OK) {
            cr_assert_eq(store_document_chunks(r, row.id, mem, &chunks, &n), ERR_OK);
            cr_expect_eq(n, (size_t)row.n_chunks);
            cr_expect_eq(row.text.n, n * FIX_PART, "text and chunks of one version");
            for (size_t i = 0; i < n; i++)
                cr_expect(
                    str_eq(chunks[i].text, str_sub(row.text, chunks[i].start, chunks[i].end)));
            ++*n_seen;
        }
        store_read_end(r);
        store_reader_put(f.store, r);
        arena_reset(mem);
    }
    arena_free(mem);
    return NULL;
}

Test(store, readers_see_whole_documents_while_others_write)
{
    pthread_t threads[2];
    unsigned seen[2] = {0};

    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, read_whole_documents, &seen[i]);
    for (unsigned v = 0; v < 120 || !seen[0] || !seen[1]; v++) {
        struct fix_document d = fix_document(&f, "a", 1 + v % 9, v, 0);

        MUST(fix_put(&f, &d));
        if (v % 10 == 9)
            MUST(fix_delete(&f, d.row.id));
        arena_reset(f.mem);
    }
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(fix_check(&f), 0);
}

Test(store, a_reader_given_back_is_used_again)
{
    struct store_reader *a = store_reader_get(f.store), *b;

    store_reader_put(f.store, a);
    b = store_reader_get(f.store);
    cr_expect_eq(a, b);
    store_reader_put(f.store, b);
    store_reader_put(f.store, NULL);
}

static void *get_one_more(void *arg)
{
    *(struct store_reader **)arg = store_reader_get(f.store);
    return NULL;
}

Test(store, whoever_wants_one_reader_too_many_waits_for_another)
{
    struct store_reader *all[STORE_READERS_MAX], *late = NULL;
    pthread_t thread;

    for (int i = 0; i < STORE_READERS_MAX; i++)
        all[i] = store_reader_get(f.store);
    pthread_create(&thread, NULL, get_one_more, &late);
    store_reader_put(f.store, all[0]);
    pthread_join(thread, NULL);
    cr_expect_eq(late, all[0]);
    store_reader_put(f.store, late);
    for (int i = 1; i < STORE_READERS_MAX; i++)
        store_reader_put(f.store, all[i]);
}

Test(store, a_read_transaction_that_is_kept_is_our_mistake, .signal = SIGABRT)
{
    struct store_reader *r = store_reader_get(f.store);

    MUST(store_read_begin(r));
    fix_remove(f.dir); /* nobody will, after the abort */
    store_reader_put(f.store, r);
}
