#include "server/routes.h"

#include "support/live.h"

Test(routes_batch, order_is_kept_and_twins_are_one)
{
    struct live l;
    int status;
    json_t *j, *r;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    world_put(&l.world, "ducks", "Ducks eat weed.", NULL);
    j = live_call(&l, "POST", "/query/batch",
                  "{\"questions\":[\"What do frogs eat?\",{\"k\":1},\"What do ducks eat?\","
                  "\"What do frogs eat?\"],\"concurrency\":1}",
                  &status);
    r = json_object_get(j, "results");
    cr_assert_eq(json_array_size(r), 4);
    cr_expect(strstr(json_string_value(json_object_get(json_array_get(r, 0), "answer")), "flies"));
    cr_expect_eq(json_integer_value(json_object_get(json_array_get(r, 1), "status")), 400);
    cr_expect(strstr(json_string_value(json_object_get(json_array_get(r, 2), "answer")), "weed"));
    cr_expect(json_equal(json_array_get(r, 0), json_array_get(r, 3)));
    json_decref(j);
    cr_expect_eq(live_status(&l, "POST", "/query/batch", "{\"questions\":\"x\"}"), 400);
    cr_expect_eq(live_status(&l, "POST", "/query/batch", "[]"), 400);
    live_close(&l);
}

Test(routes_batch, who_takes_reuse_by_meaning_is_no_twin_of_who_does_not)
{
    struct live l;
    int status;
    json_t *j;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    j = live_call(&l, "POST", "/query/batch",
                  "{\"questions\":[\"What do frogs eat?\",{\"question\":\"What do frogs eat?\","
                  "\"semantic\":\"strict\"},{\"question\":\"What do frogs eat?\","
                  "\"semantic\":\"off\"}],\"concurrency\":1}",
                  &status);
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(j, "timings"), "distinct")), 2);
    json_decref(j);
    live_close(&l);
}
