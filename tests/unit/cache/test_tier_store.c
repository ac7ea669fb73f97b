#include "cache/tier_store.h"

#include "unit/cache/tiers_world.h"

static struct tiers_world w;
static struct tier_store *s;

static void up(void)
{
    tiers_world_open(&w);
    s = tier_store_new(w.f.store, 1 << 20);
    tier_store_load(s);
}

static void down(void)
{
    tier_store_free(s);
    tiers_world_close(&w);
}

TestSuite(tier_store, .init = up, .fini = down);

static struct lru_value *find(const char *prompt)
{
    struct answer_origin o = tiers_asker(&w, prompt);

    return tier_store_find(s, &o);
}

static bool is_there(const char *prompt)
{
    struct lru_value *v = find(prompt);

    lru_value_unref(v);
    return v != NULL;
}

static void put(struct lru_value *v)
{
    struct tier_put p = {v, 1};

    tier_store_put(s, &p, 1, tier_store_generation(s));
    lru_value_unref(v);
}

Test(tier_store, an_answer_comes_back_as_it_was_with_the_askers_epoch)
{
    struct lru_value *v = tiers_answer(&w, "p", "body");
    struct answer_origin o;
    struct str document;
    size_t at = 0;

    v->precomputed = true;
    put(lru_value_ref(v));
    cr_expect(v->durable);
    lru_value_unref(v);
    w.epoch = 99;
    v = find("p");
    cr_assert_not_null(v);
    origin_of(v, &o);
    cr_expect(str_eq((struct str){v->bytes, v->n}, STR_LIT("body")));
    cr_expect_eq(v->tokens_in, 100);
    cr_expect_eq(v->tokens_out, 20);
    cr_expect_eq(v->made_us, 300000);
    cr_expect_eq(v->cost, 0.25f);
    cr_expect(v->precomputed);
    cr_expect(v->durable);
    cr_expect_eq(v->ttl_ms, 3600000);
    cr_expect_eq(o.epoch, 99);
    cr_assert(origin_next(v, &at, &document));
    cr_expect(str_eq(document, STR_LIT("a")));
    lru_value_unref(v);
    cr_expect_not(is_there("other"));
}

Test(tier_store, before_the_set_is_read_the_database_is_asked)
{
    struct tier_store *fresh;

    put(tiers_answer(&w, "p", "body"));
    fresh = tier_store_new(w.f.store, 1 << 20);
    tier_store_free(s);
    s = fresh;
    cr_expect(is_there("p"));
    tier_store_load(s);
    cr_expect(is_there("p"));
}

Test(tier_store, an_answer_overtaken_by_a_change_is_left_out_and_the_others_are_kept)
{
    struct tier_put v[2] = {{tiers_answer(&w, "early", "1"), 1}, {NULL, 1}};
    struct tier_store_stats stats;

    tiers_put_document(&w, "a", 3);
    v[1].answer = tiers_answer(&w, "late", "2");
    tier_store_put(s, v, 2, tier_store_generation(s));
    cr_expect_not(is_there("early"));
    cr_expect(is_there("late"));
    cr_expect_not(v[0].answer->durable);
    cr_expect(v[1].answer->durable);
    tier_store_stats_get(s, &stats);
    cr_expect_eq(stats.puts, 1);
    cr_expect_eq(stats.hits, 1);
    for (int i = 0; i < 2; i++)
        lru_value_unref(v[i].answer);
}

Test(tier_store, a_deleted_document_takes_its_answers_along)
{
    put(tiers_answer(&w, "p", "body"));
    tiers_delete_document(&w);
    cr_expect_not(is_there("p"));
}

Test(tier_store, what_is_durable_is_only_counted)
{
    struct lru_value *v = tiers_answer(&w, "p", "body");
    struct answer_origin o = tiers_asker(&w, "p");
    struct store_reader *r;
    struct answer_row row;

    put(lru_value_ref(v));
    for (int i = 0; i < 2; i++) {
        struct tier_put p = {v, 3};

        tier_store_put(s, &p, 1, tier_store_generation(s));
    }
    lru_value_unref(v);
    r = store_reader_get(w.f.store);
    MUST(store_find_answer(r, w.f.collection, &o.prompt_hash, clock_wall_ms(), w.f.mem, &row));
    store_reader_put(w.f.store, r);
    cr_expect_eq(row.hits, 7);
}

Test(tier_store, tidying_forgets_what_is_over_and_what_is_too_much)
{
    struct lru_value *v = tiers_answer(&w, "over", "body");
    struct tier_store_stats stats;

    v->stored_ms -= 2 * 3600000;
    put(v);
    put(tiers_answer(&w, "p", "body"));
    tier_store_tidy(s);
    cr_expect(is_there("p"));
    tier_store_stats_get(s, &stats);
    cr_expect_eq(stats.answers, 1);
    tier_store_free(s);
    s = tier_store_new(w.f.store, 1);
    tier_store_tidy(s);
    cr_expect_not(is_there("p"));
}

Test(tier_store, after_clearing_there_is_none)
{
    struct tier_store_stats stats;

    put(tiers_answer(&w, "p", "body"));
    tier_store_load(s);
    cr_expect_eq(tier_store_clear(s), ERR_OK);
    cr_expect_not(is_there("p"));
    tier_store_stats_get(s, &stats);
    cr_expect_eq(stats.answers, 0);
}

Test(tier_store, an_answer_of_a_collection_that_is_not_there_is_none)
{
    struct answer_origin o = tiers_asker(&w, "p");

    put(tiers_answer(&w, "p", "body"));
    o.collection = "other";
    cr_expect_null(tier_store_find(s, &o));
    o.collection = "default";
    o.tenant = "other";
    cr_expect_null(tier_store_find(s, &o));
}
