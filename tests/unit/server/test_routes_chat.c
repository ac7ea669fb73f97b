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
