#include "server/routes.h"

#include "support/live.h"

static void expect_settings(const struct live *l, const char *body, int want_status,
                            const char *want)
{
    int status;
    json_t *reply = live_call(l, "PUT", "/collections/one", body, &status);
    char *settings = json_dumps(json_object_get(reply, "settings"), JSON_COMPACT | JSON_SORT_KEYS);

    cr_expect_eq(status, want_status);
    cr_expect_str_eq(settings, want);
    free(settings);
    json_decref(reply);
}

static void expect_refusal(const struct live *l, const char *body, const char *why)
{
    char *detail = live_member(l, "PUT", "/collections/one", body, "detail");

    cr_expect_eq(live_status(l, "PUT", "/collections/one", body), 400);
    cr_expect_not_null(strstr(detail, why), "%s", detail);
    mem_free(detail);
}

Test(routes_collections, have_a_language)
{
    struct live l;
    int status;
    json_t *all, *one;

    LIVE_OPEN(&l, NULL);
    expect_settings(&l, "{\"language\":\"german\"}", 201, "{\"language\":\"german\"}");
    expect_settings(&l, NULL, 200, "{\"language\":\"german\"}");
    all = live_call(&l, "GET", "/collections", NULL, &status);
    one = json_array_get(json_object_get(all, "collections"), 0);
    cr_expect_str_eq(
        json_string_value(json_object_get(json_object_get(one, "settings"), "language")), "german");
    json_decref(all);
    expect_settings(&l, "{\"stop_words\":false}", 200, "{\"stop_words\":false}");
    expect_settings(&l, "{}", 200, "{}");
    expect_refusal(&l, "{\"language\":\"klingon\"}", "german");
    expect_refusal(&l, "{\"volatile\":true}", "volatile");
    live_close(&l);
}

Test(routes_collections, made_listed_and_dropped)
{
    struct live l;
    int status;
    json_t *j;

    LIVE_OPEN(&l, NULL);
    cr_expect_eq(live_status(&l, "PUT", "/collections/one", NULL), 201);
    cr_expect_eq(live_status(&l, "PUT", "/collections/one", "{}"), 200);
    cr_expect_eq(live_status(&l, "PUT", "/collections/one", "{\"volatile\":true}"), 400);
    cr_expect_eq(live_status(&l, "PUT", "/collections/a%2Fb", NULL), 400);
    j = live_call(&l, "GET", "/collections", NULL, &status);
    cr_expect_gt(json_array_size(json_object_get(j, "collections")), 0);
    json_decref(j);
    cr_expect_eq(live_status(&l, "DELETE", "/collections/one", NULL), 204);
    cr_expect_eq(live_status(&l, "DELETE", "/collections/one", NULL), 404);
    live_close(&l);
}
