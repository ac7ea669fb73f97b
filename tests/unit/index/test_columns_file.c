#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "index/columns.h"
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
