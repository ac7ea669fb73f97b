#include "server/routes.h"

#include "support/live.h"

#define COMPLETION                                                                                 \
    "{\"model\":\"ragd-extractive\",\"messages\":[{\"role\":\"user\",\"content\":\"What do frogs " \
    "eat?\"}]%s}"

static const char *completion(const char *more)
{
    static char body[256];

    snprintf(body, sizeof body, COMPLETION, more);
    return body;
}

Test(routes_chat, without_a_language_model_completions_quote)
{
    struct live l;
    json_t *reply;
    const json_t *choice;
    int status;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies and other insects.", NULL);
    reply = live_call(&l, "POST", "/v1/chat/completions", completion(""), &status);
    cr_expect_eq(status, 200);
    choice = json_array_get(json_object_get(reply, "choices"), 0);
    cr_expect(
        strstr(json_string_value(json_object_get(json_object_get(choice, "message"), "content")),
               "flies"));
    cr_expect_str_eq(json_string_value(json_object_get(choice, "finish_reason")), "stop");
    cr_expect_str_eq(json_string_value(json_object_get(reply, "object")), "chat.completion");
    json_decref(reply);
    cr_expect_eq(live_status(&l, "POST", "/v1/chat/completions", completion(",\"stream\":true")),
                 200);
    live_close(&l);
}

Test(routes_chat, refusals_have_openais_shape)
{
    struct live l;
    json_t *reply;
    int status;

    LIVE_OPEN(&l, NULL);
    reply = live_call(&l, "POST", "/v1/chat/completions", "{\"model\":\"nosuch\"}", &status);
    cr_expect_eq(status, 404);
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(reply, "error"), "code")),
                     "model_not_found");
    json_decref(reply);
    cr_expect_eq(live_status(&l, "POST", "/v1/chat/completions", "not JSON"), 400);
    cr_expect_eq(live_status(&l, "GET", "/v1/chat/completions", NULL), 405);
    live_close(&l);
}

/* Without what differs from call to call. */
static void forget_times(json_t *reply)
{
    json_t *ours = json_object_get(reply, "ragd");

    json_object_del(reply, "id");
    json_object_del(reply, "created");
    json_object_del(ours, "id");
    json_object_del(ours, "cache");
    json_object_del(ours, "timings");
}

Test(routes_chat, a_completion_that_was_asked_before_is_the_same_again)
{
    struct live l;
    json_t *first, *again;
    int status;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies and \"other\" insects.", NULL);
    first = live_call(&l, "POST", "/v1/chat/completions", completion(",\"seed\":7"), &status);
    forget_times(first);
    for (int i = 0; i < 3; i++) {
        again = live_call(&l, "POST", "/v1/chat/completions", completion(",\"seed\":7"), &status);
        cr_expect_eq(status, 200);
        cr_expect_str_eq(json_string_value(json_object_get(
                             json_object_get(json_object_get(again, "ragd"), "cache"), "status")),
                         "hit");
        forget_times(again);
        cr_expect(json_equal(first, again));
        json_decref(again);
    }
    json_decref(first);
    live_close(&l);
}

static char *raw_completion(const struct live *l, const char *more)
{
    struct buf b = {0};
    char *reply;

    buf_addf(&b,
             "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n"
             "Content-Type: application/json\r\n\r\n%s",
             strlen(completion(more)), completion(more));
    reply = live_raw(l, b.p);
    buf_done(&b);
    return reply;
}

Test(routes_chat, one_that_streams_streams_again_and_what_is_ignored_is_named_again)
{
    struct live l;
    static const char more[] =
        ",\"stream\":true,\"seed\":7,\"stream_options\":{\"include_usage\":true}";

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    for (int i = 0; i < 3; i++) {
        char *reply = raw_completion(&l, more);

        cr_expect(strstr(reply, "x-ragd-ignored: seed\r\n"), "%s", reply);
        cr_expect(strstr(reply, "{\"content\":\"Frogs eat flies. [1]\"}"), "%s", reply);
        cr_expect(strstr(reply, "\"model\":\"ragd-extractive\""), "%s", reply);
        cr_expect(strstr(reply, "\"total_tokens\":0"), "%s", reply);
        cr_expect(strstr(reply, "data: [DONE]\n\n"), "%s", reply);
        mem_free(reply);
    }
    live_close(&l);
}
