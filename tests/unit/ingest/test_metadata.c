#include "ingest/metadata.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

static json_t *json(const char *text)
{
    json_t *v = text ? json_loads(text, 0, NULL) : NULL;

    cr_assert(!text || v, "%s", text);
    return v;
}

static int merge(const char *own, const char *row, const char *given, struct arena *mem,
                 struct str *out)
{
    json_t *a = json(own), *b = json(row), *c = json(given);
    int rc = metadata_merge(a, b, c, mem, out);

    json_decref(a);
    json_decref(b);
    json_decref(c);
    return rc;
}

static void merges(const char *own, const char *row, const char *given, const char *want)
{
    struct arena *mem = arena_new(0);
    struct str got;

    cr_assert_eq(merge(own, row, given, mem, &got), ERR_OK, "%s", err_text());
    cr_expect(str_eq(got, str_of(want)), "%s", got.p);
    arena_free(mem);
}

static void refuses(const char *own, int code, const char *part)
{
    struct arena *mem = arena_new(0);
    struct str got = {"untouched", 9};

    cr_expect_eq(merge(own, NULL, NULL, mem, &got), code);
    cr_expect_not_null(strstr(err_text(), part), "%s", err_text());
    cr_expect_eq(got.n, 9);
    arena_free(mem);
}

Test(metadata, of_nothing_is_an_empty_object)
{
    merges(NULL, NULL, NULL, "{}");
}

Test(metadata, merges_so_that_later_wins)
{
    merges("{\"a\":1,\"b\":1,\"c\":1}", "{\"b\":2,\"c\":2}", "{\"c\":3}",
           "{\"a\":1,\"b\":2,\"c\":3}");
}

Test(metadata, is_canonical)
{
    merges("{\"b\":[1,2],\"a\":\"x\"}", NULL, NULL, "{\"a\":\"x\",\"b\":[1,2]}");
}

Test(metadata, loses_a_field_to_null)
{
    merges("{\"a\":1,\"b\":1}", NULL, "{\"a\":null}", "{\"b\":1}");
}

Test(metadata, refuses_reserved_and_empty_names)
{
    refuses("{\"_kind\":\"text\"}", ERR_ARGUMENT, "'_kind' is reserved");
    refuses("{\"\":1}", ERR_ARGUMENT, "empty name");
    refuses("[1]", ERR_ARGUMENT, "object");
}

Test(metadata, has_a_limit)
{
    struct buf b;

    buf_init(&b);
    buf_add_str(&b, "{\"a\":\"");
    for (unsigned i = 0; i < METADATA_BYTES_MAX; i++)
        buf_add_char(&b, 'x');
    buf_add_str(&b, "\"}");
    refuses(b.p, ERR_LIMIT, "over the limit");
    buf_done(&b);
}

/* ---- the file of rows ---- */

static int open_rows(struct meta_rows **out, const char *text)
{
    char path[] = "/tmp/ragd-meta-XXXXXX";
    int fd = mkstemp(path), rc;

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    rc = meta_rows_open(out, path);
    unlink(path);
    return rc;
}

Test(meta_rows, are_found_by_path)
{
    struct meta_rows *m;
    const json_t *row;

    cr_assert_eq(open_rows(&m, "{\"path\":\"a/b.md\",\"year\":2020}\n\n{\"path\":\"./c.md\"}\n"),
                 ERR_OK, "%s", err_text());
    row = meta_rows_find(m, STR_LIT("a/b.md"));
    cr_assert_not_null(row);
    cr_expect_eq(json_integer_value(json_object_get(row, "year")), 2020);
    cr_expect_null(json_object_get(row, "path"), "the path is no metadata");
    cr_expect_not_null(meta_rows_find(m, STR_LIT("c.md")));
    cr_expect_null(meta_rows_find(m, STR_LIT("b.md")));
    cr_expect_null(meta_rows_find(NULL, STR_LIT("b.md")));
    meta_rows_close(m);
}

Test(meta_rows, refuse_bad_lines_by_their_number)
{
    static const char *const bad[] = {
        "{\"path\":\"a\"}\n{\"path\":", "{\"path\":\"a\"}\n[]", "{\"path\":\"a\"}\n{\"year\":1}",
        "{\"path\":\"a\"}\n{\"path\":7}", "{\"path\":\"a\"}\n{\"path\":\"a\"}"};
    struct meta_rows *m = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_lt(open_rows(&m, bad[i]), 0, "%s", bad[i]);
        cr_expect_not_null(strstr(err_text(), "line 2"), "%s", err_text());
        cr_expect_null(m);
    }
    cr_expect_eq(meta_rows_open(&m, "/nonexistent/meta.jsonl"), ERR_NOT_FOUND);
}
