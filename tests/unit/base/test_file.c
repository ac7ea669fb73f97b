#include "base/file.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static char dir[64], path[128];
static struct buf b;

static void up(void)
{
    strcpy(dir, "/tmp/ragd-file-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a", dir);
    buf_init(&b);
}

static int drop(const char *p, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(p);
}

static void down(void)
{
    buf_done(&b);
    nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(file, .init = up, .fini = down);

Test(file, what_was_written_is_read)
{
    cr_assert_eq(file_write_atomic(path, "hello\0there", 11), ERR_OK);
    buf_add_str(&b, "> ");
    cr_assert_eq(file_read(path, 100, &b), ERR_OK);
    cr_expect_eq(b.n, 13);
    cr_expect_eq(memcmp(b.p, "> hello\0there", 14), 0, "appended, and terminated");
}

Test(file, writing_replaces_and_leaves_nothing_else)
{
    struct stat st;

    cr_assert_eq(file_write_atomic(path, "a longer text", 13), ERR_OK);
    cr_assert_eq(file_write_atomic(path, "short", 5), ERR_OK);
    cr_assert_eq(file_read(path, 100, &b), ERR_OK);
    cr_expect_str_eq(b.p, "short");
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 077, 0, "for its owner alone");
    cr_expect_eq(file_tree_bytes(dir), 5);
}

static void *write_often(void *arg)
{
    char text[3000];

    memset(text, *(char *)arg, sizeof text);
    for (int i = 0; i < 50; i++)
        cr_expect_eq(file_write_atomic(path, text, sizeof text), ERR_OK, "%s", err_text());
    return NULL;
}

Test(file, two_who_write_at_once_leave_one_whole_file)
{
    char letters[] = "xy";
    pthread_t t[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, write_often, &letters[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    cr_assert_eq(file_read(path, 5000, &b), ERR_OK);
    cr_assert_eq(b.n, 3000);
    for (size_t i = 1; i < b.n; i++)
        cr_assert_eq(b.p[i], b.p[0]);
    cr_expect_eq(file_tree_bytes(dir), 3000);
}

Test(file, a_missing_one_is_not_found_by_name)
{
    struct file_map m;

    cr_expect_eq(file_read("/nowhere/x", 10, &b), ERR_NOT_FOUND);
    cr_expect_not_null(strstr(err_text(), "/nowhere/x"));
    cr_expect_eq(file_map_open(&m, "/nowhere/x"), ERR_NOT_FOUND);
    cr_expect_eq(file_write_atomic("/nowhere/x", "", 0), ERR_NOT_FOUND);
    cr_expect_not_null(strstr(err_text(), "/nowhere/x"));
    cr_expect_eq(file_tree_bytes("/nowhere"), 0);
}

Test(file, one_over_the_limit_leaves_the_buffer_as_it_was)
{
    cr_assert_eq(file_write_atomic(path, "0123456789", 10), ERR_OK);
    buf_add_str(&b, "kept");
    cr_expect_eq(file_read(path, 9, &b), ERR_LIMIT);
    cr_expect_str_eq(b.p, "kept");
    cr_expect_eq(file_read(path, 10, &b), ERR_OK);
}

Test(file, a_folder_is_not_read)
{
    cr_expect_eq(file_read(dir, 10, &b), ERR_IO);
    cr_expect_eq(b.n, 0);
}

Test(file, folders_are_made_on_the_way_and_twice)
{
    char deep[160];
    struct stat st;

    snprintf(deep, sizeof deep, "%s/x//y/z/", dir);
    cr_expect_eq(file_make_dirs(deep), ERR_OK);
    cr_expect_eq(file_make_dirs(deep), ERR_OK);
    cr_assert_eq(stat(deep, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0700);
}

Test(file, a_file_in_the_place_of_a_folder_is_an_error)
{
    char below[160];

    cr_assert_eq(file_write_atomic(path, "x", 1), ERR_OK);
    snprintf(below, sizeof below, "%s/b", path);
    cr_expect_eq(file_make_dirs(below), ERR_IO);
    cr_expect_eq(file_make_dirs(path), ERR_IO);
    cr_expect_not_null(strstr(err_text(), path));
}

Test(file, maps_whole_files)
{
    struct file_map m;

    cr_assert_eq(file_write_atomic(path, "mapped", 6), ERR_OK);
    cr_assert_eq(file_map_open(&m, path), ERR_OK);
    cr_expect_eq(m.n, 6);
    cr_expect_eq(memcmp(m.p, "mapped", 6), 0);
    file_map_close(&m);
    cr_expect_null(m.p);
    file_map_close(&m);
}

Test(file, an_empty_file_or_a_folder_is_not_mapped)
{
    struct file_map m;

    cr_assert_eq(file_write_atomic(path, "", 0), ERR_OK);
    cr_expect_eq(file_map_open(&m, path), ERR_FORMAT);
    cr_expect_eq(file_map_open(&m, dir), ERR_FORMAT);
}

Test(file, parts_become_one_file_at_the_end)
{
    struct file_writer *w = file_begin(path);
    char big[300000];

    memset(big, 'b', sizeof big);
    file_put(w, "????", 4);
    file_put(w, big, sizeof big);
    file_put(w, "end", 3);
    cr_expect_eq(access(path, F_OK), -1, "not before it is whole");
    file_put_at(w, 0, "head", 4);
    cr_expect_eq(file_put_bytes(w), sizeof big + 7);
    cr_assert_eq(file_commit(w), ERR_OK);
    cr_assert_eq(file_read(path, 1 << 20, &b), ERR_OK);
    cr_assert_eq(b.n, sizeof big + 7);
    cr_expect_eq(memcmp(b.p, "headbbb", 7), 0);
    cr_expect_eq(memcmp(b.p + b.n - 4, "bend", 4), 0);
}

Test(file, what_is_abandoned_leaves_nothing)
{
    struct file_writer *w = file_begin(path);

    file_put(w, "text", 4);
    file_abandon(w);
    cr_expect_eq(file_tree_bytes(dir), 0);
    cr_expect_eq(access(path, F_OK), -1);
}
