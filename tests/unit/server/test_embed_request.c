#include "server/embed_request.h"

#include <criterion/criterion.h>

#include "base/err.h"
#include "embed/remote.h"
#include "text/wordpiece.h"
#include "unit/embed/tiny_model.h"

/* The tiny model has 57 words, 64 positions and 24 dimensions; [CLS] and [SEP] are 2 and 3. */
static struct tiny_model m;
static struct embedder *e;
static struct arena *mem;
static struct embed_request got;
static struct refusal why;
static size_t reply_bytes = 1 << 20;

static void start(void)
{
    struct embedder_options o = {.query_prefix = "q ", .document_prefix = "d "};

    tiny_open(&m);
    o.model_dir = m.dir;
    cr_assert_eq(embedder_open(&e, &o), ERR_OK, "%s", err_text());
    mem = arena_new(0);
}

static void stop(void)
{
    embedder_close(e);
    arena_free(mem);
    tiny_close(&m);
}

TestSuite(embed_request, .init = start, .fini = stop);

static int read_as(enum dialect d, const char *body)
{
    return embed_request_read(&got, d, str_of(body), e, reply_bytes, mem, &why);
}

static void read_ok(enum dialect d, const char *body)
{
    cr_assert_eq(read_as(d, body), ERR_OK, "%s: %s", body, err_text());
}

static void expect_refused(enum dialect d, const char *body, int status, const char *code,
                           const char *param, const char *word)
{
    cr_assert_lt(read_as(d, body), 0, "%s", body);
    cr_expect_eq(why.status, status, "%s: %d", body, why.status);
    cr_expect_str_eq(why.code, code, "%s: %s", body, why.code);
    cr_expect_str_eq(why.param ? why.param : "-", param, "%s: %s", body, why.param);
    cr_expect(strstr(err_text(), word), "%s: '%s' lacks '%s'", body, err_text(), word);
}

/* Item i has the ids of this text. */
static void expect_ids(size_t i, const char *text)
{
    struct token tokens[64];
    size_t n = wordpiece_encode(embedder_tokenizer(e), str_of(text), tokens, 64, NULL);

    cr_assert_lt(i, got.n);
    cr_assert_eq(got.items[i].n_ids, n, "'%s': %zu ids", text, got.items[i].n_ids);
    for (size_t j = 0; j < n; j++)
        cr_expect_eq(got.items[i].ids[j], tokens[j].id, "'%s' at %zu", text, j);
}

Test(embed_request, a_string_is_one_input_and_a_list_many)
{
    read_ok(DIALECT_OPENAI, "{\"input\":\"a b\"}");
    cr_expect_eq(got.n, 1);
    expect_ids(0, "d a b");
    cr_expect_eq(got.n_tokens, 5, "the prefix and the frame are counted: the encoder sees them");
    cr_expect_not(got.base64);
    cr_expect_not(got.items[0].raw);
    cr_expect_str_eq(got.ignored, "");
    read_ok(DIALECT_OPENAI, "{\"input\":[\"a\",\"b c\"],\"encoding_format\":\"base64\"}");
    cr_expect_eq(got.n, 2);
    expect_ids(1, "d b c");
    cr_expect_eq(got.n_tokens, 4 + 5);
    cr_expect(got.base64);
}

Test(embed_request, whose_prefix_is_asked_for)
{
    read_ok(DIALECT_OPENAI, "{\"input\":\"a\",\"input_type\":\"query\"}");
    expect_ids(0, "q a");
    read_ok(DIALECT_OPENAI, "{\"input\":\"a\",\"input_type\":\"document\"}");
    expect_ids(0, "d a");
    read_ok(DIALECT_TEI, "{\"inputs\":\"a\"}");
    expect_ids(0, "a");
    read_ok(DIALECT_TEI, "{\"inputs\":\"a\",\"prompt_name\":null}");
    expect_ids(0, "a");
    read_ok(DIALECT_TEI, "{\"inputs\":\"a\",\"prompt_name\":\"query\"}");
    expect_ids(0, "q a");
    read_ok(DIALECT_TEI, "{\"inputs\":\"a\",\"prompt_name\":\"document\"}");
    expect_ids(0, "d a");
}

