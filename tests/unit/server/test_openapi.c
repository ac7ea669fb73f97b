#include "server/routes.h"

#include "support/live.h"

Test(openapi, is_json_with_every_route_of_the_table)
{
    struct live l;
    int status;
    json_t *spec, *paths;

    LIVE_OPEN(&l, NULL);
    spec = live_call(&l, "GET", "/openapi.json", NULL, &status);
    cr_assert_not_null(spec);
    paths = json_object_get(spec, "paths");
    for (size_t i = 0; i < routes_count(); i++) {
        const struct route *r = route_at(i);
        char method[8] = "";

        if (r->local_only)
            continue;
        for (size_t k = 0; r->method[k]; k++)
            method[k] = (char)(r->method[k] | 0x20);
        cr_expect_not_null(json_object_get(json_object_get(paths, r->pattern), method), "%s %s",
                           r->method, r->pattern);
    }
    json_decref(spec);
    live_close(&l);
}
