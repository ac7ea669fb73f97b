#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "index/columns_parts.h"
#include "index/dict.h"

/* That mapped columns filter and merge as those in memory do is in test_columns.c. */

static void make_path(char *path)
{
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    close(fd);
}

static struct columns *some_columns(void)
{
    struct columns_builder *b = columns_builder_new();

    columns_add_document(b, &(struct document_row){.key = STR_LIT("a"),
                                                   .title = STR_LIT("A"),
                                                   .metadata = STR_LIT("{\"year\":2019}")});
    columns_add_chunk(b, &(struct chunk_row){.page = 1});
    return columns_finish(b);
}

Test(columns_file, of_nothing_can_be_mapped)
{
    char path[] = "/tmp/test_columns_XXXXXX";
    struct columns *made = columns_finish(columns_builder_new()), *mapped = NULL;
    struct sections_writer *w;
    struct sections *s = NULL;

    make_path(path);
    w = sections_create(path);
    columns_save(made, w, "");
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
    cr_assert_eq(sections_open(&s, path), ERR_OK, "%s", err_text());
    cr_assert_eq(columns_map(&mapped, s, ""), ERR_OK, "%s", err_text());
    cr_expect_lt(columns_bytes(mapped), 2000);
    columns_free(mapped);
    columns_free(made);
    sections_close(s);
    unlink(path);
}

Test(columns_file, refuses_what_is_not_whole)
{
    char path[] = "/tmp/test_columns_XXXXXX";
    struct columns *made = some_columns(), *mapped = NULL;
    struct dict *names = dict_new();
    struct sections_writer *w;
    struct sections *s = NULL;

    make_path(path);
    w = sections_create(path);
    columns_save(made, w, "c.");
    dict_add(names, STR_LIT("year"), NULL);
    dict_save(names, w, "d.names.");
    dict_save(names, w, "d.values.");
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
    cr_assert_eq(sections_open(&s, path), ERR_OK, "%s", err_text());
    cr_expect_eq(columns_map(&mapped, s, "b."), ERR_FORMAT, "no dictionaries");
    cr_expect_eq(columns_map(&mapped, s, "d."), ERR_FORMAT, "no arrays");
    cr_expect_null(mapped);
    cr_expect_eq(columns_map(&mapped, s, "c."), ERR_OK);
    columns_free(mapped);
    columns_free(made);
    dict_free(names);
    sections_close(s);
    unlink(path);
}

static void copy_section(const struct sections *s, const char *name, size_t size,
                         struct sections_writer *w, const char *to)
{
    size_t n;
    const void *items = sections_get(s, name, size, &n);

    cr_assert_not_null(items, "%s", name);
    sections_add(w, to, items, n, size);
}

/* Where columns begin: entry, value, by chunk; and after the last one. The rest is as it was. */
static int map_with_starts(const struct columns *made, const struct sections *s,
                           const uint64_t *starts, size_t n)
{
    char path[] = "/tmp/test_columns_XXXXXX";
    struct columns *mapped = NULL;
    struct sections_writer *w;
    struct sections *changed = NULL;
    int rc;

    make_path(path);
    w = sections_create(path);
    copy_section(s, "head", 8, w, "head");
    copy_section(s, "first_chunk", 4, w, "first_chunk");
    sections_add(w, "starts", starts, n, 24);
    copy_section(s, "entries", sizeof(struct entry), w, "entries");
    copy_section(s, "value_ids", 4, w, "value_ids");
    dict_save(made->names, w, "names.");
    dict_save(made->values, w, "values.");
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
    cr_assert_eq(sections_open(&changed, path), ERR_OK, "%s", err_text());
    rc = columns_map(&mapped, changed, "");
    columns_free(mapped);
    sections_close(changed);
    unlink(path);
    return rc;
}

Test(columns_file, refuses_columns_that_do_not_begin_where_the_one_before_ends)
{
    char path[] = "/tmp/test_columns_XXXXXX";
    struct columns *made = some_columns();
    struct sections_writer *w;
    struct sections *s = NULL;
    uint64_t starts[32];
    const uint64_t *as_saved;
    size_t n;

    make_path(path);
    w = sections_create(path);
    columns_save(made, w, "");
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
    cr_assert_eq(sections_open(&s, path), ERR_OK, "%s", err_text());
    as_saved = sections_get(s, "starts", 24, &n);
    cr_assert_leq(n * 24, sizeof starts);
    memcpy(starts, as_saved, n * 24);
    cr_expect_eq(map_with_starts(made, s, starts, n), ERR_OK, "%s", err_text());
    for (size_t i = 0; i < n; i++)
        for (size_t field = 0; field < 2; field++) {
            starts[3 * i + field] = UINT64_MAX - 1;
            cr_expect_eq(map_with_starts(made, s, starts, n), ERR_FORMAT, "%zu, %zu", i, field);
            starts[3 * i + field] = as_saved[3 * i + field];
        }
    columns_free(made);
    sections_close(s);
    unlink(path);
}
