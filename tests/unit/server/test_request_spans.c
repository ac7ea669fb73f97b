#include "server/request_spans.h"

#include <criterion/criterion.h>
#include <jansson.h>

#include "base/err.h"
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/request_ask.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/tracing.h"

/* A request to a server that is not there. */
struct made {
    struct engine engine;
    struct service service;
    struct loop loop;
    struct tracing tracing;
    struct http_field host;
    struct request r;
};

static void make(struct made *m, const char *path, int status)
{
    *m = (struct made){.r = {.status = status, .start_ns = 1000, .id = "id"}};
    m->service.engine = &m->engine;
    m->loop.service = &m->service;
    m->tracing.context = (struct trace_context){.trace_id = {1}, .span_id = {2}, .sampled = true};
    m->tracing.recorded = true;
    m->tracing.end_ns = 9000;
    m->host = (struct http_field){STR_LIT("host"), STR_LIT("[::1]:8080")};
    m->r.loop = &m->loop;
    m->r.tracing = &m->tracing;
    m->r.head = (struct http_head){.method = STR_LIT("POST"),
                                   .path = str_of(path),
                                   .http_minor = 1,
                                   .fields = &m->host,
                                   .n_fields = 1};
    for (size_t i = 0; i < routes_count(); i++)
        if (strcmp(route_at(i)->pattern, path) == 0)
            m->r.route = route_at(i);
}

static json_t *spans_of(struct made *m)
{
    struct buf b = {0}, list = {0};
    size_t n = request_spans_write(&m->r, &b);
    json_t *v;

    buf_addf(&list, "[%s]", b.p);
    v = json_loadb(list.p, list.n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(v, "%s", list.p);
    cr_expect_eq(json_array_size(v), n);
    buf_done(&b);
    buf_done(&list);
    return v;
}

static const char *text(const json_t *v, const char *key)
{
    return json_string_value(json_object_get(v, key));
}

static const char *attribute(const json_t *span, const char *key)
{
    const json_t *a, *value;
    size_t i;

    json_array_foreach(json_object_get(span, "attributes"), i, a) {
        if (strcmp(text(a, "key"), key) != 0)
            continue;
        value = json_object_get(a, "value");
        return text(value, "stringValue") ? text(value, "stringValue") : text(value, "intValue");
    }
    return NULL;
}

static long long took(const json_t *span)
{
    return atoll(text(span, "endTimeUnixNano")) - atoll(text(span, "startTimeUnixNano"));
}

Test(request_spans, a_request_is_named_by_its_route)
{
    struct made m;
    json_t *v;
    const json_t *s;

    make(&m, "/query", 200);
    v = spans_of(&m);
    s = json_array_get(v, 0);
    cr_assert_eq(json_array_size(v), 1);
    cr_expect_str_eq(text(s, "name"), "POST /query");
    cr_expect_str_eq(attribute(s, "http.route"), "/query");
    cr_expect_str_eq(attribute(s, "server.address"), "[::1]");
    cr_expect_str_eq(attribute(s, "http.response.status_code"), "200");
    cr_expect_eq(took(s), 8000);
    cr_expect_null(json_object_get(s, "status"));
    json_decref(v);
}

Test(request_spans, of_a_path_that_is_none_of_ours_only_the_method_is_in_the_name)
{
    struct made m;
    json_t *v;

    make(&m, "/elsewhere", 404);
    v = spans_of(&m);
    cr_expect_str_eq(text(json_array_get(v, 0), "name"), "POST");
    cr_expect_null(attribute(json_array_get(v, 0), "http.route"));
    cr_expect_null(json_object_get(json_array_get(v, 0), "status"));
    json_decref(v);
}

Test(request_spans, stages_begin_when_they_began_and_take_what_they_took)
{
    struct trace t = {.start_ns = 1000};
    struct made m;
    json_t *v;
    const json_t *root, *s;

    t.first_ns[STAGE_EMBED] = 3000;
    t.ns[STAGE_EMBED] = 500;
    make(&m, "/search", 500);
    m.tracing.stages = &t;
    v = spans_of(&m);
    cr_assert_eq(json_array_size(v), 2);
    root = json_array_get(v, 0);
    s = json_array_get(v, 1);
    cr_expect_str_eq(text(s, "name"), "embed");
    cr_expect_str_eq(text(s, "parentSpanId"), text(root, "spanId"));
    cr_expect_str_eq(text(s, "traceId"), text(root, "traceId"));
    cr_expect_eq(atoll(text(s, "startTimeUnixNano")) - atoll(text(root, "startTimeUnixNano")),
                 2000);
    cr_expect_eq(took(s), 500);
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(root, "status"), "code")), 2);
    json_decref(v);
}

Test(request_spans, each_request_to_a_model_hangs_on_the_stage)
{
    static const struct chat_model_options o = {
        .name = "fast", .url = "http://127.0.0.1:1/v1", .model = "small-1"};
    struct chat_tried tries[2] = {
        {.context = {.span_id = {7}},
         .start_ns = 2000,
         .end_ns = 3000,
         .rc = ERR_UNAVAILABLE,
         .error = "it is away",
         .status = 503},
        {.context = {.span_id = {8}},
         .start_ns = 3000,
         .first_token_ns = 3500,
         .end_ns = 4000,
         .resends = 1,
         .status = 200,
         .finish = "stop",
         .usage_known = true,
         .prompt_tokens = 11,
         .completion_tokens = 5},
    };
    struct ask ask = {.tries = tries, .n_tries = 2};
    struct trace t = {.start_ns = 1000};
    struct made m;
    json_t *v;
    const json_t *stage, *first, *second;

    t.first_ns[STAGE_GENERATE] = 2000;
    t.ns[STAGE_GENERATE] = 2500;
    make(&m, "/query", 200);
    cr_assert_eq(chat_models_new(&m.engine.chat_models, &o, 1), ERR_OK, "%s", err_text());
    m.tracing.stages = &t;
    m.r.ask = &ask;
    v = spans_of(&m);
    cr_assert_eq(json_array_size(v), 4);
    stage = json_array_get(v, 1);
    first = json_array_get(v, 2);
    second = json_array_get(v, 3);
    cr_expect_str_eq(text(first, "name"), "chat small-1");
    cr_expect_str_eq(text(first, "spanId"), "0700000000000000");
    cr_expect_str_eq(text(first, "parentSpanId"), text(stage, "spanId"));
    cr_expect_str_eq(attribute(first, "error.type"), "unavailable");
    cr_expect_str_eq(text(json_object_get(first, "status"), "message"), "it is away");
    cr_expect_str_eq(attribute(second, "http.request.resend_count"), "1");
    cr_expect_str_eq(attribute(second, "gen_ai.usage.input_tokens"), "11");
    cr_expect_eq(json_array_size(json_object_get(second, "events")), 1);
    cr_expect_null(json_object_get(second, "status"));
    json_decref(v);
    chat_models_free(m.engine.chat_models);
}
