#include "server/routes.h"

#include "support/live.h"

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