Test(embed_request, ids_are_taken_as_they_are_in_one_frame)
{
    read_ok(DIALECT_OPENAI, "{\"input\":[5,6]}");
    cr_expect_eq(got.n, 1);
    cr_expect_eq(got.n_tokens, 4);
    cr_expect_arr_eq(got.items[0].ids, ((int32_t[]){2, 5, 6, 3}), 16);
    read_ok(DIALECT_OPENAI, "{\"input\":[[2,5,6,3],[2],[2,3],[3,2],\"a\"]}");
    cr_expect_eq(got.n, 5);
    cr_expect_arr_eq(got.items[0].ids, ((int32_t[]){2, 5, 6, 3}), 16);
    cr_expect_arr_eq(got.items[1].ids, ((int32_t[]){2, 2, 3}), 12);
    cr_expect_arr_eq(got.items[2].ids, ((int32_t[]){2, 3}), 8);
    cr_expect_arr_eq(got.items[3].ids, ((int32_t[]){2, 3, 2, 3}), 16);
    expect_ids(4, "d a");
}

Test(embed_request, ids_of_others_are_named)
{
    expect_refused(DIALECT_OPENAI, "{\"input\":[5,57]}", 400, "argument", "input",
                   "'input'[1] is 57; the ids of the model");
    expect_refused(DIALECT_OPENAI, "{\"input\":[[5],[-1]]}", 400, "argument", "input",
                   "'input'[1][0] is -1");
    expect_refused(DIALECT_OPENAI, "{\"input\":[5,\"a\"]}", 400, "argument", "input",
                   "'input'[1] is not a token id");
    expect_refused(DIALECT_OPENAI, "{\"input\":[4294967301]}", 400, "argument", "input",
                   "4294967301");
}

Test(embed_request, what_is_not_an_input)
{
    expect_refused(DIALECT_OPENAI, "{}", 400, "argument", "input", "'input' is required");
    expect_refused(DIALECT_OPENAI, "{\"input\":null}", 400, "argument", "input", "required");
    expect_refused(DIALECT_OPENAI, "{\"input\":{}}", 400, "argument", "input", "required");
    expect_refused(DIALECT_OPENAI, "{\"input\":[]}", 400, "empty", "input", "empty list");
    expect_refused(DIALECT_OPENAI, "{\"input\":\"\"}", 400, "empty", "input",
                   "'input' is an empty");
    expect_refused(DIALECT_OPENAI, "{\"input\":[\"a\",\"\"]}", 400, "empty", "input",
                   "'input'[1] is an empty string");
    expect_refused(DIALECT_OPENAI, "{\"input\":[[]]}", 400, "empty", "input", "'input'[0]");
    expect_refused(DIALECT_OPENAI, "{\"input\":[\"a\",1.5]}", 400, "argument", "input",
                   "'input'[1] must be a string");
    expect_refused(DIALECT_TEI, "{\"input\":\"a\"}", 400, "argument", "inputs", "'inputs' is");
    expect_refused(DIALECT_OPENAI, "[]", 400, "argument", "-", "JSON object");
    expect_refused(DIALECT_OPENAI, "{", 400, "format", "-", "JSON");
}

Test(embed_request, members_that_are_wrong_are_named)
{
    expect_refused(DIALECT_OPENAI, "{\"input\":\"a\",\"model\":\"x\"}", 404, "model_not_found",
                   "model", "'x' does not exist");
    expect_refused(DIALECT_OPENAI, "{\"input\":\"a\",\"model\":1}", 400, "argument", "model",
                   "string");
    expect_refused(DIALECT_OPENAI, "{\"input\":\"a\",\"dimensions\":12}", 400, "argument",
                   "dimensions", "gives 24");
    expect_refused(DIALECT_OPENAI, "{\"input\":\"a\",\"encoding_format\":\"x\"}", 400, "argument",
                   "encoding_format", "\"base64\"");
    expect_refused(DIALECT_OPENAI, "{\"input\":\"a\",\"input_type\":\"x\"}", 400, "argument",
                   "input_type", "\"query\"");
    expect_refused(DIALECT_TEI, "{\"inputs\":\"a\",\"truncate\":\"yes\"}", 400, "argument", "-",
                   "'truncate'");
    expect_refused(DIALECT_TEI, "{\"inputs\":\"a\",\"truncation_direction\":\"up\"}", 400,
                   "argument", "truncation_direction", "\"left\"");
    read_ok(DIALECT_OPENAI, "{\"input\":\"a\",\"dimensions\":24,\"model\":\"ragd-embedding\"}");
}

Test(embed_request, the_models_own_name_is_known)
{
    struct buf b = {0};

    buf_addf(&b, "{\"input\":\"a\",\"model\":\"%s\",\"user\":\"u\"}", embedder_info(e)->name);
    read_ok(DIALECT_OPENAI, b.p);
    cr_expect_str_eq(got.ignored, "user");
    buf_done(&b);
}

/* {"KEY":["a a ... a" n times]MORE} */
static char *long_text(const char *key, size_t n, const char *more)
{
    struct buf b = {0};

    buf_addf(&b, "{\"%s\":[\"x\",\"b", key);
    for (size_t i = 1; i < n; i++)
        buf_add_str(&b, " a");
    buf_addf(&b, "\"]%s}", more);
    return buf_take(&b);
}

