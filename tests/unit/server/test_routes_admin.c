#include "server/routes.h"

#include "support/live.h"

Test(routes_admin, each_says_what_it_is_for)
{
    struct live l;
    int status;
    json_t *j;

    LIVE_OPEN(&l, NULL);
    cr_expect_eq(live_status(&l, "GET", "/healthz", NULL), 200);
    cr_expect_eq(live_status(&l, "GET", "/readyz", NULL), 200);
    j = live_call(&l, "GET", "/version", NULL, &status);
    cr_expect_str_eq(json_string_value(json_object_get(j, "version")), RAGD_VERSION);
    cr_expect_eq(json_integer_value(json_object_get(j, "dimensions")), 384);
    cr_expect_str_eq(json_string_value(json_object_get(j, "embedder")), "local");
    json_decref(j);
    j = live_call(&l, "GET", "/stats", NULL, &status);
    cr_expect_gt(json_integer_value(json_object_get(j, "resident_bytes")), 0);
    cr_expect_eq(json_integer_value(json_object_get(j, "requests")), 3);
    json_decref(j);
    j = live_call(&l, "GET", "/cache", NULL, &status);
    cr_expect(json_is_null(json_object_get(j, "hit_rate")), "nothing was looked up yet");
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(j, "semantic"), "served")), 0);
    json_decref(j);
    cr_expect_eq(live_status(&l, "DELETE", "/cache", NULL), 204);
    live_close(&l);
}
