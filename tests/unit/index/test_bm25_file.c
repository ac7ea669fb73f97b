#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "bm25_fixture.h"

static char *path_of_file(void)
{
    char name[] = "/tmp/test_bm25_XXXXXX";
    int fd = mkstemp(name);

    cr_assert_geq(fd, 0);
    close(fd);
    return mem_strdup(name);
}

static struct bm25 *some_index(unsigned from)
{
    unsigned docs[50];

    for (unsigned i = 0; i < 50; i++)
        docs[i] = from + i;
    return index_of(docs, 50);
}

static struct sections *written(const struct bm25 *b, const char *path)
{
    struct sections_writer *w = sections_create(path);
    struct sections *s = NULL;

    bm25_save(b, w, "words.");
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
    cr_assert_eq(sections_open(&s, path), ERR_OK, "%s", err_text());
    cr_assert_eq(sections_verify(s), ERR_OK, "%s", err_text());
    return s;
}

Test(bm25_file, mapped_is_what_was_saved)
{
    char *path = path_of_file();
    struct bm25 *made = some_index(3), *mapped = NULL;
    struct sections *s = written(made, path);

    cr_assert_eq(bm25_map(&mapped, s, "words."), ERR_OK, "%s", err_text());
    expect_equal(made, mapped);
    cr_expect_arr_eq(made->cells, mapped->cells, BM25_CELLS * sizeof *made->cells);
    cr_expect_lt(bm25_bytes(mapped), 1024);
    bm25_free(mapped);
    bm25_free(made);
    sections_close(s);
    unlink(path);
    mem_free(path);
}

Test(bm25_file, an_index_of_nothing_can_be_mapped)
{
    char *path = path_of_file();
    struct bm25 *made = bm25_finish(NULL, 0), *mapped = NULL;
    struct sections *s = written(made, path);

    cr_assert_eq(bm25_map(&mapped, s, "words."), ERR_OK, "%s", err_text());
    expect_equal(made, mapped);
    bm25_free(mapped);
    bm25_free(made);
    sections_close(s);
    unlink(path);
    mem_free(path);
}

Test(bm25_file, mapped_parts_merge_with_others)
{
    char *path = path_of_file();
    struct bm25 *first = some_index(0), *second = some_index(50), *mapped = NULL;
    struct sections *s = written(first, path);
    const uint64_t dead[] = {0x5};
    struct bm25 *merged, *want;

    cr_assert_eq(bm25_map(&mapped, s, "words."), ERR_OK, "%s", err_text());
    merged =
        bm25_merge((const struct bm25 *[]){mapped, second}, (const uint64_t *[]){dead, NULL}, 2);
    want = bm25_merge((const struct bm25 *[]){first, second}, (const uint64_t *[]){dead, NULL}, 2);
    cr_expect_eq(merged->n_chunks, 98);
    expect_equal(merged, want);
    bm25_free(mapped);
    bm25_free(first);
    bm25_free(second);
    sections_close(s); /* nothing of the file is in it */
    cr_expect(str_eq(dict_at(merged->terms, 0), dict_at(want->terms, 0)));
    bm25_free(merged);
    bm25_free(want);
    unlink(path);
    mem_free(path);
}

Test(bm25_file, refuses_what_is_not_whole)
{
    char *path = path_of_file();
    struct bm25 *made = some_index(0), *mapped = NULL;
    struct sections_writer *w;
    struct sections *s = written(made, path);

    cr_expect_eq(bm25_map(&mapped, s, "others."), ERR_FORMAT);
    sections_close(s);
    w = sections_create(path);
    dict_save(made->terms, w, "words.terms.");
    sections_add(w, "words.head", (uint64_t[]){1, made->n_chunks, made->n_terms, 5, 6, 7}, 6, 8);
    sections_add(w, "words.texts", made->texts, made->n_chunks - (size_t)1, 16);
    cr_assert_eq(sections_commit(w), ERR_OK);
    cr_assert_eq(sections_open(&s, path), ERR_OK);
    cr_expect_eq(bm25_map(&mapped, s, "words."), ERR_FORMAT);
    cr_expect_null(mapped);
    sections_close(s);
    bm25_free(made);
    unlink(path);
    mem_free(path);
}
