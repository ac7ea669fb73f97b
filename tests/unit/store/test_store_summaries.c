#include "store/store_summaries.h"

#include <math.h>

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

TestSuite(store_summaries, .init = up, .fini = down);

static const struct digest by_one = {{1}}, by_other = {{2}};

static int64_t put(const char *key, size_t n_chunks, unsigned seed)
{
    struct fix_document d = fix_document(&f, key, n_chunks, seed, 1);

    MUST(fix_put(&f, &d));
    return d.row.id;
}

struct marking {
    int64_t id;
    const struct digest *by;
};

static int mark_in(struct store_tx *tx, void *arg)
{
    struct marking *m = arg;

    return store_tx_mark_summary(tx, m->id, m->by);
}

static void mark(int64_t id, const struct digest *by)
{
    MUST(store_write(f.store, mark_in, NULL, &(struct marking){id, by}));
}

/* The keys that are owed, one after another. */
static const char *owed(const struct digest *not_by)
{
    struct owed_spec spec = {f.collection, 2, not_by};
    struct store_reader *r = store_reader_get(f.store);
    char *out = arena_zalloc(f.mem, 64);
    int64_t id = 0;
    struct str key;
    uint64_t n = 0;

    while (store_next_owed(r, &spec, id, f.mem, &id, &key) == ERR_OK)
        strncat(out, key.p, key.n);
    MUST(store_count_owed(r, &spec, &n));
    cr_expect_eq(n, strlen(out));
    store_reader_put(f.store, r);
    return out;
}

Test(store_summaries, are_owed_to_longer_documents_until_they_are_marked)
{
    int64_t a = put("a", 3, 1);

    put("b", 2, 2);
    put("c", 5, 3);
    cr_expect_str_eq(owed(NULL), "ac");
    mark(a, &by_one);
    cr_expect_str_eq(owed(NULL), "c");
    cr_expect_str_eq(owed(&by_one), "c");
    cr_expect_str_eq(owed(&by_other), "ac", "another's do not count, where it is asked so");
    mark(a, &by_other);
    cr_expect_str_eq(owed(&by_other), "c");
}

Test(store_summaries, are_owed_again_to_a_new_version)
{
    mark(put("a", 3, 1), &by_one);
    put("a", 3, 2);
    cr_expect_str_eq(owed(NULL), "a");
}

Test(store_summaries, marks_go_with_their_document)
{
    int64_t a = put("a", 3, 1);

    mark(a, &by_one);
    MUST(fix_delete(&f, a));
    cr_expect_str_eq(owed(NULL), "");
    put("a", 3, 1);
    cr_expect_str_eq(owed(NULL), "a");
    cr_expect_eq(fix_check(&f), 0);
}

struct paying {
    int64_t day;
    struct spent more;
};

static int pay_in(struct store_tx *tx, void *arg)
{
    struct paying *p = arg;

    return store_tx_add_spent(tx, p->day, &p->more);
}

Test(store_summaries, what_is_paid_adds_up_by_the_day_and_outlives_the_process)
{
    struct store_reader *r;
    struct spent s;

    MUST(store_write(f.store, pay_in, NULL, &(struct paying){7, {100, 0.25}}));
    MUST(store_write(f.store, pay_in, NULL, &(struct paying){7, {20, 0.5}}));
    MUST(store_write(f.store, pay_in, NULL, &(struct paying){8, {1, 1}}));
    store_close(f.store);
    fix_open(&f);
    r = store_reader_get(f.store);
    MUST(store_find_spent(r, 7, &s));
    cr_expect_eq(s.tokens, 120);
    cr_expect_lt(fabs(s.cost - 0.75), 1e-12);
    MUST(store_find_spent(r, 9, &s));
    cr_expect_eq(s.tokens, 0);
    store_reader_put(f.store, r);
}
