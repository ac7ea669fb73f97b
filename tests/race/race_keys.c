/* race_keys.c - keys are looked up by many threads while others are made and revoked. */
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/pool.h"
#include "engine/keys.h"
#include "store/store.h"

#define ROUNDS 60

struct world {
    struct keys *keys;
    char lasting[KEY_TEXT_BYTES];
    _Atomic uint64_t n_found;
};

static void make_and_revoke(struct keys *keys)
{
    struct key_spec spec = {.tenant = "acme", .role = "read", .filter = "dept=hr"};
    char text[KEY_TEXT_BYTES];
    struct caller *c;
    int64_t id;
    bool was;

    CHECK(keys_add(keys, &spec, text, &id) == ERR_OK);
    c = keys_find(keys, str_of(text), 0);
    CHECK(c != NULL);
    CHECK(keys_revoke(keys, id, &was) == ERR_OK);
    CHECK(keys_find(keys, str_of(text), 0) == NULL);
    CHECK(c->id == id); /* still ours */
    caller_unref(c);
}

static void use(void *arg, size_t i)
{
    struct world *w = arg;
    struct caller *c;

    if (i % 4 == 0) {
        make_and_revoke(w->keys);
        return;
    }
    for (int k = 0; k < 200; k++) {
        CHECK(keys_version(w->keys) > 0 && keys_needed(w->keys));
        c = keys_find(w->keys, str_of(w->lasting), 0);
        CHECK(c && strcmp(c->tenant, "lasting") == 0);
        caller_unref(c);
        atomic_fetch_add(&w->n_found, 1);
    }
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int main(void)
{
    char dir[] = "/tmp/ragd-race-XXXXXX";
    struct pool *pool = pool_new("race", 4, 64);
    struct key_spec spec = {.tenant = "lasting", .role = "admin"};
    struct world w = {0};
    struct store *store;
    int64_t id;

    CHECK(mkdtemp(dir) != NULL);
    CHECK(store_open(&store, dir) == ERR_OK);
    CHECK(keys_open(&w.keys, store, "default") == ERR_OK);
    CHECK(keys_add(w.keys, &spec, w.lasting, &id) == ERR_OK);
    pool_each(pool, ROUNDS, use, &w);
    printf("keys: %llu found\n", (unsigned long long)w.n_found);
    pool_free(pool);
    keys_close(w.keys);
    store_close(store);
    nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
