#include "store/store_keys.h"

#include "unit/store/store_fixture.h"

static struct fixture f;

static void up(void)
{
    fix_up(&f);
}

static void down(void)
{
    fix_down(&f);
}

TestSuite(store_keys, .init = up, .fini = down);

static struct key_row row_of(const char *secret)
{
    return (struct key_row){.hash = digest_of(secret, strlen(secret)),
                            .name = "n",
                            .tenant = "acme",
                            .role = "read",
                            .collections = "a,b",
                            .filter = "{}",
                            .requests_per_minute = 1,
                            .tokens_per_minute = 2,
                            .tokens_per_day = 3,
                            .concurrency = 4,
                            .created_ms = 5,
                            .expires_ms = 6};
}

static int add_in(struct store_tx *tx, void *arg)
{
    return store_tx_add_key(tx, arg);
}

static int add(struct key_row *row)
{
    return store_write(f.store, add_in, NULL, row);
}

struct revoking {
    int64_t id;
    bool was;
};

static int revoke_in(struct store_tx *tx, void *arg)
{
    struct revoking *r = arg;

    return store_tx_revoke_key(tx, r->id, 77, &r->was);
}

struct seen_rows {
    size_t n;
    struct key_row last;
};

static int see(void *arg, const struct key_row *row)
{
    struct seen_rows *s = arg;

    s->n++;
    s->last = *row;
    cr_expect_str_eq(row->tenant, "acme");
    cr_expect_str_eq(row->role, "read");
    cr_expect_str_eq(row->collections, "a,b");
    cr_expect_str_eq(row->filter, "{}");
    return ERR_OK;
}

static struct seen_rows rows(void)
{
    struct seen_rows s = {0};
    struct store_reader *r = store_reader_get(f.store);

    MUST(store_each_key(r, see, &s));
    store_reader_put(f.store, r);
    return s;
}

Test(store_keys, a_row_comes_back_as_it_was_written)
{
    struct key_row row = row_of("secret");
    struct seen_rows s;

    MUST(add(&row));
    s = rows();
    cr_expect_eq(s.n, 1u);
    cr_expect_eq(s.last.id, row.id);
    cr_expect(digest_eq(&s.last.hash, &row.hash));
    cr_expect_eq(s.last.requests_per_minute, 1);
    cr_expect_eq(s.last.tokens_per_minute, 2);
    cr_expect_eq(s.last.tokens_per_day, 3);
    cr_expect_eq(s.last.concurrency, 4);
    cr_expect_eq(s.last.created_ms, 5);
    cr_expect_eq(s.last.expires_ms, 6);
    cr_expect_eq(s.last.revoked_ms, 0);
}

Test(store_keys, a_revoked_row_stays_and_its_id_is_not_used_again)
{
    struct key_row a = row_of("a"), b = row_of("b");
    struct revoking r;

    MUST(add(&a));
    r = (struct revoking){.id = a.id};
    MUST(store_write(f.store, revoke_in, NULL, &r));
    cr_expect_not(r.was);
    MUST(store_write(f.store, revoke_in, NULL, &r));
    cr_expect(r.was, "the second time changes nothing");
    cr_expect_eq(rows().last.revoked_ms, 77);
    MUST(add(&b));
    cr_expect_gt(b.id, a.id);
    cr_expect_eq(rows().n, 2u);
}

Test(store_keys, one_that_is_not_there_cannot_be_revoked)
{
    struct revoking r = {.id = 9};

    cr_expect_eq(store_write(f.store, revoke_in, NULL, &r), ERR_NOT_FOUND);
}

Test(store_keys, the_same_key_twice_is_refused)
{
    struct key_row row = row_of("secret");

    MUST(add(&row));
    cr_expect_lt(add(&row), 0);
    cr_expect_eq(rows().n, 1u);
}

Test(store_keys, a_text_over_the_limit_is_refused)
{
    struct key_row row = row_of("secret");
    char *name = arena_zalloc(f.mem, STORE_KEY_TEXT_MAX + 2);

    memset(name, 'x', STORE_KEY_TEXT_MAX + 1);
    row.name = name;
    cr_expect_eq(add(&row), ERR_LIMIT);
    cr_expect_eq(rows().n, 0u);
}
