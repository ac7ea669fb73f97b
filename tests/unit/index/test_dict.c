#include <criterion/criterion.h>
#include <stdio.h>

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
