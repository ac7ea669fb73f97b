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

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

#define N_ASKED 61

/* The median share of the total that no stage claims; `fresh`: a new question each time. */
static double share_of_other(const struct live *l, const char *path, bool fresh)
{
    double shares[N_ASKED];

    for (int i = 0; i < N_ASKED; i++) {
        char body[64];
        int status;
        json_t *j, *timings;

        snprintf(body, sizeof body, "{\"question\":\"What do %d frogs eat?\"}", fresh ? i : -1);
        j = live_call(l, "POST", path, body, &status);
        timings = json_object_get(j, "timings");
        cr_assert_eq(status, 200);
        shares[i] = json_number_value(json_object_get(timings, "other_ms")) /
                    json_number_value(json_object_get(timings, "total_ms"));
        json_decref(j);
    }
    qsort(shares, N_ASKED, sizeof *shares, by_size);
    return shares[N_ASKED / 2];
}

Test(routes_query, stages_claim_all_but_a_hundredth_of_the_time)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies and other insects.", NULL);
    cr_expect_leq(share_of_other(&l, "/query", true), 0.01);
    cr_expect_leq(share_of_other(&l, "/query", false), 0.01);
    cr_expect_leq(share_of_other(&l, "/search", true), 0.01);
    live_close(&l);
}

/* ---- overload ---- */

Test(routes_query, a_full_queue_is_503_with_retry_after_and_memory_still_answers)
{
    struct live l;
    struct plug plug;
    struct pool *pool;
    char *s;

    WORLD_OPEN(&l.world);
    l.world.config.server.workers = 1;
    l.world.config.server.queue = 1;
    world_reopen(&l.world);
    live_start(&l, NULL);
    pool = l.world.engine->pool;
    world_put(&l.world, "frogs", "Frogs eat flies and other insects.", NULL);
    cr_expect_eq(live_status(&l, "POST", "/query", "{\"question\":\"known\"}"), 200);
    plug_init(&plug);
    cr_assert_eq(pool_submit(pool, QUEUE_URGENT, plug_worker, &plug), ERR_OK);
    sem_wait(&plug.started); /* the one worker has it, so the next one waits */
    cr_assert_eq(pool_submit(pool, QUEUE_URGENT, plug_worker, &plug), ERR_OK);
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
