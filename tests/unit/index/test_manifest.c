#include "index/manifest.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/sections.h"

static char dir[64], path[128];
static struct arena *mem;

static void up(void)
{
    strcpy(dir, "/tmp/ragd-manifest-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/7-1.manifest", dir);
    mem = arena_new(0);
}

static void down(void)
{
    manifest_sweep(dir, 7, "", NULL);
    manifest_sweep(dir, 77, "", NULL);
    rmdir(dir);
    arena_free(mem);
}

TestSuite(manifest, .init = up, .fini = down);

static const uint64_t dead[] = {5, 1};

static struct manifest two_views(struct manifest_view *views)
{
    views[0] = (struct manifest_view){false, "7-a.segment", dead, 65};
    views[1] = (struct manifest_view){true, "7-b.segment", NULL, 3};
    return (struct manifest){digest_of("recipe", 6), 42, views, 2};
}

Test(manifest, what_was_written_is_read)
{
    struct manifest_view views[2];
    struct manifest m = two_views(views), out;

    cr_assert_eq(manifest_write(path, &m), ERR_OK, "%s", err_text());
    cr_assert_eq(manifest_read(path, mem, &out), ERR_OK, "%s", err_text());
    cr_expect(digest_eq(&out.recipe, &m.recipe));
    cr_expect_eq(out.epoch, 42);
    cr_assert_eq(out.n_views, 2);
    cr_expect_str_eq(out.views[0].file, "7-a.segment");
    cr_expect_arr_eq(out.views[0].dead_documents, dead, sizeof dead);
    cr_expect_eq(out.views[0].n_documents, 128, "whole words");
    cr_expect(!out.views[0].of_summaries && out.views[1].of_summaries);
    cr_expect_str_eq(out.views[1].file, "7-b.segment");
    cr_expect_null(out.views[1].dead_documents);
}

Test(manifest, one_of_nothing_is_one)
{
    struct manifest m = {.epoch = 1}, out;

    cr_assert_eq(manifest_write(path, &m), ERR_OK);
    cr_assert_eq(manifest_read(path, mem, &out), ERR_OK, "%s", err_text());
    cr_expect_eq(out.n_views, 0);
}

Test(manifest, a_damaged_or_missing_one_is_refused)
{
    struct manifest_view views[2];
    struct manifest m = two_views(views), out;
    struct buf b;

    cr_expect_eq(manifest_read(path, mem, &out), ERR_NOT_FOUND);
    cr_assert_eq(manifest_write(path, &m), ERR_OK);
    buf_init(&b);
    cr_assert_eq(file_read(path, 1 << 20, &b), ERR_OK);
    b.p[70] ^= 1;
    cr_assert_eq(file_write_atomic(path, b.p, b.n), ERR_OK);
    cr_expect_eq(manifest_read(path, mem, &out), ERR_FORMAT);
    buf_done(&b);
}

Test(manifest, a_file_outside_its_folder_is_refused)
{
    struct manifest_view view = {false, "../7-a.segment", NULL, 0};
    struct manifest m = {.views = &view, .n_views = 1}, out;

    cr_assert_eq(manifest_write(path, &m), ERR_OK);
    cr_expect_eq(manifest_read(path, mem, &out), ERR_FORMAT);
    cr_expect(strstr(err_text(), "part 0"), "%s", err_text());
}

/* The sections of a manifest of one part, whose name is told. */
static int read_named(const void *name, size_t n)
{
    struct sections_writer *w = sections_create(path);
    const uint64_t about[6] = {[5] = 1};
    const uint8_t kind = 0;
    struct manifest out;

    sections_add(w, "about", about, 1, sizeof about);
    sections_add(w, "name.0", name, n, 1);
    sections_add(w, "kind.0", &kind, 1, 1);
    sections_add(w, "dead.0", NULL, 0, sizeof(uint64_t));
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
    return manifest_read(path, mem, &out);
}

Test(manifest, a_name_is_one_word_to_its_end)
{
    cr_expect_eq(read_named("7-a.segment", 12), ERR_OK, "%s", err_text());
    cr_expect_eq(read_named("7-a.segment", 11), ERR_FORMAT);
    cr_expect_eq(read_named("\0-a.segment", 12), ERR_FORMAT, "no name");
    cr_expect_eq(read_named("7-a\0segment", 12), ERR_FORMAT, "the end is another");
}

Test(manifest, another_file_of_sections_is_refused)
{
    struct manifest out;

    cr_assert_eq(sections_commit(sections_create(path)), ERR_OK);
    cr_expect_eq(manifest_read(path, mem, &out), ERR_FORMAT);
    cr_expect(strstr(err_text(), "not a manifest"), "%s", err_text());
}

Test(manifest, names_are_new_each_time)
{
    char a[MANIFEST_NAME_MAX], b[MANIFEST_NAME_MAX];

    manifest_new_name(a, INT64_MAX, "manifest");
    manifest_new_name(b, INT64_MAX, "manifest");
    cr_expect_str_neq(a, b);
    cr_expect_eq(strncmp(a, "9223372036854775807-", 20), 0);
    cr_expect_not_null(strstr(a, ".manifest"), "not cut: %s", a);
}

static void touch(const char *name)
{
    char file[200];

    snprintf(file, sizeof file, "%s/%s", dir, name);
    cr_assert_eq(file_write_atomic(file, "x", 1), ERR_OK);
}

static bool is_there(const char *name)
{
    char file[200];

    snprintf(file, sizeof file, "%s/%s", dir, name);
    return access(file, F_OK) == 0;
}

Test(manifest, sweeping_removes_what_is_not_named_and_only_of_this_collection)
{
    struct manifest_view views[2];
    struct manifest m = two_views(views);

    touch("7-a.segment");
    touch("7-old.segment");
    touch("7-1.manifest");
    touch("7-0.manifest");
    touch("77-a.segment");
    manifest_sweep(dir, 7, "7-1.manifest", &m);
    cr_expect(is_there("7-a.segment") && is_there("7-1.manifest") && is_there("77-a.segment"));
    cr_expect(!is_there("7-old.segment") && !is_there("7-0.manifest"));
    manifest_sweep(dir, 7, "", NULL);
    cr_expect(!is_there("7-a.segment") && !is_there("7-1.manifest") && is_there("77-a.segment"));
}
