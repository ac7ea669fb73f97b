#include "base/map.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct map *m;

static void up(void)
{
    m = map_new();
}

static void down(void)
{
    map_free(m);
}

TestSuite(map, .init = up, .fini = down);

Test(map, gives_back_what_was_put)
{
    uint64_t v = 5;

    cr_expect(!map_get(m, "a", 1, &v));
    cr_expect_eq(v, 5, "untouched when it is not there");
    map_put(m, "a", 1, 10);
    map_put(m, "a", 1, 11);
    cr_expect(map_get(m, "a", 1, &v));
    cr_expect_eq(v, 11);
    cr_expect_eq(map_count(m), 1);
}

Test(map, keys_are_bytes_of_a_length)
{
    uint64_t v = 0;

    map_put(m, "", 0, 1);
    map_put(m, "\0", 1, 2);
    map_put(m, "\0\0", 2, 3);
    cr_expect_eq(map_count(m), 3);
    cr_expect(map_get(m, "", 0, &v));
    cr_expect_eq(v, 1);
    cr_expect(map_get(m, "\0\0", 2, &v));
    cr_expect_eq(v, 3);
}

Test(map, copies_its_keys)
{
    char key[] = "key";
    uint64_t v = 0;

    map_put(m, key, 3, 1);
    key[0] = 'X';
    cr_expect(map_get(m, "key", 3, &v));
}

Test(map, a_slot_is_made_once)
{
    bool added;

    ++*map_slot(m, "n", 1, 0, &added);
    cr_expect(added);
    ++*map_slot(m, "n", 1, 0, &added);
    cr_expect(!added);
    cr_expect_eq(*map_slot(m, "n", 1, 0, NULL), 2);
}

Test(map, what_is_removed_can_come_back)
{
    uint64_t v = 0;

    map_put(m, "a", 1, 1);
    cr_expect(map_remove(m, "a", 1));
    cr_expect(!map_remove(m, "a", 1));
    cr_expect(!map_get(m, "a", 1, &v));
    map_put(m, "a", 1, 2);
    cr_expect(map_get(m, "a", 1, &v));
    cr_expect_eq(v, 2);
}

/* 20,000 random operations on 500 keys against a plain array. */
Test(map, behaves_like_its_model)
{
    static int64_t model[500];
    unsigned seed = 3;
    size_t n = 0, at = 0, n_walked = 0, len;
    const void *key;
    uint64_t v;

    memset(model, -1, sizeof model);
    for (int i = 0; i < 20000; i++) {
        int k = rand_r(&seed) % 500;

        if (rand_r(&seed) % 3) {
            n += model[k] < 0;
            map_put(m, &k, sizeof k, (uint64_t)i);
            model[k] = i;
        } else {
            cr_assert_eq(map_remove(m, &k, sizeof k), model[k] >= 0);
            n -= model[k] >= 0;
            model[k] = -1;
        }
    }
    cr_expect_eq(map_count(m), n);
    while (map_next(m, &at, &key, &len, &v)) {
        int k;

        memcpy(&k, key, sizeof k);
        cr_assert_eq(model[k], (int64_t)v);
        n_walked++;
    }
    cr_expect_eq(n_walked, n);
}

Test(map, putting_and_removing_for_ever_does_not_fill_it)
{
    for (int i = 0; i < 100000; i++) {
        map_put(m, &i, sizeof i, 1);
        cr_assert(map_remove(m, &i, sizeof i));
    }
    cr_expect_eq(map_count(m), 0);
}
