#include "server/routes.h"

#include "support/plug.h"

#define ASK "{\"question\":\"What do frogs eat?\"}"

static char *cache_status(const struct live *l, const char *body)
{
    int status;
    json_t *j = live_call(l, "POST", "/query", body, &status);
    char *s = mem_strdup(json_string_value(json_object_get(json_object_get(j, "cache"), "status")));

    json_decref(j);
    return s;
}

Test(routes_query, answers_from_documents_then_from_memory)
{
    struct live l;
    char *s;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies and other insects.", NULL);
    s = live_member(&l, "POST", "/query", ASK, "answer");
    cr_expect(strstr(s, "flies"), "%s", s);
    mem_free(s);
    s = cache_status(&l, ASK);
    cr_expect_str_eq(s, "hit");
    mem_free(s);
    world_put(&l.world, "frogs", "Frogs eat cake.", NULL);
    s = live_member(&l, "POST", "/query", ASK, "answer");
    cr_expect(strstr(s, "cake"), "never stale: %s", s);
    mem_free(s);
    live_close(&l);
}

Test(routes_query, streams_and_searches)
{
    struct live l;
    char *reply;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies and other insects.", NULL);
    cr_expect_eq(live_status(&l, "POST", "/search", ASK), 200);
    reply = live_raw(&l, "POST /query/stream HTTP/1.0\r\nContent-Type: application/json\r\n"
                         "Content-Length: 33\r\nAccept: text/plain\r\n\r\n"
                         "{\"question\":\"What do frogs eat?\"} ");
    cr_expect(strstr(reply, "Content-Type: text/plain"));
    cr_expect(strstr(reply, "\r\n\r\nFrogs eat flies"), "%s", reply);
    mem_free(reply);
    live_close(&l);
}

Test(routes_query, bad_requests_are_400)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    cr_expect_eq(live_status(&l, "POST", "/query", "{"), 400);
    cr_expect_eq(live_status(&l, "POST", "/query", "{\"question\":\"\"}"), 400);
    cr_expect_eq(live_status(&l, "POST", "/query/stream", "{}"), 400);
    cr_expect_eq(live_status(&l, "POST", "/search", "{\"question\":\"x\",\"answer\":\"none\"}"),
                 400);
    live_close(&l);
}

static int64_t cache_counts(const struct live *l, const char *key)
{
    int status;
    json_t *j = live_call(l, "GET", "/cache", NULL, &status);
    int64_t n = json_integer_value(json_object_get(j, key));

    cr_assert(json_is_integer(json_object_get(j, key)), "%s", key);
    json_decref(j);
    return n;
}

Test(routes_query, each_question_is_counted_once)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "cats", "Cats eat fish.", NULL);
    cr_expect_eq(live_status(&l, "POST", "/query", ASK), 200);
    cr_expect_eq(live_status(&l, "POST", "/query", ASK), 200);
    world_put(&l.world, "frogs", "Frogs eat flies and other insects.", NULL);
    cr_expect_eq(live_status(&l, "POST", "/query", ASK), 200);
    cr_expect_eq(cache_counts(&l, "misses"), 2);
    cr_expect_eq(cache_counts(&l, "hits"), 1);
    live_close(&l);
}

static json_t *timings_of(const struct live *l, const char *path, const char *body)
{
    int status;
    json_t *j = live_call(l, "POST", path, body, &status);
    json_t *timings = json_incref(json_object_get(j, "timings"));

    cr_assert_eq(status, 200);
    cr_assert(json_is_object(timings));
    json_decref(j);
    return timings;
}

static double ms(const json_t *timings, const char *name)
{
    return json_number_value(json_object_get(timings, name));
}

/* How long each takes is the machine's affair; that each is counted, and counted once, is ours. */
static void expect_stages(const struct live *l, const char *path, const char *body,
                          const char *passed, const char *not_passed)
{
    json_t *timings = timings_of(l, path, body);
    double sum = ms(timings, "other_ms");
    const char *name;
    char word[24];

    for (int i = 0; i < N_STAGES; i++) {
        name = stage_ms_name((enum stage)i);
        snprintf(word, sizeof word, " %s ", stage_name((enum stage)i));
        sum += ms(timings, name);
        if (strstr(passed, word))
            cr_expect_gt(ms(timings, name), 0, "%s: %s", path, name);
        if (strstr(not_passed, word))
            cr_expect_eq(ms(timings, name), 0, "%s: %s", path, name);
    }
    cr_expect_float_eq(sum, ms(timings, "total_ms"), 0.02, "%s", path);
    json_decref(timings);
}

Test(routes_query, the_stages_passed_and_what_none_claims_add_up_to_the_whole)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies and other insects.", NULL);
    expect_stages(&l, "/query", ASK, " queue search fetch generate ", "");
    expect_stages(&l, "/query", ASK, " queue ", " embed search fetch context generate ");
    expect_stages(&l, "/search", ASK, " queue search fetch ", " context generate ");
    live_close(&l);
}

/* ---- overload ---- */

Test(routes_query, a_full_queue_is_503_with_retry_after_and_memory_still_answers)
{
    struct live l;
    struct plug plug;
    struct pool *pool;
    uint64_t flow;
    char *s;

    WORLD_OPEN(&l.world);
    l.world.config.server.workers = 1;
    l.world.config.server.queue = 1;
    world_reopen(&l.world);
    live_start(&l, NULL);
    pool = l.world.engine->pool;
    flow = pool_flow("default"); /* theirs, who share its room */
    world_put(&l.world, "frogs", "Frogs eat flies and other insects.", NULL);
    cr_expect_eq(live_status(&l, "POST", "/query", "{\"question\":\"known\"}"), 200);
    plug_init(&plug);
    cr_assert_eq(pool_submit_for(pool, QUEUE_URGENT, flow, plug_worker, &plug), ERR_OK);
    sem_wait(&plug.started); /* the one worker has it, so the next one waits */
    cr_assert_eq(pool_submit_for(pool, QUEUE_URGENT, flow, plug_worker, &plug), ERR_OK);
    expect_busy(&l, "/query", ASK, "application/problem+json");
    expect_busy(&l, "/query", ASK, "application/problem+json"); /* the failed one leaves no flight
                                                                   behind that one could join */
    expect_busy(&l, "/query/stream", ASK, "application/problem+json");
    expect_busy(&l, "/search", ASK, "application/problem+json");
    s = cache_status(&l, "{\"question\":\"known\"}");
    cr_expect_str_eq(s, "hit");
    mem_free(s);
    sem_post(&plug.go_on);
    sem_post(&plug.go_on);
    sem_wait(&plug.started);
    cr_expect_eq(live_status(&l, "POST", "/query", ASK), 200);
    live_close(&l);
}
