#include "server/rerank_request.h"

#include <criterion/criterion.h>

#include "base/err.h"
#include "unit/embed/tiny_model.h"

/* The tiny model has 64 positions and one token a letter. */
static struct tiny_model m;
static struct reranker *r;
static struct arena *mem;
static struct rerank_request got;
static struct refusal why;
static size_t reply_bytes = 1 << 20;

static void start(void)
{
    struct reranker_options o = {.precision = "f32", .pack = "off"};

    tiny_open(&m);
    tiny_make_cross(&m);
    o.model_dir = m.dir;
    cr_assert_eq(reranker_open(&r, &o), ERR_OK, "%s", err_text());
    mem = arena_new(0);
}

static void stop(void)
{
    reranker_close(r);
    arena_free(mem);
    tiny_close(&m);
}

TestSuite(rerank_request, .init = start, .fini = stop);

static int read_at(const char *path, const char *body)
{
    why = (struct refusal){0};
    return rerank_request_read(&got, str_of(path), str_of(body), r, reply_bytes, mem, &why);
}

static void read_ok(const char *path, const char *body)
{
    cr_assert_eq(read_at(path, body), ERR_OK, "%s: %s", body, err_text());
}

static void expect_refused(const char *path, const char *body, int status, const char *code,
                           const char *param, const char *word)
{
    cr_assert_lt(read_at(path, body), 0, "%s", body);
    cr_expect_eq(why.status, status, "%s: %d", body, why.status);
    cr_expect_str_eq(why.code, code, "%s: %s", body, why.code);
    cr_expect_str_eq(why.param ? why.param : "-", param, "%s: %s", body, why.param);
    cr_expect(strstr(err_text(), word), "%s: '%s' lacks '%s'", body, err_text(), word);
}

Test(rerank_request, text_embeddings_inferences_form)
{
    read_ok("/rerank", "{\"query\":\"a b\",\"texts\":[\"c\",\"d e\",\"\"]}");
    cr_expect_eq(got.dialect, DIALECT_TEI);
    cr_expect(str_eq(got.question, STR_LIT("a b")));
    cr_expect_eq(got.n, 3);
    cr_expect_eq(got.top_n, 3);
    cr_expect(str_eq(got.texts[1], STR_LIT("d e")));
    cr_expect_eq(got.n_tokens[1], 7, "the question is read again with each text");
    cr_expect_eq(got.n_tokens_all, 6 + 7 + 5);
    cr_expect_not(got.raw);
    cr_expect_not(got.return_texts);
    cr_expect_str_eq(got.ignored, "");
    read_ok("/rerank",
            "{\"query\":\"a\",\"texts\":[\"c\"],\"raw_scores\":true,\"return_text\":true,"
            "\"truncate\":true,\"truncation_direction\":\"Right\",\"top_n\":1}");
    cr_expect(got.raw);
    cr_expect(got.return_texts);
    cr_expect_str_eq(got.ignored, "top_n");
}

Test(rerank_request, coheres_form_is_known_by_its_path_or_its_documents)
{
    static const char *const paths[] = {"/v1/rerank", "/v2/rerank", "/rerank"};

    for (size_t i = 0; i < 3; i++) {
        read_ok(paths[i], "{\"model\":\"ragd-rerank\",\"query\":\"a\",\"documents\":[\"b\","
                          "{\"text\":\"c d\",\"id\":7}],\"top_n\":1,\"return_documents\":true,"
                          "\"max_tokens_per_doc\":9}");
        cr_expect_eq(got.dialect, DIALECT_COHERE, "%s", paths[i]);
        cr_expect_eq(got.n, 2);
        cr_expect_eq(got.top_n, 1);
        cr_expect(got.return_texts);
        cr_expect(str_eq(got.texts[1], STR_LIT("c d")));
        cr_expect_str_eq(got.ignored, "max_tokens_per_doc");
    }
    read_ok("/v1/rerank", "{\"query\":\"a\",\"documents\":[\"b\"],\"top_n\":99}");
    cr_expect_eq(got.top_n, 1, "there are no more");
}

Test(rerank_request, the_models_names_are_known_and_no_others)
{
    struct buf b = {0};

    buf_addf(&b, "{\"model\":\"%s\",\"query\":\"a\",\"documents\":[\"b\"]}",
             reranker_info(r)->name);
    read_ok("/v2/rerank", b.p);
    buf_done(&b);
    expect_refused("/v2/rerank", "{\"model\":\"other\",\"query\":\"a\",\"documents\":[\"b\"]}", 404,
                   "model_not_found", "model", "ragd-rerank");
}

