#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "unit/store/store_fixture.h"

static struct fixture f;
static char copy_dir[80], copy[128];

static void up(void)
{
    fix_up(&f);
    snprintf(copy_dir, sizeof copy_dir, "%s/copy", f.dir);
    snprintf(copy, sizeof copy, "%s/ragd.db", copy_dir);
    cr_assert_eq(mkdir(copy_dir, 0700), 0);
}

static void down(void)
{
    fix_down(&f);
}

TestSuite(store_backup, .init = up, .fini = down);

static void expect_sound_copy(const char *key)
{
    struct fixture c = {.mem = f.mem};
    struct store_reader *r;
    struct document_row row;

    strcpy(c.dir, copy_dir);
    fix_open(&c);
    cr_expect_str_eq(store_uuid(c.store), store_uuid(f.store));
    cr_expect_eq(fix_check(&c), 0);
    r = store_reader_get(c.store);
    MUST(store_find_document(r, c.collection, str_of(key), true, c.mem, &row));
    store_reader_put(c.store, r);
    store_close(c.store);
}

Test(store_backup, a_copy_put_in_place_is_the_store)
{
    struct fix_document d = fix_document(&f, "a", 50, 1, 0);
    struct stat st;

    MUST(fix_put(&f, &d));
    MUST(store_backup(f.store, copy));
    cr_assert_eq(stat(copy, &st), 0);
    cr_expect_eq(st.st_mode & 077, 0, "for its owner alone");
    expect_sound_copy("a");
    MUST(store_backup(f.store, copy)); /* over an older one */
}

static atomic_bool stop;

static void *keep_writing(void *arg)
{
    struct fixture mine = f;

    (void)arg;
    mine.mem = arena_new(0);
    for (unsigned v = 0; !stop; v++) {
        struct fix_document d = fix_document(&mine, "busy", 1 + v % 20, v, 0);

        cr_expect_eq(fix_put(&mine, &d), ERR_OK);
        arena_reset(mine.mem);
    }
    arena_free(mine.mem);
    return NULL;
}

Test(store_backup, is_consistent_while_others_write)
{
    struct fix_document d = fix_document(&f, "a", 50, 1, 0);
    pthread_t thread;

    MUST(fix_put(&f, &d));
    pthread_create(&thread, NULL, keep_writing, NULL);
    for (int i = 0; i < 10; i++)
        MUST(store_backup(f.store, copy));
    stop = true;
    pthread_join(thread, NULL);
    expect_sound_copy("a");
}

Test(store_backup, never_over_the_store_itself)
{
    char self[128];

    snprintf(self, sizeof self, "%s/ragd.db", f.dir);
    cr_expect_eq(store_backup(f.store, self), ERR_ARGUMENT);
    cr_expect_eq(fix_check(&f), 0);
}

Test(store_backup, a_place_that_cannot_be_written_is_named_and_left_clean)
{
    char folder[128];

    cr_expect_eq(store_backup(f.store, "/nowhere/at/all.db"), ERR_IO);
    cr_expect_not_null(strstr(err_text(), "/nowhere/at/all.db"));
    snprintf(folder, sizeof folder, "%s/sub", copy_dir);
    cr_assert_eq(mkdir(folder, 0700), 0);
    cr_expect_eq(store_backup(f.store, folder), ERR_IO, "a folder stands there");
    cr_assert_eq(rmdir(folder), 0);
    cr_expect_eq(rmdir(copy_dir), 0, "no temporary file stays");
}
