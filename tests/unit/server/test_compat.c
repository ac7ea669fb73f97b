#include "server/compat.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/str.h"

static void expect_dialect(const char *path, enum dialect d)
{
    cr_expect_eq(dialect_of_path(str_of(path)), d, "%s", path);
}

Test(compat, the_path_decides)
{
    expect_dialect("/v1/embeddings", DIALECT_OPENAI);
    expect_dialect("/v1/none", DIALECT_OPENAI);
    expect_dialect("/embed", DIALECT_TEI);
    expect_dialect("/rerank", DIALECT_TEI);
    expect_dialect("/v1/rerank", DIALECT_COHERE);
    expect_dialect("/v2/rerank", DIALECT_COHERE);
    expect_dialect("/v2/none", DIALECT_RAGD);
    expect_dialect("/query", DIALECT_RAGD);
    expect_dialect("/v1", DIALECT_RAGD);
    expect_dialect("/embedded", DIALECT_RAGD);
    expect_dialect("", DIALECT_RAGD);
}

static void expect_body(enum dialect d, struct refusal why, const char *type, const char *body)
{
    struct buf b = {0};

    why.detail = STR_LIT("no \"x\"");
    cr_expect_str_eq(refusal_write(&b, d, &why), type);
    cr_expect_str_eq(b.p, body);
    buf_done(&b);
}

Test(compat, openai_has_message_type_param_and_code)
{
    expect_body(DIALECT_OPENAI, (struct refusal){400, "argument", "input", {0}}, "application/json",
                "{\"error\":{\"message\":\"no \\\"x\\\"\",\"type\":\"invalid_request_error\","
                "\"param\":\"input\",\"code\":\"argument\"}}");
    expect_body(DIALECT_OPENAI, (struct refusal){503, "busy", NULL, {0}}, "application/json",
                "{\"error\":{\"message\":\"no \\\"x\\\"\",\"type\":\"server_error\","
                "\"param\":null,\"code\":\"busy\"}}");
}

Test(compat, cohere_has_a_message_and_openais_error_beside_it)
{
    expect_body(DIALECT_COHERE, (struct refusal){400, "argument", "query", {0}}, "application/json",
                "{\"message\":\"no \\\"x\\\"\",\"error\":{\"message\":\"no \\\"x\\\"\","
                "\"type\":\"invalid_request_error\",\"param\":\"query\",\"code\":\"argument\"}}");
}

static void expect_openai_type(int status, const char *type)
{
    struct buf b = {0};

    refusal_write(&b, DIALECT_OPENAI, &(struct refusal){status, "x", NULL, STR_LIT("x")});
    cr_expect(strstr(b.p, type), "%d: %s", status, b.p);
    buf_done(&b);
}

Test(compat, openais_type_follows_the_status)
{
    expect_openai_type(401, "\"authentication_error\"");
    expect_openai_type(403, "\"permission_error\"");
    expect_openai_type(404, "\"invalid_request_error\"");
    expect_openai_type(429, "\"rate_limit_error\"");
    expect_openai_type(500, "\"server_error\"");
}

Test(compat, text_embeddings_inference_has_error_and_error_type)
{
    expect_body(DIALECT_TEI, (struct refusal){413, "limit", "inputs", {0}}, "application/json",
                "{\"error\":\"no \\\"x\\\"\",\"error_type\":\"Validation\"}");
    expect_body(DIALECT_TEI, (struct refusal){400, "empty", NULL, {0}}, "application/json",
                "{\"error\":\"no \\\"x\\\"\",\"error_type\":\"Empty\"}");
    expect_body(DIALECT_TEI, (struct refusal){503, "busy", NULL, {0}}, "application/json",
                "{\"error\":\"no \\\"x\\\"\",\"error_type\":\"Overloaded\"}");
    expect_body(DIALECT_TEI, (struct refusal){500, "format", NULL, {0}}, "application/json",
                "{\"error\":\"no \\\"x\\\"\",\"error_type\":\"Backend\"}");
}

Test(compat, our_own_routes_give_problems)
{
    expect_body(DIALECT_RAGD, (struct refusal){404, "not_found", "id", {0}},
                "application/problem+json",
                "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                "\"code\":\"not_found\",\"detail\":\"no \\\"x\\\"\"}");
}

static void expect_ignored(const char *json, const char *names)
{
    static const char *const known[] = {"input", "model", NULL};
    struct arena *mem = arena_new(0);
    json_t *tree = json_loads(json, 0, NULL);

    cr_assert_not_null(tree);
    cr_expect_str_eq(ignored_members(tree, known, mem), names);
    json_decref(tree);
    arena_free(mem);
}

Test(compat, members_that_nobody_reads_are_named)
{
    expect_ignored("{\"input\":1,\"model\":2}", "");
    expect_ignored("{\"user\":1,\"input\":1,\"seed\":null}", "user, seed");
}

Test(compat, names_cannot_leave_their_header)
{
    expect_ignored("{\"a\\r\\nSet-Cookie: x\":1,\"b,c\":1,\"\\u00fc\":1,\"\":1}",
                   "a??Set-Cookie:?x, b?c, ??, ");
    expect_ignored("{\"0123456789012345678901234567890123456789012345678901234567890123456789\":1}",
                   "0123456789012345678901234567890123456789012345678901234567890123");
}

Test(compat, of_many_names_the_first_are_told)
{
    struct buf b = {0};

    buf_add_str(&b, "{\"n0\":0");
    for (int i = 1; i < 100; i++)
        buf_addf(&b, ",\"n%d\":0", i);
    buf_add_str(&b, "}");
    expect_ignored(b.p,
                   "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15, ...");
    buf_done(&b);
}
