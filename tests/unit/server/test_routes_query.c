#include "server/routes.h"

#include "support/live.h"

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
    cr_expect_leq(share_of_other(&l, "/query", false), 0.01, "%g", share_of_other(&l, "/query", false));
    cr_expect_leq(share_of_other(&l, "/search", true), 0.01);
    live_close(&l);
}
