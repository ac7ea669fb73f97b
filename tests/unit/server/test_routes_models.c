#include "server/routes.h"

#include "support/live.h"

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

Test(routes_models, lists_the_embedding_model_and_the_answerer)
{
    struct live l;
    int status;
    json_t *reply, *data;

    LIVE_OPEN(&l, NULL);
    reply = live_call(&l, "GET", "/v1/models", NULL, &status);
    cr_expect_eq(status, 200);
    cr_expect_str_eq(text_of(reply, "object"), "list");
    data = json_object_get(reply, "data");
    cr_assert_eq(json_array_size(data), 3);
    cr_expect_str_eq(text_of(json_array_get(data, 0), "id"),
                     embedder_info(l.world.engine->embedder)->name);
    cr_expect_str_eq(text_of(json_array_get(data, 1), "id"), "ragd-extractive");
    cr_expect_str_eq(text_of(json_array_get(data, 1), "owned_by"), "ragd");
    cr_expect(json_is_integer(json_object_get(json_array_get(data, 0), "created")));
    json_decref(reply);
    live_close(&l);
}

Test(routes_models, shows_one_and_names_what_it_lacks)
{
    struct live l;
    int status;
    json_t *reply;

    LIVE_OPEN(&l, NULL);
    reply = live_call(&l, "GET", "/v1/models/ragd-embedding", NULL, &status);
    cr_expect_eq(status, 200);
    cr_expect_str_eq(text_of(reply, "id"), "ragd-embedding");
    cr_expect_str_eq(text_of(reply, "object"), "model");
    json_decref(reply);
    reply = live_call(&l, "GET", "/v1/models/org%2Fnone", NULL, &status);
    cr_expect_eq(status, 404);
    cr_expect_str_eq(text_of(json_object_get(reply, "error"), "code"), "model_not_found");
    cr_expect(strstr(text_of(json_object_get(reply, "error"), "message"), "'org/none'"));
    json_decref(reply);
    live_close(&l);
}
