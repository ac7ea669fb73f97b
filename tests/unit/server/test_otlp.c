#include "server/otlp.h"

#include <criterion/criterion.h>
#include <jansson.h>

static struct otlp_span plain(void)
{
    return (struct otlp_span){
        .context = {.trace_id = {0xab, 1}, .span_id = {0xcd}, .sampled = true},
        .kind = OTLP_SERVER,
        .name = STR_LIT("GET /"),
        .start_ns = 1700000000123456789,
        .end_ns = 1700000000123456999};
}

static json_t *written(const struct otlp_span *s)
{
    struct buf b = {0};
    json_t *v;

    otlp_span_write(s, &b);
    v = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(v, "%s", b.p);
    buf_done(&b);
    return v;
}

static const char *text(const json_t *v, const char *key)
{
    return json_string_value(json_object_get(v, key));
}

Test(otlp, ids_are_hex_enums_numbers_and_long_numbers_strings)
{
    struct otlp_span s = plain();
    json_t *v = written(&s);

    cr_expect_str_eq(text(v, "traceId"), "ab010000000000000000000000000000");
    cr_expect_str_eq(text(v, "spanId"), "cd00000000000000");
    cr_expect_null(json_object_get(v, "parentSpanId"));
    cr_expect_null(json_object_get(v, "traceState"));
    cr_expect_eq(json_integer_value(json_object_get(v, "kind")), 2);
    cr_expect_str_eq(text(v, "startTimeUnixNano"), "1700000000123456789");
    cr_expect_str_eq(text(v, "endTimeUnixNano"), "1700000000123456999");
    cr_expect_eq(json_integer_value(json_object_get(v, "flags")), 0x101);
    cr_expect_null(json_object_get(v, "status"));
    cr_expect_null(json_object_get(v, "events"));
    json_decref(v);
}

Test(otlp, a_child_names_its_parent_and_the_state_goes_along)
{
    static const unsigned char parent[SPAN_ID_BYTES] = {1, 2, 3};
    struct otlp_span s = plain();
    json_t *v;

    s.parent_id = parent;
    s.parent_is_remote = true;
    s.context.state = "a=1,b=\"2\"";
    v = written(&s);
    cr_expect_str_eq(text(v, "parentSpanId"), "0102030000000000");
    cr_expect_str_eq(text(v, "traceState"), "a=1,b=\"2\"");
    cr_expect_eq(json_integer_value(json_object_get(v, "flags")), 0x301);
    json_decref(v);
}

static const json_t *value(const json_t *span, size_t i, const char *type)
{
    const json_t *a = json_array_get(json_object_get(span, "attributes"), i);

    return json_object_get(json_object_get(a, "value"), type);
}

Test(otlp, attributes_have_their_types)
{
    struct otlp_span s = plain();
    const json_t *list;
    json_t *v;

    otlp_add(&s, OTLP_S("s", STR_LIT("a\"\n\xff")));
    otlp_add(&s, OTLP_I("i", INT64_MIN));
    otlp_add(&s, OTLP_F("f", 0.25));
    otlp_add(&s, OTLP_B("b", true));
    otlp_add(&s, OTLP_L("l", STR_LIT("one two")));
    v = written(&s);
    cr_expect_str_eq(json_string_value(value(v, 0, "stringValue")), "a\"\n\xef\xbf\xbd");
    cr_expect_str_eq(json_string_value(value(v, 1, "intValue")), "-9223372036854775808");
    cr_expect_eq(json_real_value(value(v, 2, "doubleValue")), 0.25);
    cr_expect(json_is_true(value(v, 3, "boolValue")));
    list = json_object_get(value(v, 4, "arrayValue"), "values");
    cr_assert_eq(json_array_size(list), 2);
    cr_expect_str_eq(text(json_array_get(list, 1), "stringValue"), "two");
    json_decref(v);
}

Test(otlp, a_failure_is_status_two_with_its_reason)
{
    struct otlp_span s = plain();
    const json_t *status;
    json_t *v;

    s.failed = true;
    s.message = "it is away";
    s.event = "first_token";
    s.event_ns = 7;
    v = written(&s);
    status = json_object_get(v, "status");
    cr_expect_eq(json_integer_value(json_object_get(status, "code")), 2);
    cr_expect_str_eq(text(status, "message"), "it is away");
    cr_expect_str_eq(text(json_array_get(json_object_get(v, "events"), 0), "timeUnixNano"), "7");
    json_decref(v);
}

Test(otlp, spans_are_a_list_within_their_resource)
{
    const struct otlp_resource about = {"library", "abc"};
    struct otlp_span s = plain();
    struct buf spans = {0}, out = {0};
    const json_t *resource, *list;
    json_t *v;

    otlp_span_write(&s, &spans);
    otlp_span_write(&s, &spans);
    otlp_request_write(&about, buf_view(&spans), &out);
    v = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(v, "%s", out.p);
    resource = json_array_get(json_object_get(v, "resourceSpans"), 0);
    cr_expect_str_eq(
        json_string_value(value(json_object_get(resource, "resource"), 0, "stringValue")),
        "library");
    list = json_object_get(json_array_get(json_object_get(resource, "scopeSpans"), 0), "spans");
    cr_expect_eq(json_array_size(list), 2);
    json_decref(v);
    buf_done(&spans);
    buf_done(&out);
}
