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
