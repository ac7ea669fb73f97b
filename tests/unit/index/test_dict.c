#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "index/dict.h"

Test(dict, numbers_strings_in_order_of_arrival)
{
    struct dict *d = dict_new();
    uint32_t id;
    bool added;

    cr_expect_eq(dict_add(d, STR_LIT("a"), &added), 0);
    cr_expect(added);
    cr_expect_eq(dict_add(d, STR_LIT(""), NULL), 1);
    cr_expect_eq(dict_add(d, STR_LIT("a"), &added), 0);
    cr_expect_not(added);
    cr_expect(dict_find(d, STR_LIT(""), &id) && id == 1);
    cr_expect_not(dict_find(d, STR_LIT("b"), &id));
    cr_expect(str_eq(dict_at(d, 0), STR_LIT("a")));
    cr_expect_eq(dict_at(d, 1).n, 0);
    dict_free(d);
}

Test(dict, finds_all_of_many)
{
    struct dict *d = dict_new();
    char s[16];

    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(s, sizeof s, "w%u", i);
        cr_assert_eq(dict_add(d, str_of(s), NULL), i);
    }
    cr_expect_eq(dict_count(d), 20000);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t id = UINT32_MAX;

        snprintf(s, sizeof s, "w%u", i);
        cr_assert(dict_find(d, str_of(s), &id));
        cr_assert_eq(id, i);
        cr_assert(str_eq(dict_at(d, i), str_of(s)));
    }
    cr_expect_gt(dict_bytes(d), 20000);
    dict_free(d);
}

static void write_file(char *path, const struct dict *d, struct sections **s)
{
    struct sections_writer *w;
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    close(fd);
    w = sections_create(path);
    dict_save(d, w, "keys.");
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
    cr_assert_eq(sections_open(s, path), ERR_OK, "%s", err_text());
}

Test(dict, mapped_finds_what_was_saved)
{
    char path[] = "/tmp/test_dict_XXXXXX", word[16];
    struct dict *made = dict_new(), *mapped = NULL;
    struct sections *s = NULL;
    uint32_t id;

    dict_add(made, STR_LIT(""), NULL);
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(word, sizeof word, "w%u", i);
        dict_add(made, str_of(word), NULL);
    }
    write_file(path, made, &s);
    dict_free(made);
    cr_assert_eq(dict_map(&mapped, s, "keys."), ERR_OK, "%s", err_text());
    cr_expect_eq(dict_count(mapped), 1001);
    cr_expect(dict_find(mapped, STR_LIT(""), &id) && id == 0);
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(word, sizeof word, "w%u", i);
        cr_assert(dict_find(mapped, str_of(word), &id) && id == i + 1);
        cr_assert(str_eq(dict_at(mapped, id), str_of(word)));
    }
    cr_expect_not(dict_find(mapped, STR_LIT("w1000"), &id));
    cr_expect_lt(dict_bytes(mapped), 1000);
    dict_free(mapped);
    sections_close(s);
    unlink(path);
}

Test(dict, of_nothing_can_be_mapped)
{
    char path[] = "/tmp/test_dict_XXXXXX";
    struct dict *made = dict_new(), *mapped = NULL;
    struct sections *s = NULL;
    uint32_t id;

    write_file(path, made, &s);
    cr_assert_eq(dict_map(&mapped, s, "keys."), ERR_OK, "%s", err_text());
    cr_expect_eq(dict_count(mapped), 0);
    cr_expect_not(dict_find(mapped, STR_LIT("a"), &id));
    dict_free(mapped);
    dict_free(made);
    sections_close(s);
    unlink(path);
}

Test(dict, refuses_a_file_that_is_not_whole)
{
    char path[] = "/tmp/test_dict_XXXXXX";
    struct dict *made = dict_new(), *mapped = NULL;
    struct sections *s = NULL;
    struct sections_writer *w;

    write_file(path, made, &s);
    cr_expect_eq(dict_map(&mapped, s, "words."), ERR_FORMAT);
    sections_close(s);
    w = sections_create(path);
    sections_add(w, "keys.head", (uint64_t[]){1, 2, 3}, 3, 8);
    sections_add(w, "keys.bytes", "abc", 3, 1);
    sections_add(w, "keys.end", (uint64_t[]){1, 3}, 2, 8);
    sections_add(w, "keys.table", (uint64_t[]){0, 0}, 2, 8); /* no free place beside two strings */
    cr_assert_eq(sections_commit(w), ERR_OK);
    cr_assert_eq(sections_open(&s, path), ERR_OK);
    cr_expect_eq(dict_map(&mapped, s, "keys."), ERR_FORMAT);
    cr_expect_null(mapped);
    sections_close(s);
    dict_free(made);
    unlink(path);
}