Test(embed_request, what_is_too_long_is_refused_with_its_numbers)
{
    char *body = long_text("input", 62, "");

    expect_refused(DIALECT_OPENAI, body, 400, "context_length_exceeded", "input",
                   "'input'[1] has 65 tokens");
    cr_expect(strstr(err_text(), "takes 64"), "%s", err_text());
    mem_free(body);
    body = long_text("input", 61, ""); /* and the prefix */
    read_ok(DIALECT_OPENAI, body);
    cr_expect_eq(got.items[1].n_ids, 64);
    mem_free(body);
    body = long_text("inputs", 63, "");
    expect_refused(DIALECT_TEI, body, 413, "context_length_exceeded", "inputs", "\"truncate\"");
    mem_free(body);
}

Test(embed_request, cut_at_the_end_that_was_asked_for)
{
    char *body = long_text("inputs", 70, ",\"truncate\":true");
    int32_t a, b;

    read_ok(DIALECT_TEI, "{\"inputs\":\"a b\"}");
    a = got.items[0].ids[1], b = got.items[0].ids[2];
    read_ok(DIALECT_TEI, body);
    cr_expect_eq(got.items[1].n_ids, 64);
    cr_expect(got.items[1].ids[0] == 2 && got.items[1].ids[1] == b && got.items[1].ids[63] == 3);
    cr_expect_eq(got.n_tokens, 3 + 64, "what is cut off is not counted");
    mem_free(body);
    body = long_text("inputs", 70, ",\"truncate\":true,\"truncation_direction\":\"Left\"");
    read_ok(DIALECT_TEI, body);
    cr_expect(got.items[1].ids[1] == a && got.items[1].n_ids == 64);
    mem_free(body);
}

Test(embed_request, raw_vectors_on_wish)
{
    read_ok(DIALECT_TEI, "{\"inputs\":[\"a\",\"b\"],\"normalize\":false,\"other\":1}");
    cr_expect(got.items[0].raw && got.items[1].raw);
    cr_expect_str_eq(got.ignored, "other");
}

/* {"KEY":["a","a",...]MORE} */
static char *many(const char *key, size_t n, const char *more)
{
    struct buf b = {0};

    buf_addf(&b, "{\"%s\":[\"a\"", key);
    for (size_t i = 1; i < n; i++)
        buf_add_str(&b, ",\"a\"");
    buf_addf(&b, "]%s}", more);
    return buf_take(&b);
}

Test(embed_request, inputs_are_counted_before_they_are_read)
{
    char *body = many("input", EMBED_INPUTS_MAX, "");

    read_ok(DIALECT_OPENAI, body);
    cr_expect_eq(got.n, EMBED_INPUTS_MAX);
    mem_free(body);
    body = many("input", EMBED_INPUTS_MAX + 1, "");
    expect_refused(DIALECT_OPENAI, body, 400, "too_many_inputs", "input", "2049");
    mem_free(body);
    body = many("inputs", EMBED_INPUTS_MAX + 1, "");
    expect_refused(DIALECT_TEI, body, 413, "too_many_inputs", "inputs", "2048");
    mem_free(body);
}

Test(embed_request, a_reply_that_might_not_fit_is_refused)
{
    char *floats = many("input", 20, ""),
         *coded = many("input", 20, ",\"encoding_format\":\"base64\"");

    reply_bytes = 8192;
    expect_refused(DIALECT_OPENAI, floats, 413, "limit", "input", "at most 17 inputs");
    read_ok(DIALECT_OPENAI, coded);
    mem_free(floats);
    mem_free(coded);
}

Test(embed_request, an_embedder_that_is_with_a_server_is_no_encoder)
{
    struct remote_options away = {.kind = REMOTE_OPENAI,
                                  .url = "http://127.0.0.1:1/v1",
                                  .model = "org/name",
                                  .timeout_ms = 100,
                                  .batch = 1,
                                  .known_dim = 4};
    struct embedder_options o = {.remote = &away};

    for (int i = 0; i < 2; i++) { /* without a tokenizer, and with one */
        away.tokenizer_dir = i ? m.dir : NULL;
        embedder_close(e);
        cr_assert_eq(embedder_open(&e, &o), ERR_OK, "%s", err_text());
        expect_refused(DIALECT_OPENAI, "{\"input\":\"a b\"}", 501, "not_local", "-", "embed.kind");
        expect_refused(DIALECT_TEI, "{\"inputs\":[[2,3]]}", 501, "not_local", "-", "embed.kind");
    }
}
