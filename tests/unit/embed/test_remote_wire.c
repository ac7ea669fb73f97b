#include "embed/remote_wire.h"

#include <criterion/criterion.h>
#include <math.h>

#include "base/err.h"

static const struct str texts[] = {{"a \"b\"", 5}, {"c", 1}};

#define expect_body(ask, json)                                                                     \
    do {                                                                                           \
        struct buf b_;                                                                             \
        buf_init(&b_);                                                                             \
        wire_ask_write((ask), &b_);                                                                \
        cr_expect_str_eq(b_.p, (json));                                                            \
        buf_done(&b_);                                                                             \
    } while (0)

Test(remote_wire, asks_in_the_words_of_each_server)
{
    struct wire_ask a = {.kind = REMOTE_OPENAI, .model = "m", .texts = texts, .n = 2};

    expect_body(&a, "{\"model\":\"m\",\"input\":[\"a \\\"b\\\"\",\"c\"],"
                    "\"encoding_format\":\"base64\"}");
    a.floats = true;
    a.dimensions = 256;
    expect_body(&a, "{\"model\":\"m\",\"input\":[\"a \\\"b\\\"\",\"c\"],"
                    "\"encoding_format\":\"float\",\"dimensions\":256}");
    a.kind = REMOTE_TEI;
    expect_body(&a, "{\"inputs\":[\"a \\\"b\\\"\",\"c\"],\"truncate\":true,\"normalize\":true}");
}

static int read_reply(enum remote_kind kind, const char *reply, size_t n, size_t dim, float *out)
{
    return wire_reply_read(kind, str_of(reply), n, &dim, out);
}

Test(remote_wire, reads_vectors_and_makes_them_one_long)
{
    float v[2 * REMOTE_DIM_MAX];
    size_t dim = 0;

    cr_assert_eq(wire_reply_read(REMOTE_TEI, STR_LIT("[[3,4],[0,-2.5]]"), 2, &dim, v), ERR_OK, "%s",
                 err_text());
    cr_assert_eq(dim, 2);
    cr_expect_float_eq(v[0], 0.6, 1e-6);
    cr_expect_float_eq(v[1], 0.8, 1e-6);
    cr_expect_float_eq(v[2], 0, 1e-6);
    cr_expect_float_eq(v[3], -1, 1e-6);
}

Test(remote_wire, puts_vectors_where_their_index_says)
{
    float v[4];

    cr_assert_eq(read_reply(REMOTE_OPENAI,
                            "{\"object\":\"list\",\"data\":[{\"index\":1,\"embedding\":[0,1]},"
                            "{\"index\":0,\"embedding\":[1,0]}],\"usage\":{}}",
                            2, 2, v),
                 ERR_OK, "%s", err_text());
    cr_expect_eq(v[0], 1);
    cr_expect_eq(v[3], 1);
}

/* 1.0f is 00 00 80 3f, little-endian; 0 and 1: eight bytes, "AAAAAAAAgD8=". */
Test(remote_wire, base64_is_little_endian_floats)
{
    float v[2];

    cr_assert_eq(read_reply(REMOTE_OPENAI,
                            "{\"data\":[{\"index\":0,\"embedding\":\"AAAAAAAAgD8=\"}]}", 1, 2, v),
                 ERR_OK, "%s", err_text());
    cr_expect_eq(v[0], 0);
    cr_expect_eq(v[1], 1);
}

#define OPENAI(embedding) "{\"data\":[{\"index\":0,\"embedding\":" embedding "}]}"