Test(rerank_request, members_that_are_wrong_are_named)
{
    expect_refused("/rerank", "7", 400, "argument", "-", "object");
    expect_refused("/rerank", "{", 400, "format", "-", "request");
    expect_refused("/rerank", "{\"texts\":[\"a\"]}", 400, "argument", "query", "required");
    expect_refused("/rerank", "{\"query\":\"\",\"texts\":[\"a\"]}", 400, "empty", "query", "empty");
    expect_refused("/rerank", "{\"query\":7,\"texts\":[\"a\"]}", 400, "argument", "query",
                   "string");
    expect_refused("/rerank", "{\"query\":\"a\"}", 400, "argument", "texts", "list");
    expect_refused("/rerank", "{\"query\":\"a\",\"texts\":[]}", 400, "empty", "texts", "empty");
    expect_refused("/rerank", "{\"query\":\"a\",\"texts\":[\"a\",{\"text\":\"b\"}]}", 400,
                   "argument", "texts", "'texts'[1]");
    expect_refused("/rerank", "{\"query\":\"a\",\"texts\":[\"b\"],\"documents\":[\"c\"]}", 400,
                   "argument", "-", "both");
    expect_refused("/rerank", "{\"query\":\"a\",\"texts\":[\"b\"],\"raw_scores\":1}", 400,
                   "argument", "raw_scores", "true or false");
    expect_refused("/rerank",
                   "{\"query\":\"a\",\"texts\":[\"b\"],\"truncation_direction\":\"left\"}", 400,
                   "argument", "truncation_direction", "right");
    expect_refused("/v1/rerank", "{\"query\":\"a\",\"texts\":[\"b\"]}", 400, "argument",
                   "documents", "'documents' is required");
    expect_refused("/v1/rerank", "{\"query\":\"a\",\"documents\":[{\"title\":\"b\"}]}", 400,
                   "argument", "documents", "'text'");
    expect_refused("/v1/rerank", "{\"query\":\"a\",\"documents\":[\"b\"],\"top_n\":0}", 400,
                   "argument", "top_n", "top_n");
    cr_expect_eq(got.dialect, DIALECT_COHERE, "the refusal is in its form too");
}

static char *pair_of(size_t n_words, const char *more)
{
    struct buf b = {0};

    buf_add_str(&b, "{\"query\":\"a\",\"texts\":[\"b");
    for (size_t i = 1; i < n_words; i++)
        buf_add_str(&b, " c");
    buf_addf(&b, "\"]%s}", more);
    return buf_take(&b);
}

Test(rerank_request, what_is_too_long_is_refused_unless_it_is_to_be_cut)
{
    char *fits = pair_of(60, ""), *over = pair_of(61, ""), *cut = pair_of(61, ",\"truncate\":true");

    read_ok("/rerank", fits);
    cr_expect_eq(got.n_tokens[0], 64);
    expect_refused("/rerank", over, 413, "context_length_exceeded", "texts", "65 tokens");
    read_ok("/rerank", cut);
    cr_expect_eq(got.n_tokens[0], 64);
    mem_free(fits);
    mem_free(over);
    mem_free(cut);
}

Test(rerank_request, too_many_texts_and_too_large_a_reply_are_refused)
{
    struct buf b = {0};

    buf_add_str(&b, "{\"query\":\"a\",\"texts\":[\"b\"");
    for (int i = 0; i < RERANK_TEXTS_MAX; i++)
        buf_add_str(&b, ",\"c\"");
    buf_add_str(&b, "]}");
    expect_refused("/rerank", b.p, 413, "too_many_inputs", "texts", "1001 entries");
    buf_done(&b);
    reply_bytes = 1200;
    expect_refused("/rerank", "{\"query\":\"a\",\"texts\":[\"b\",\"c\"]}", 413, "limit", "texts",
                   "limits.reply_bytes");
    reply_bytes = 1 << 20;
}

Test(rerank_request, without_a_reranker_every_request_is_refused)
{
    reranker_close(r);
    r = NULL;
    expect_refused("/rerank", "{\"query\":\"a\",\"texts\":[\"b\"]}", 501, "not_configured", "-",
                   "rerank.model");
    expect_refused("/v2/rerank", "{}", 501, "not_configured", "-", "rerank.url");
}
