#include "ingest/walk.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

static char dir[] = "/tmp/ragd-walk-XXXXXX";

static const char *at(const char *rel)
{
    static char paths[8][4200];
    static int i;
    char *p = paths[i++ % 8];

    snprintf(p, sizeof paths[0], "%s/%s", dir, rel);
    return p;
}

static int rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void open_dir(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static void close_dir(void)
{
    nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(walk, .init = open_dir, .fini = close_dir);

static void put(const char *rel, const char *text)
{
    char folder[4200];

    snprintf(folder, sizeof folder, "%s", at(rel));
    *strrchr(folder, '/') = '\0';
    cr_assert_eq(file_make_dirs(folder), ERR_OK);
    cr_assert_eq(file_write_atomic(at(rel), text, strlen(text)), ERR_OK);
}

/* "a.md=read b.png=skip ..." */
static const char *listed(const struct walk *w)
{
    static struct buf b;
    static const char *const fates[] = {"read", "skip", "refuse"};

    buf_clear(&b);
    for (size_t i = 0; i < walk_count(w); i++)
        buf_addf(&b, "%s%s=%s", i ? " " : "", walk_at(w, i)->key, fates[walk_at(w, i)->fate]);
    return buf_view(&b).p;
}

static struct walk *open_ok(const char *path)
{
    struct walk *w = NULL;

    cr_assert_eq(walk_open(&w, path), ERR_OK, "%s", err_text());
    return w;
}

static int read_at(const struct walk *w, const char *key, size_t max, struct buf *out)
{
    for (size_t i = 0; i < walk_count(w); i++)
        if (strcmp(walk_at(w, i)->key, key) == 0)
            return walk_read(w, walk_at(w, i), max, out);
    return ERR_NOT_FOUND;
}

Test(walk, lists_files_in_the_order_of_their_bytes)
{
    struct walk *w;

    put("b.md", "b");
    put("a/z.txt", "z");
    put("a.txt", "a");
    put("A.PDF", "pdf");
    w = open_ok(dir);
    cr_expect_str_eq(listed(w), "A.PDF=read a.txt=read a/z.txt=read b.md=read");
    cr_expect(walk_is_folder(w));
    cr_expect(walk_is_whole(w));
    cr_expect_eq(walk_at(w, 0)->kind, KIND_PDF);
    cr_expect_str_eq(walk_at(w, 1)->shown, at("a.txt"));
    walk_close(w);
}

Test(walk, skips_hidden_and_unknown)
{
    struct walk *w;

    put(".git/config.txt", "x");
    put("a.png", "x");
    put("noending", "x");
    w = open_ok(dir);
    cr_expect_str_eq(listed(w), ".git=skip a.png=skip noending=skip");
    walk_close(w);
}

Test(walk, reads_links_to_files_inside_and_no_others)
{
    struct walk *w;
    struct buf b;
    char outside[64];

    buf_init(&b);
    snprintf(outside, sizeof outside, "%s.txt", dir);
    cr_assert_eq(file_write_atomic(outside, "secret", 6), ERR_OK);
    put("a.txt", "inside");
    put("sub/b.txt", "b");
    cr_assert_eq(symlink("a.txt", at("in.txt")), 0);
    cr_assert_eq(symlink("../a.txt", at("sub/up.txt")), 0);
    cr_assert_eq(symlink("sub", at("folder")), 0);
    cr_assert_eq(symlink(outside, at("out.txt")), 0);
    cr_assert_eq(symlink("../../etc/passwd", at("sub/out2.txt")), 0);
    cr_assert_eq(symlink("round.txt", at("round.txt")), 0);
    w = open_ok(dir);
    cr_expect_str_eq(listed(w), "a.txt=read folder=skip in.txt=read out.txt=refuse "
                                "round.txt=refuse sub/b.txt=read sub/out2.txt=refuse "
                                "sub/up.txt=read");
    cr_expect_eq(read_at(w, "in.txt", 100, &b), ERR_OK);
    cr_expect_str_eq(b.p, "inside");
    unlink(outside);
    buf_done(&b);
    walk_close(w);
}

Test(walk, reads_nothing_outside_even_when_a_file_becomes_a_link)
{
    struct walk *w;
    struct buf b;

    buf_init(&b);
    put("a.txt", "inside");
    w = open_ok(dir);
    unlink(at("a.txt"));
    cr_assert_eq(symlink("/etc/passwd", at("a.txt")), 0);
    cr_expect_eq(read_at(w, "a.txt", 1 << 20, &b), ERR_IO);
    cr_expect_not_null(strstr(err_text(), "out of the folder"), "%s", err_text());
    cr_expect_eq(b.n, 0);
    buf_done(&b);
    walk_close(w);
}

Test(walk, refuses_what_is_no_file)
{
    struct walk *w;
    struct buf b;

    buf_init(&b);
    cr_assert_eq(mkfifo(at("pipe.txt"), 0600), 0);
    put("later.txt", "x");
    w = open_ok(dir);
    cr_expect_str_eq(listed(w), "later.txt=read pipe.txt=refuse");
    unlink(at("later.txt"));
    cr_assert_eq(mkfifo(at("later.txt"), 0600), 0);
    cr_expect_eq(read_at(w, "later.txt", 100, &b), ERR_IO, "and does not wait for a writer");
    buf_done(&b);
    walk_close(w);
}

Test(walk, refuses_names_that_are_not_utf8)
{
    struct walk *w;

    put("bad\xFF.txt", "x");
    w = open_ok(dir);
    cr_assert_eq(walk_count(w), 1);
    cr_expect_eq(walk_at(w, 0)->fate, WALK_REFUSE);
    walk_close(w);
}

Test(walk, refuses_a_file_over_the_limit)
{
    struct walk *w;
    struct buf b;

    buf_init(&b);
    put("a.txt", "0123456789");
    w = open_ok(dir);
    cr_expect_eq(read_at(w, "a.txt", 9, &b), ERR_LIMIT);
    buf_clear(&b);
    cr_expect_eq(read_at(w, "a.txt", 10, &b), ERR_OK);
    cr_expect_eq(b.n, 10);
    buf_done(&b);
    walk_close(w);
}

Test(walk, says_when_a_folder_could_not_be_looked_into)
{
    struct walk *w;

    put("a.txt", "x");
    put("closed/b.txt", "x");
    chmod(at("closed"), 0);
    if (geteuid() == 0) { /* root reads everything, so be nobody for a moment */
        chmod(dir, 0755);
        cr_assert_eq(seteuid(65534), 0);
    }
    w = open_ok(dir);
    cr_expect_str_eq(listed(w), "a.txt=read closed=refuse");
    cr_expect(!walk_is_whole(w));
    walk_close(w);
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
    chmod(at("closed"), 0700);
}

Test(walk, stops_at_a_depth)
{
    struct walk *w;
    char rel[400] = "";

    for (int i = 0; i < WALK_DEPTH_MAX + 2; i++)
        strcat(rel, "d/");
    strcat(rel, "a.txt");
    put(rel, "x");
    w = open_ok(dir);
    cr_assert_eq(walk_count(w), 1);
    cr_expect_eq(walk_at(w, 0)->fate, WALK_REFUSE);
    cr_expect(!walk_is_whole(w));
    walk_close(w);
}

Test(walk, of_one_file_is_that_file)
{
    struct walk *w;
    struct buf b;
    char *real = realpath(dir, NULL);

    buf_init(&b);
    put("sub/a.txt", "text");
    w = open_ok(at("sub/a.txt"));
    cr_expect_str_eq(listed(w), "a.txt=read");
    cr_expect(!walk_is_folder(w));
    cr_expect_str_eq(walk_at(w, 0)->shown, at("sub/a.txt"));
    cr_expect(strncmp(walk_root(w), real, strlen(real)) == 0);
    cr_expect_eq(read_at(w, "a.txt", 100, &b), ERR_OK);
    walk_close(w);
    buf_clear(&b);
    cr_assert_eq(chdir(at("sub")), 0);
    w = open_ok("a.txt");
    cr_expect_eq(read_at(w, "a.txt", 100, &b), ERR_OK);
    cr_expect_str_eq(b.p, "text");
    walk_close(w);
    buf_done(&b);
    free(real);
}

Test(walk, of_nothing_fails)
{
    struct walk *w = NULL;

    cr_expect_eq(walk_open(&w, at("nothing")), ERR_NOT_FOUND);
    cr_expect_null(w);
    walk_close(NULL);
}

Test(walk, knows_where_a_folder_was)
{
    struct walk *w;
    char *real = realpath(dir, NULL), want[4200];

    snprintf(want, sizeof want, "%s/gone", real);
    cr_assert_eq(walk_open_gone(&w, at("gone//")), ERR_OK);
    cr_expect_str_eq(walk_root(w), want);
    cr_expect_eq(walk_count(w), 0);
    cr_expect(walk_is_folder(w));
    walk_close(w);
    cr_expect_eq(walk_open_gone(&w, at("no/such/folder")), ERR_NOT_FOUND);
    free(real);
}
