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

static const json_t *schema_of(const json_t *spec, const char *name)
{
    const json_t *schemas = json_object_get(json_object_get(spec, "components"), "schemas");

    return json_object_get(json_object_get(schemas, name), "properties");
}

static void expect_described(const json_t *properties, const json_t *reply, const char *where)
{
    const char *key;
    json_t *v;

    cr_expect_eq(json_object_size(properties), json_object_size(reply), "%s", where);
    json_object_foreach((json_t *)(uintptr_t)reply, key, v) {
        const json_t *described = json_object_get(properties, key);

        cr_expect_not_null(described, "%s.%s", where, key);
        if (json_is_object(v))
            expect_described(json_object_get(described, "properties"), v, key);
    }
}

Test(openapi, the_cache_is_described_member_by_member)
{
    struct live l;
    int status;
    json_t *spec, *cache;

    LIVE_OPEN(&l, NULL);
    spec = live_call(&l, "GET", "/openapi.json", NULL, &status);
    cache = live_call(&l, "GET", "/cache", NULL, &status);
    expect_described(schema_of(spec, "Cache"), cache, "cache");
    json_decref(cache);
    json_decref(spec);
    live_close(&l);
}

Test(openapi, every_status_of_an_answer_is_listed)
{
    struct live l;
    int status;
    json_t *spec;
    const json_t *listed;

    LIVE_OPEN(&l, NULL);
    spec = live_call(&l, "GET", "/openapi.json", NULL, &status);
    listed = json_object_get(json_object_get(schema_of(spec, "Answer"), "cache"), "properties");
    listed = json_object_get(json_object_get(listed, "status"), "enum");
    for (int s = CACHE_MISS; s <= CACHE_BYPASS; s++) {
        bool is_there = false;

        for (size_t i = 0; i < json_array_size(listed); i++)
            is_there |= strcmp(json_string_value(json_array_get(listed, i)),
                               cache_status_name((enum cache_status)s)) == 0;
        cr_expect(is_there, "%s", cache_status_name((enum cache_status)s));
    }
    json_decref(spec);
    live_close(&l);
}
