#include "server/cache_report.h"

#include "support/world.h"

static json_t *report(struct engine *e)
{
    struct buf b = {0};
    struct jsonw w = jsonw_to(&b);
    json_t *v;

    cache_report_json(e, &w);
    v = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(v, "%s", b.p);
    buf_done(&b);
    return v;
}

Test(cache_report, tells_of_memory_and_of_the_tiers_behind_it)
{
    struct world w;
    json_t *v;

    WORLD_OPEN(&w);
    answers_count(w.engine->answers, ANSWERS_OUTCOME_JOINED);
    answers_count(w.engine->answers, ANSWERS_OUTCOME_MISS);
    v = report(w.engine);
    cr_expect_eq(json_integer_value(json_object_get(v, "joined")), 1);
    cr_expect_eq(json_integer_value(json_object_get(v, "misses")), 1);
    cr_expect_eq(json_number_value(json_object_get(v, "hit_rate")), 0.5);
    cr_expect(json_is_object(json_object_get(v, "saved")));
    cr_expect(json_is_object(json_object_get(v, "store")));
    cr_expect(json_is_null(json_object_get(v, "redis")), "none is configured");
    json_decref(v);
    world_close(&w);
}

Test(cache_report, metrics_have_every_outcome_and_what_was_saved)
{
    static const char *const names[] = {
        "ragd_cache_hits_total 0\n",         "ragd_cache_revalidated_total 0\n",
        "ragd_cache_stored_total 0\n",       "ragd_cache_shared_total 0\n",
        "ragd_cache_precomputed_total 0\n",  "ragd_cache_joined_total 1\n",
        "ragd_cache_misses_total 0\n",       "ragd_cache_saved_seconds_total 0\n",
        "ragd_cache_saved_tokens_total 0\n", "ragd_cache_saved_cost_total 0\n",
        "ragd_cache_store_entries 0\n",
    };
    struct world w;
    struct buf b = {0};

    WORLD_OPEN(&w);
    answers_count(w.engine->answers, ANSWERS_OUTCOME_JOINED);
    cache_report_metrics(w.engine, &b);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(strstr(b.p, names[i]), "%s is not in\n%s", names[i], b.p);
    cr_expect_null(strstr(b.p, "ragd_redis_"));
    buf_done(&b);
    world_close(&w);
}