Test(remote_wire, refuses_what_is_not_the_vectors_that_were_asked_for)
{
    static const struct {
        enum remote_kind kind;
        const char *reply, *part;
        size_t n, dim;
    } bad[] = {
        {REMOTE_TEI, "", "not valid JSON", 1, 2},
        {REMOTE_TEI, "[[1,2]", "not valid JSON", 1, 2},
        {REMOTE_TEI, "<html>", "not valid JSON", 1, 2},
        {REMOTE_TEI, "[[NaN,1]]", "not valid JSON", 1, 2},
        {REMOTE_TEI, "{\"data\":[]}", "not a list", 1, 2},
        {REMOTE_TEI, "\"fine\"", "not a list", 1, 2},
        {REMOTE_TEI, "[[1,2]]", "1 vectors for 2 texts", 2, 2},
        {REMOTE_TEI, "[[1,2],[1,2],[1,2]]", "3 vectors for 2 texts", 2, 2},
        {REMOTE_TEI, "[[1,2,3]]", "3 dimensions instead of 2", 1, 2},
        {REMOTE_TEI, "[[1,2],[1]]", "vector 1 has 1 dimensions instead of 2", 2, 0},
        {REMOTE_TEI, "[[]]", "0 dimensions", 1, 0},
        {REMOTE_TEI, "[[1,null]]", "entry 1 is not a number", 1, 2},
        {REMOTE_TEI, "[[1,\"2\"]]", "entry 1 is not a number", 1, 2},
        {REMOTE_TEI, "[[1,1e39]]", "not a finite number", 1, 2},
        {REMOTE_TEI, "[[0,0]]", "is zero", 1, 2},
        {REMOTE_TEI, "[7]", "neither a list", 1, 2},
        {REMOTE_OPENAI, "[[1,2]]", "\"data\" is not a list", 1, 2},
        {REMOTE_OPENAI, "{\"error\":{\"message\":\"no\"}}", "\"data\" is not a list", 1, 2},
        {REMOTE_OPENAI, "{\"data\":[{\"embedding\":[1,2]}]}", "no \"index\"", 1, 2},
        {REMOTE_OPENAI, "{\"data\":[{\"index\":1,\"embedding\":[1,2]}]}", "no \"index\"", 1, 2},
        {REMOTE_OPENAI, "{\"data\":[{\"index\":-1,\"embedding\":[1,2]}]}", "no \"index\"", 1, 2},
        {REMOTE_OPENAI, "{\"data\":[7]}", "no \"index\"", 1, 2},
        {REMOTE_OPENAI,
         "{\"data\":[{\"index\":0,\"embedding\":[1,2]},{\"index\":0,\"embedding\":[1,2]}]}",
         "comes twice", 2, 2},
        {REMOTE_OPENAI, "{\"data\":[{\"index\":0}]}", "neither a list", 1, 2},
        {REMOTE_OPENAI, OPENAI("\"\""), "not a vector in base64", 1, 2},
        {REMOTE_OPENAI, OPENAI("\"AAA\""), "not the base64", 1, 2},
        {REMOTE_OPENAI, OPENAI("\"AA=A\""), "not the base64", 1, 2},
        {REMOTE_OPENAI, OPENAI("\"!!!!\""), "not the base64", 1, 2},
        {REMOTE_OPENAI, OPENAI("\"AAAA\""), "not the base64", 1, 2},
        {REMOTE_OPENAI, OPENAI("\"AACAPw==\""), "1 dimensions instead of 2", 1, 2},
        {REMOTE_OPENAI, OPENAI("\"AADAfwAAgD8=\""), "not a finite number", 1, 2}, /* NaN, 1 */
        {REMOTE_OPENAI, OPENAI("\"AACAfwAAgD8=\""), "not a finite number", 1, 2}, /* inf, 1 */
        {REMOTE_OPENAI, OPENAI("\"AAAAAAAAAAA=\""), "is zero", 1, 2},
    };
    float v[3 * REMOTE_DIM_MAX];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(read_reply(bad[i].kind, bad[i].reply, bad[i].n, bad[i].dim, v), ERR_FORMAT,
                     "%s", bad[i].reply);
        cr_expect(strstr(err_text(), bad[i].part), "%s: '%s' lacks '%s'", bad[i].reply, err_text(),
                  bad[i].part);
    }
}

Test(remote_wire, a_vector_may_have_4096_dimensions_and_no_more)
{
    static float v[REMOTE_DIM_MAX + 1];
    struct buf b;

    buf_init(&b);
    for (size_t n = REMOTE_DIM_MAX; n <= REMOTE_DIM_MAX + 1; n++) {
        size_t dim = 0;

        buf_clear(&b);
        buf_add_str(&b, "[[");
        for (size_t i = 0; i < n; i++)
            buf_add_str(&b, i ? ",1" : "1");
        buf_add_str(&b, "]]");
        cr_expect_eq(wire_reply_read(REMOTE_TEI, buf_view(&b), 1, &dim, v),
                     n == REMOTE_DIM_MAX ? ERR_OK : ERR_FORMAT, "%zu", n);
    }
    cr_expect_float_eq(v[0], 1 / sqrt(REMOTE_DIM_MAX), 1e-6);
    buf_done(&b);
}

Test(remote_wire, an_honest_reply_is_within_its_limit)
{
    cr_expect_geq(wire_reply_max(64, 1536), 64 * 1536 * sizeof "-0.0123456789012345678, ");
    cr_expect_geq(wire_reply_max(1, 0), REMOTE_DIM_MAX * sizeof "-0.0123456789012345678, ");
}

Test(remote_wire, reads_what_a_server_says_of_itself)
{
    struct wire_info info;

    cr_assert_eq(wire_info_read(STR_LIT("{\"model_id\":\"x/y\",\"model_sha\":null,"
                                        "\"max_input_length\":512,\"max_client_batch_size\":32}"),
                                &info),
                 ERR_OK, "%s", err_text());
    cr_expect_str_eq(info.model, "x/y");
    cr_expect_eq(info.max_tokens, 512);
    cr_expect_eq(info.batch, 32);
    cr_assert_eq(wire_info_read(STR_LIT("{}"), &info), ERR_OK);
    cr_expect_eq(info.batch, 0);
    cr_expect_eq(wire_info_read(STR_LIT("[]"), &info), ERR_FORMAT);
    cr_expect_eq(wire_info_read(STR_LIT("no"), &info), ERR_FORMAT);
    cr_expect_eq(wire_info_read(STR_LIT("{\"model_id\":7}"), &info), ERR_FORMAT);
    cr_expect_eq(wire_info_read(STR_LIT("{\"max_client_batch_size\":0}"), &info), ERR_FORMAT);
    cr_expect_eq(wire_info_read(STR_LIT("{\"max_input_length\":2000000000}"), &info), ERR_FORMAT);
    cr_expect_eq(wire_info_read(STR_LIT("{\"model_id\":\"a\\u001b[2J\"}"), &info), ERR_FORMAT);
}
