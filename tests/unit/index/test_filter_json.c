#include <criterion/criterion.h>

#include "base/err.h"
#include "base/json.h"
#include "index/filter.h"

static int parse(const char *json, struct arena *mem, struct filter **out)
{
    json_t *v = NULL;
    int rc;

    cr_assert_eq(json_parse(&v, str_of(json), "test"), ERR_OK, "%s: %s", json, err_text());
    rc = filter_from_json(out, v, mem);
    json_decref(v); /* the filter keeps nothing of it */
    return rc;
}

static void expect(const char *json, const char *canonical)
{
    struct arena *mem = arena_new(0);
    struct filter *f = NULL;

    cr_expect_eq(parse(json, mem, &f), ERR_OK, "%s", err_text());
    cr_expect_str_eq(filter_canonical(f, mem), canonical, "%s", json);
    arena_free(mem);
}

static void expect_error(const char *json, const char *part)
{
    struct arena *mem = arena_new(0);
    struct filter *f = NULL;

    cr_expect_eq(parse(json, mem, &f), ERR_ARGUMENT, "%s was taken", json);
    cr_expect_not_null(strstr(err_text(), part), "%s: %s", json, err_text());
    cr_expect_null(f);
    arena_free(mem);
}

Test(filter_json, reads_the_forms_of_the_contract)
{
    expect("{}", "");
    expect("{\"type\":\"policy\"}", "{\"type\":{\"eq\":\"policy\"}}");
    expect("{\"year\":{\"gte\":2020,\"lt\":2024}}",
           "{\"and\":[{\"year\":{\"gte\":2020}},{\"year\":{\"lt\":2024}}]}");
    expect("{\"b\":true,\"a\":1}", "{\"and\":[{\"a\":{\"eq\":1}},{\"b\":{\"eq\":true}}]}");
    expect("{\"or\":[{\"a\":1},{\"not\":{\"b\":{\"lt\":2}}}]}",
           "{\"or\":[{\"a\":{\"eq\":1}},{\"not\":{\"b\":{\"lt\":2}}}]}");
    expect("{\"a\":{\"nin\":[2,1,2]}}", "{\"a\":{\"nin\":[1,2]}}");
    expect("{\"a\":{\"exists\":false}}", "{\"a\":{\"exists\":false}}");
}

Test(filter_json, says_where_and_what_would_be_right)
{
    expect_error("[]", "object");
    expect_error("{\"a\":[1]}", "{\"in\":[...]}");
    expect_error("{\"a\":null}", "exists");
    expect_error("{\"a\":{}}", "operator is missing");
    expect_error("{\"a\":{\"like\":1}}", "unknown operator 'like'");
    expect_error("{\"a\":{\"in\":1}}", "takes a list");
    expect_error("{\"a\":{\"in\":[]}}", "1 to 1000");
    expect_error("{\"a\":{\"exists\":1}}", "true or false");
    expect_error("{\"or\":[]}", "1 to 256");
    expect_error("{\"or\":[{\"a\":1},{\"b\":{\"x\":1}}]}", "or[1]: b: unknown operator");
    expect_error("{\"not\":{}}", "not: ");
    expect_error("{\"a\":{\"gt\":true}}", "no order");
    expect_error("{\"\":1}", "empty field");
}

Test(filter_json, has_a_depth_limit)
{
    char json[1000] = "";

    for (int i = 0; i < 40; i++)
        strcat(json, "{\"not\":");
    strcat(json, "{\"a\":1}");
    for (int i = 0; i < 40; i++)
        strcat(json, "}");
    expect_error(json, "32 deep");
}
