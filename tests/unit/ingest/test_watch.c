#include "ingest/watch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

#define LONG_MS 20000 /* for what comes */
#define NONE_MS 700   /* for what does not */

struct place {
    char dir[64];
    struct watch *w;
};

static void path_of(const struct place *p, const char *name, char out[256])
{
    snprintf(out, 256, "%s%s%s", p->dir, *name ? "/" : "", name);
}

static void place_open(struct place *p)
{
    char *real;

    snprintf(p->dir, sizeof p->dir, "/tmp/ragd-watch-XXXXXX");
    cr_assert_not_null(mkdtemp(p->dir));
    real = realpath(p->dir, NULL);
    snprintf(p->dir, sizeof p->dir, "%s", real);
    free(real);
    cr_assert_eq(watch_open(&p->w), ERR_OK, "%s", err_text());
}

static int rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void place_close(struct place *p)
{
    watch_close(p->w);
    nftw(p->dir, rm, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(const struct place *p, const char *name)
{
    char path[256];

    path_of(p, name, path);
    cr_assert_eq(mkdir(path, 0700), 0);
}

static int begin_file(const struct place *p, const char *name)
{
    char path[256];
    int fd;

    path_of(p, name, path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "x", 1), 1);
    return fd;
}

static void make_file(const struct place *p, const char *name)
{
    close(begin_file(p, name));
}

static void move(const struct place *p, const char *from, const char *to)
{
    char a[256], b[256];

    path_of(p, from, a);
    path_of(p, to, b);
    cr_assert_eq(rename(a, b), 0);
}

static void take_away(const struct place *p, const char *name)
{
    char path[256];

    path_of(p, name, path);
    cr_assert_eq(remove(path), 0);
}

static void add(const struct place *p, const char *name)
{
    char path[256];

    path_of(p, name, path);
    cr_assert_eq(watch_add(p->w, path), ERR_OK, "%s", err_text());
}

static bool changed(const struct place *p, const char *name)
{
    char path[256];

    path_of(p, name, path);
    return watch_changed(p->w, path);
}

static void expect_change(const struct place *p, const char *name)
{
    cr_expect_eq(watch_wait(p->w, LONG_MS), 1, "%s: %s", name, err_text());
    cr_expect(changed(p, name), "%s", name);
    watch_forget(p->w);
    cr_expect_not(changed(p, name));
}

static void expect_nothing(const struct place *p)
{
    cr_expect_eq(watch_wait(p->w, NONE_MS), 0);
}

Test(watch, tells_of_a_file_that_is_written_replaced_linked_and_removed)
{
    struct place p;
    char a[256], b[256];

    place_open(&p);
    add(&p, "");
    make_file(&p, "a.txt");
    expect_change(&p, "a.txt");
    make_file(&p, "new.tmp");
    move(&p, "new.tmp", "a.txt");
    expect_change(&p, "a.txt");
    path_of(&p, "a.txt", a);
    path_of(&p, "b.txt", b);
    cr_assert_eq(link(a, b), 0);
    expect_change(&p, "b.txt");
    take_away(&p, "a.txt");
    expect_change(&p, "a.txt");
    place_close(&p);
}

Test(watch, says_nothing_of_what_is_still_written_or_never_read)
{
    struct place p;
    int fd;

    place_open(&p);
    add(&p, "");
    make_file(&p, ".a.txt.swp");
    make_file(&p, "a.txt~");
    make_file(&p, "4913");
    make_folder(&p, ".git");
    make_file(&p, ".git/a.txt");
    fd = begin_file(&p, "a.txt");
    expect_nothing(&p);
    close(fd);
    expect_change(&p, "a.txt");
    place_close(&p);
}

Test(watch, follows_folders_that_come_with_all_that_is_in_them)
{
    struct place p;

    place_open(&p);
    make_folder(&p, "in");
    make_folder(&p, "out");
    make_folder(&p, "out/deep");
    make_file(&p, "out/deep/a.txt");
    add(&p, "in");
    cr_expect_eq(watch_count(p.w), 1);
    move(&p, "out", "in/out");
    expect_change(&p, "in/out/deep/a.txt");
    cr_expect_eq(watch_count(p.w), 3);
    make_file(&p, "in/out/deep/b.txt");
    expect_change(&p, "in/out/deep/b.txt");
    make_folder(&p, "in/made");
    make_file(&p, "in/made/c.txt");
    expect_change(&p, "in/made/c.txt");
    cr_expect_not(changed(&p, "in/out/deep/a.txt"));
    place_close(&p);
}

Test(watch, lets_go_of_a_folder_that_is_moved_away_and_knows_it_by_its_new_name)
{
    struct place p;

    place_open(&p);
    make_folder(&p, "in");
    make_folder(&p, "in/a");
    make_folder(&p, "in/ab");
    add(&p, "in");
    move(&p, "in/a", "in/b");
    expect_change(&p, "in/a/gone.txt");
    make_file(&p, "in/b/x.txt");
    expect_change(&p, "in/b/x.txt");
    move(&p, "in/b", "away");
    expect_change(&p, "in/b/x.txt");
    make_file(&p, "away/y.txt");
    expect_nothing(&p);
    make_file(&p, "in/ab/z.txt");
    expect_change(&p, "in/ab/z.txt");
    cr_expect_eq(watch_count(p.w), 2);
    place_close(&p);
}

Test(watch, of_a_single_file_takes_a_rename_over_it)
{
    struct place p;

    place_open(&p);
    make_file(&p, "a.txt");
    make_folder(&p, "other");
    add(&p, "a.txt");
    make_file(&p, "other/b.txt");
    expect_nothing(&p);
    make_file(&p, "a.txt.new");
    move(&p, "a.txt.new", "a.txt");
    expect_change(&p, "a.txt");
    place_close(&p);
}

Test(watch, says_that_a_folder_is_gone)
{
    struct place p;

    place_open(&p);
    make_folder(&p, "in");
    add(&p, "in");
    take_away(&p, "in");
    cr_expect_eq(watch_wait(p.w, LONG_MS), ERR_NOT_FOUND);
    cr_expect_not_null(strstr(err_text(), "not there any more"), "%s", err_text());
    place_close(&p);
}

Test(watch, refuses_what_is_not_there)
{
    struct place p;

    place_open(&p);
    cr_expect_eq(watch_add(p.w, "/nowhere/at/all"), ERR_NOT_FOUND);
    cr_expect_eq(watch_count(p.w), 0);
    place_close(&p);
}

/* As many as the kernel keeps in a queue, and then one whose event is lost. */
Test(watch, takes_everything_for_changed_when_events_were_lost)
{
    struct place p;
    long most = 0;
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");

    if (!f || fscanf(f, "%ld", &most) != 1 || most > 100000)
        cr_skip_test("the kernel's queue is not known, or too long to fill");
    fclose(f);
    place_open(&p);
    make_folder(&p, "in");
    add(&p, "");
    for (long i = 0; i <= most / 2; i++) { /* two events each, of two names: none is merged */
        make_file(&p, i % 2 ? "a.txt" : "b.txt");
        take_away(&p, i % 2 ? "a.txt" : "b.txt");
    }
    make_folder(&p, "in/lost");
    make_file(&p, "in/lost/c.txt");
    cr_expect_eq(watch_wait(p.w, LONG_MS), 1);
    cr_expect(changed(&p, "in/lost/c.txt"));
    cr_expect(changed(&p, "never/heard/of.txt"));
    watch_forget(p.w);
    make_file(&p, "in/lost/d.txt");
    expect_change(&p, "in/lost/d.txt");
    place_close(&p);
}
