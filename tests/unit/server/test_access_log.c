#include "server/access_log.h"

#include <criterion/criterion.h>
#include <jansson.h>

#include "base/log.h"
#include "engine/caller.h"
#include "server/routes.h"
#include "server/tracing.h"

static json_t *line_of(const struct request *r)
{
    struct buf b = {0};
    json_t *v;

    access_log_add(r, 1234567, &b);
    cr_assert_gt(b.n, 0);
    cr_expect_eq(b.p[b.n - 1], '\n');
    cr_expect_eq(memchr(b.p, '\n', b.n), b.p + b.n - 1);
    v = json_loadb(b.p, b.n - 1, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(v, "%s", b.p);
    buf_done(&b);
    return v;
}

static const char *text(const json_t *v, const char *key)
{
    return json_string_value(json_object_get(v, key));
}

Test(access_log, a_line_tells_who_where_how_long_and_what_the_cache_did)
{
    struct tracing tracing = {.text = "00-ab000000000000000000000000000000-"};
    struct caller caller = {.tenant = "ac\"me", .name = "web"};
    struct request r = {.head.method = STR_LIT("POST"),
                        .status = 200,
                        .n_sent = 42,
                        .id = "id-1",
                        .tracing = &tracing,
                        .caller = &caller,
                        .cache = "hit"};
    json_t *v;

    for (size_t i = 0; i < routes_count(); i++)
        if (strcmp(route_at(i)->pattern, "/query") == 0)
            r.route = route_at(i);
    log_set_level(LOG_INFO);
    v = line_of(&r);
    cr_expect_str_eq(text(v, "event"), "request");
    cr_expect_str_eq(text(v, "method"), "POST");
    cr_expect_str_eq(text(v, "route"), "/query");
    cr_expect_eq(json_integer_value(json_object_get(v, "status")), 200);
    cr_expect_eq(json_number_value(json_object_get(v, "ms")), 1.234);
    cr_expect_eq(json_integer_value(json_object_get(v, "bytes_out")), 42);
    cr_expect_str_eq(text(v, "request_id"), "id-1");
    cr_expect_str_eq(text(v, "trace_id"), "ab000000000000000000000000000000");
    cr_expect_str_eq(text(v, "tenant"), "ac\"me");
    cr_expect_str_eq(text(v, "key"), "web");
    cr_expect_str_eq(text(v, "cache"), "hit");
    json_decref(v);
}

Test(access_log, what_is_not_known_is_left_out)
{
    struct request r = {.status = 400, .id = "id-2"};
    json_t *v;

    log_set_level(LOG_INFO);
    v = line_of(&r);
    cr_expect_str_eq(text(v, "method"), "-");
    cr_expect_str_eq(text(v, "route"), "-");
    cr_expect_str_eq(text(v, "tenant"), "-");
    cr_expect_null(json_object_get(v, "trace_id"));
    cr_expect_null(json_object_get(v, "key"));
    cr_expect_null(json_object_get(v, "cache"));
    json_decref(v);
}

Test(access_log, nothing_is_added_above_its_level)
{
    struct request r = {.status = 200};
    struct buf b = {0};

    log_set_level(LOG_WARN);
    access_log_add(&r, 1, &b);
    cr_expect_eq(b.n, 0);
    buf_done(&b);
}
