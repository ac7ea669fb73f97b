#include "server/access_log.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

#include "base/log.h"
#include "engine/caller.h"
#include "server/routes.h"
#include "server/tracing.h"

static json_t *line_of(struct access_log *l, const struct request *r)
{
    struct buf *b = &l->lines;
    json_t *v;

    buf_clear(b);
    access_log_add(l, r, r->start_ns + 1234567);
    cr_assert_gt(b->n, 0);
    cr_expect_eq(b->p[b->n - 1], '\n');
    cr_expect_eq(memchr(b->p, '\n', b->n), b->p + b->n - 1);
    v = json_loadb(b->p, b->n - 1, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(v, "%s", b->p);
    buf_clear(b);
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
    struct access_log l;
    json_t *v;

    access_log_init(&l);
    for (size_t i = 0; i < routes_count(); i++)
        if (strcmp(route_at(i)->pattern, "/query") == 0)
            r.route = route_at(i);
    log_set_level(LOG_INFO);
    v = line_of(&l, &r);
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
    access_log_done(&l);
}

Test(access_log, what_is_not_known_is_left_out)
{
    struct request r = {.status = 400, .id = "id-2"};
    struct access_log l;
    json_t *v;

    access_log_init(&l);
    log_set_level(LOG_INFO);
    v = line_of(&l, &r);
    cr_expect_str_eq(text(v, "method"), "-");
    cr_expect_str_eq(text(v, "route"), "-");
    cr_expect_str_eq(text(v, "tenant"), "-");
    cr_expect_null(json_object_get(v, "trace_id"));
    cr_expect_null(json_object_get(v, "key"));
    cr_expect_null(json_object_get(v, "cache"));
    json_decref(v);
    access_log_done(&l);
}

Test(access_log, nothing_is_added_above_its_level)
{
    struct request r = {.status = 200};
    struct access_log l;

    access_log_init(&l);
    log_set_level(LOG_WARN);
    access_log_add(&l, &r, 1);
    cr_expect_eq(l.lines.n, 0);
    access_log_done(&l);
}

/* What a line shares with the one before is copied; what it does not share is its own. */
Test(access_log, no_line_tells_of_the_request_before)
{
    struct caller a = {.id = 1, .tenant = "acme", .name = "web"},
                  b = {.id = 2, .tenant = "acme", .name = "night"},
                  none = {.tenant = "default", .name = ""};
    struct request first = {.head.method = STR_LIT("POST"),
                            .status = 200,
                            .caller = &a,
                            .route = route_at(0),
                            .cache = "hit",
                            .start_ns = 1000000},
                   second = {.head.method = STR_LIT("GET"),
                             .status = 404,
                             .caller = &b,
                             .start_ns = 2500000000};
    struct access_log l;
    json_t *v;
    char when[32];

    access_log_init(&l);
    log_set_level(LOG_INFO);
    for (int i = 0; i < 2; i++) {
        v = line_of(&l, &first);
        cr_expect_str_eq(text(v, "key"), "web");
        cr_expect_str_eq(text(v, "route"), route_at(0)->pattern);
        cr_expect_eq(json_integer_value(json_object_get(v, "status")), 200);
        snprintf(when, sizeof when, "%s", text(v, "time"));
        json_decref(v);
    }
    v = line_of(&l, &second);
    cr_expect_str_eq(text(v, "method"), "GET");
    cr_expect_str_eq(text(v, "route"), "-");
    cr_expect_eq(json_integer_value(json_object_get(v, "status")), 404);
    cr_expect_str_eq(text(v, "key"), "night");
    cr_expect_null(json_object_get(v, "cache"));
    cr_expect_str_neq(text(v, "time"), when, "two and a half seconds later");
    json_decref(v);
    second.caller = &none;
    v = line_of(&l, &second);
    cr_expect_str_eq(text(v, "tenant"), "default");
    cr_expect_null(json_object_get(v, "key"));
    json_decref(v);
    second.caller = NULL;
    v = line_of(&l, &second);
    cr_expect_str_eq(text(v, "tenant"), "-");
    json_decref(v);
    access_log_done(&l);
}
