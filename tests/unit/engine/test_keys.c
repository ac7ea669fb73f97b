#include "engine/keys.h"

#include <pthread.h>

#include "store/store_keys.h"
#include "unit/store/store_fixture.h"

static struct fixture f;
static struct keys *keys;

static void up(void)
{
    fix_up(&f);
    MUST(keys_open(&keys, f.store, "default"));
}

static void down(void)
{
    keys_close(keys);
    fix_down(&f);
}

TestSuite(keys, .init = up, .fini = down);

static const struct key_spec reader = {.tenant = "acme", .role = "read"};

static bool is_known(const char *text, int64_t now_ms)
{
    struct caller *c = keys_find(keys, str_of(text), now_ms);

    caller_unref(c);
    return c != NULL;
}

Test(keys, a_folder_without_keys_needs_none)
{
    struct caller *c = keys_operator(keys);

    cr_expect_not(keys_needed(keys));
    cr_expect_str_eq(c->tenant, "default");
    caller_unref(c);
}

Test(keys, one_that_was_made_is_found_at_once_and_after_a_restart)
{
    char text[KEY_TEXT_BYTES];
    struct caller *c;
    int64_t id;

    MUST(keys_add(keys, &reader, text, &id));
    cr_expect(keys_needed(keys));
    for (int i = 0; i < 2; i++) {
        c = keys_find(keys, str_of(text), 0);
        cr_assert_not_null(c);
        cr_expect_eq(c->id, id);
        cr_expect_str_eq(c->tenant, "acme");
        caller_unref(c);
        keys_close(keys);
        MUST(keys_open(&keys, f.store, "default"));
    }
}

Test(keys, what_is_nearly_a_key_is_none)
{
    char text[KEY_TEXT_BYTES], other[KEY_TEXT_BYTES];
    int64_t id;

    MUST(keys_add(keys, &reader, text, &id));
    for (size_t i = 0; i + 1 < KEY_TEXT_BYTES; i++) {
        memcpy(other, text, sizeof other);
        other[i] = other[i] == 'x' ? 'y' : 'x';
        cr_expect_not(is_known(other, 0), "%s", other);
    }
    cr_expect_not(is_known("", 0));
    text[KEY_TEXT_BYTES - 2] = '\0';
    cr_expect_not(is_known(text, 0));
}

Test(keys, no_two_are_the_same)
{
    char a[KEY_TEXT_BYTES], b[KEY_TEXT_BYTES];
    int64_t id;

    MUST(keys_add(keys, &reader, a, &id));
    MUST(keys_add(keys, &reader, b, &id));
    cr_expect_str_neq(a, b);
    cr_expect(strncmp(a, KEY_PREFIX, sizeof KEY_PREFIX - 1) == 0);
    cr_expect_eq(strlen(a), KEY_TEXT_BYTES - 1);
    cr_expect_eq(strspn(a + sizeof KEY_PREFIX - 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                                                   "uvwxyz0123456789-_"),
                 43u);
}

Test(keys, a_revoked_one_is_gone_at_once_and_keys_are_needed_all_the_same)
{
    char text[KEY_TEXT_BYTES];
    struct caller *held;
    uint64_t version;
    bool was;
    int64_t id;

    MUST(keys_add(keys, &reader, text, &id));
    held = keys_find(keys, str_of(text), 0);
    version = keys_version(keys);
    MUST(keys_revoke(keys, id, &was));
    cr_expect_not(was);
    cr_expect_neq(keys_version(keys), version, "who remembers a caller learns of it");
    cr_expect_not(is_known(text, 0));
    cr_expect(keys_needed(keys));
    cr_expect_str_eq(held->tenant, "acme", "a request under way goes on");
    caller_unref(held);
    MUST(keys_revoke(keys, id, &was));
    cr_expect(was);
    cr_expect_eq(keys_revoke(keys, id + 1, &was), ERR_NOT_FOUND);
}

Test(keys, an_expired_one_is_not_found)
{
    struct key_spec spec = {.tenant = "acme", .role = "read", .expires_ms = 1000};
    char text[KEY_TEXT_BYTES];
    int64_t id;

    MUST(keys_add(keys, &spec, text, &id));
    cr_expect(is_known(text, 999));
    cr_expect_not(is_known(text, 1000));
}

Test(keys, what_is_wrong_makes_no_key)
{
    char text[KEY_TEXT_BYTES] = "untouched";
    struct key_spec spec = {.tenant = "a b", .role = "read"};
    int64_t id = -1;

    cr_expect_eq(keys_add(keys, &spec, text, &id), ERR_ARGUMENT);
    spec = (struct key_spec){.tenant = "a", .role = "read", .filter = "x >"};
    cr_expect_eq(keys_add(keys, &spec, text, &id), ERR_ARGUMENT);
    spec.filter = "_page > 3";
    cr_expect_eq(keys_add(keys, &spec, text, &id), ERR_ARGUMENT);
    cr_expect_str_eq(text, "untouched");
    cr_expect_eq(id, -1);
    cr_expect_not(keys_needed(keys));
}

static int add_damaged(struct store_tx *tx, void *arg)
{
    struct key_row row = {.hash = *(struct digest *)arg,
                          .name = "",
                          .tenant = "t",
                          .role = "emperor",
                          .collections = "",
                          .filter = ""};

    return store_tx_add_key(tx, &row);
}

Test(keys, a_row_that_says_nothing_sensible_opens_nothing_and_harms_no_other)
{
    char text[KEY_TEXT_BYTES];
    struct digest hash = digest_of("x", 1);
    int64_t id;

    MUST(store_write(f.store, add_damaged, NULL, &hash));
    MUST(keys_add(keys, &reader, text, &id));
    cr_expect(is_known(text, 0));
    cr_expect(keys_needed(keys));
}

/* ---- together ---- */

static void *add_and_revoke(void *arg)
{
    char text[KEY_TEXT_BYTES];
    int64_t id;
    bool was;

    (void)arg;
    for (int i = 0; i < 20; i++) {
        cr_expect_eq(keys_add(keys, &reader, text, &id), ERR_OK);
        cr_expect(is_known(text, 0));
        cr_expect_eq(keys_revoke(keys, id, &was), ERR_OK);
        cr_expect_not(is_known(text, 0));
    }
    return NULL;
}

Test(keys, many_add_and_revoke_at_once)
{
    pthread_t t[4];

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, add_and_revoke, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
}
