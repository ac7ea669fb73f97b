#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/json.h"
#include "embed/embedder.h"
#include "simd/simd.h"
#include "text/wordpiece.h"
#include "unit/embed/tiny_model.h"

/* ---- the real model against the reference's vectors ---- */

#define GOLDEN_HEAD 24 /* bytes before the vectors, see tests/golden/make_embeddings.py */

static double cosine_to_half(const float *a, const unsigned char *half, size_t dim)
{
    double dot = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < dim; i++) {
        _Float16 h;
        double b;

        memcpy(&h, half + 2 * i, 2);
        b = (double)h;
        dot += a[i] * b;
        aa += (double)a[i] * a[i];
        bb += b * b;
    }
    return dot / sqrt(aa * bb);
}

struct golden {
    struct embedder *e;
    struct buf vectors, texts;
    size_t n, max_tokens; /* texts of more tokens are left out */
    size_t n_checked;
    double smallest;
};

static void check_line(struct golden *g, struct str line, size_t i)
{
    size_t dim = embedder_info(g->e)->dim;
    struct arena *mem = arena_new(0);
    struct str text = {0};
    json_t *row = NULL;
    float *v = NULL;

    cr_assert_eq(json_parse(&row, line, "texts.jsonl"), ERR_OK, "%s", err_text());
    if (json_array_size(json_object_get(row, "ids")) <= g->max_tokens) {
        cr_assert_eq(json_get_str(row, "text", &text), ERR_OK);
        cr_assert_eq(embed_query(g->e, text, mem, &v), ERR_OK, "%s", err_text());
        g->smallest =
            fmin(g->smallest,
                 cosine_to_half(v, (unsigned char *)g->vectors.p + GOLDEN_HEAD + i * dim * 2, dim));
        g->n_checked++;
    }
    json_decref(row);
    arena_free(mem);
}

/* Every golden text of at most max_tokens, at one level. */
static void check_golden(enum simd_level level, size_t max_tokens, size_t at_least)
{
    const char *model = getenv("RAGD_MODEL_PATH");
    struct golden g = {.max_tokens = max_tokens, .smallest = 1};
    uint32_t n = 0;

    model = model && *model ? model : "models/all-MiniLM-L6-v2";
    if (access(model, R_OK) < 0)
        cr_skip_test("needs the model in %s", model);
    if (!cpu_has_level(level))
        cr_skip_test("needs a processor with %s", simd_level_name(level));
    setenv("RAGD_SIMD", simd_level_name(level), 1);
    cr_assert_eq(embedder_open(&g.e, &(struct embedder_options){.model_dir = model}), ERR_OK, "%s",
                 err_text());
    buf_init(&g.vectors);
    buf_init(&g.texts);
    cr_assert_eq(file_read("tests/golden/embeddings.bin", 8 << 20, &g.vectors), ERR_OK, "%s",
                 err_text());
    cr_assert_eq(file_read("tests/golden/texts.jsonl", 8 << 20, &g.texts), ERR_OK, "%s",
                 err_text());
    memcpy(&n, g.vectors.p + 8, sizeof n);
    cr_assert_eq(g.vectors.n, GOLDEN_HEAD + n * embedder_info(g.e)->dim * 2);
    for (char *p = g.texts.p; *p; g.n++) {
        char *end = strchrnul(p, '\n');

        cr_assert_lt(g.n, n);
        check_line(&g, (struct str){p, (size_t)(end - p)}, g.n);
        p = *end ? end + 1 : end;
    }
    cr_expect_geq(g.n_checked, at_least);
    cr_expect_geq(g.smallest, 0.9999, "cosine %.6f", g.smallest);
    buf_done(&g.vectors);
    buf_done(&g.texts);
    embedder_close(g.e);
}

Test(embedder, agrees_with_the_reference_in_plain_c)
{
    check_golden(SIMD_SCALAR, 4, 20); /* slow under the sanitizers: the short ones only */
}

Test(embedder, agrees_with_the_reference_with_avx2)
{
    check_golden(SIMD_AVX2, SIZE_MAX, 500);
}

Test(embedder, agrees_with_the_reference_with_avx512)
{
    check_golden(SIMD_AVX512, SIZE_MAX, 500);
}

Test(embedder, agrees_with_the_reference_with_neon)
{
    check_golden(SIMD_NEON, SIZE_MAX, 500);
}

/* ---- a tiny model: what the embedder itself promises ---- */

static struct tiny_model m;
static struct arena *mem;

static void start(void)
{
    tiny_open(&m);
    mem = arena_new(0);
}

static void stop(void)
{
    arena_free(mem);
    tiny_close(&m);
}

TestSuite(embed, .init = start, .fini = stop);

static struct embedder *open_with(const char *query_prefix, const char *document_prefix)
{
    struct embedder *e = NULL;
    struct embedder_options o = {m.dir, query_prefix, document_prefix};

    cr_assert_eq(embedder_open(&e, &o), ERR_OK, "%s", err_text());
    return e;
}

static const float *query(struct embedder *e, const char *text)
{
    float *v = NULL;

    cr_assert_eq(embed_query(e, str_of(text), mem, &v), ERR_OK, "%s", err_text());
    return v;
}

/* The vector of one passage. */
static const float *passage(struct embedder *e, const char *text)
{
    float *v = ARENA_ARRAY(mem, float, m.hidden);
    struct embed_item item = {.text = str_of(text), .vector = v};

    cr_assert_eq(embed_documents(e, NULL, &item, 1), ERR_OK, "%s", err_text());
    return v;
}

static double dot(const float *a, const float *b)
{
    double sum = 0;

    for (size_t i = 0; i < m.hidden; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static bool same(const float *a, const float *b)
{
    return memcmp(a, b, m.hidden * sizeof *a) == 0;
}

Test(embed, describes_itself)
{
    struct embedder *e = open_with(NULL, NULL);
    const struct embedder_info *i = embedder_info(e);

    cr_expect_eq(strncmp(i->name, "ragd-model-", 11), 0);
    cr_expect_str_eq(i->model_dir, m.dir);
    cr_expect_str_eq(i->pooling, "mean");
    cr_expect_str_eq(i->precision, "f32");
    cr_expect(i->dim == 24 && i->n_layers == 2 && i->n_heads == 3 && i->vocab_size == 60);
    cr_expect_eq(i->max_tokens, 64, "no file says, so all positions");
    cr_expect_not_null(embedder_tokenizer(e));
    embedder_close(e);
}

Test(embed, vectors_have_length_1_even_of_no_text)
{
    struct embedder *e = open_with(NULL, NULL);

    cr_expect_float_eq(dot(query(e, "a b"), query(e, "a b")), 1, 1e-5);
    cr_expect_float_eq(dot(query(e, ""), query(e, "")), 1, 1e-5);
    cr_expect_float_eq(dot(passage(e, " "), passage(e, "")), 1, 1e-5);
    cr_expect_lt(dot(query(e, "a b"), query(e, "x y z")), 0.9999);
    embedder_close(e);
}

/* Passages of 0 to 70 words, through windows, batches and threads. */
Test(embed, a_text_has_one_vector_whatever_the_batch)
{
    enum { N = 1100 }; /* more than a window */
    static struct embed_item items[N];
    static float vectors[N][24], alone[24];
    static char texts[N][160];
    struct embedder *e = open_with(NULL, NULL);
    struct pool *pool = pool_new("test", 3, 64);

    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < i * 7 % 71; j++) {
            texts[i][2 * j] = (char)('a' + (i + j * j) % 26);
            texts[i][2 * j + 1] = ' ';
        }
        items[i] = (struct embed_item){.text = str_of(texts[i]), .vector = vectors[i]};
    }
    cr_assert_eq(embed_documents(e, pool, items, N), ERR_OK, "%s", err_text());
    for (size_t i = 0; i < N; i++) {
        struct embed_item one = {.text = items[i].text, .vector = alone};

        cr_assert_eq(embed_documents(e, NULL, &one, 1), ERR_OK);
        cr_expect(same(alone, vectors[i]), "passage %zu", i);
        cr_expect_eq(items[i].cut, i * 7 % 71 > 62, "passage %zu", i);
        cr_expect(same(alone, query(e, texts[i])), "as a question too");
        arena_reset(mem);
    }
    cr_expect_eq(embed_documents(e, pool, NULL, 0), ERR_OK);
    pool_free(pool);
    embedder_close(e);
}

Test(embed, prefixes_belong_to_the_text)
{
    struct embedder *plain = open_with(NULL, NULL), *with = open_with("q ", "d ");

    cr_expect(same(query(with, "a b"), query(plain, "q a b")));
    cr_expect(same(passage(with, "a b"), passage(plain, "d a b")));
    embedder_close(plain);
    embedder_close(with);
}

static void spans_of(struct embedder *e, const char *text, const struct span *spans, size_t n,
                     float *out)
{
    float vector[24];
    struct embed_item item = {
        .text = str_of(text), .spans = spans, .n_spans = n, .vector = vector, .span_vectors = out};

    cr_assert_eq(embed_documents(e, NULL, &item, 1), ERR_OK, "%s", err_text());
}

Test(embed, sentences_have_vectors_of_their_own_tokens)
{
    struct embedder *e = open_with(NULL, NULL);
    struct span spans[] = {{0, 3}, {4, 7}};
    float v[2][24];

    spans_of(e, "a b c d", spans, 2, v[0]);
    cr_expect_float_eq(dot(v[0], v[0]), 1, 1e-5);
    cr_expect_float_eq(dot(v[1], v[1]), 1, 1e-5);
    cr_expect_lt(dot(v[0], v[1]), 0.9999);
    embedder_close(e);
}

Test(embed, sentence_places_count_from_the_text_not_the_prefix)
{
    struct embedder *plain = open_with(NULL, NULL), *with = open_with(NULL, "zz ");
    struct span in_text[] = {{0, 3}, {4, 7}}, behind_prefix[] = {{3, 6}, {7, 10}};
    float v[2][24], w[2][24];

    spans_of(with, "a b c d", in_text, 2, v[0]);
    spans_of(plain, "zz a b c d", behind_prefix, 2, w[0]);
    cr_expect(same(v[0], w[0]) && same(v[1], w[1]));
    embedder_close(plain);
    embedder_close(with);
}

Test(embed, a_sentence_behind_the_cut_has_no_vector)
{
    struct embedder *e = open_with(NULL, NULL);
    char text[201];
    struct span spans[] = {{0, 50}, {180, 199}};
    float v[2][24];

    for (size_t i = 0; i < 100; i++)
        memcpy(text + 2 * i, "a ", 3);
    spans_of(e, text, spans, 2, v[0]);
    cr_expect_float_eq(dot(v[0], v[0]), 1, 1e-5);
    cr_expect_eq(dot(v[1], v[1]), 0.0);
    embedder_close(e);
}

Test(embed, limit_and_pooling_come_from_the_folder)
{
    char path[128];
    struct embedder *e;

    snprintf(path, sizeof path, "%s/1_Pooling", m.dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    tiny_write_text(&m, "1_Pooling/config.json", "{\"pooling_mode_cls_token\":true}");
    tiny_write_text(&m, "sentence_bert_config.json", "{\"max_seq_length\":10}");
    e = open_with(NULL, NULL);
    cr_expect_str_eq(embedder_info(e)->pooling, "cls");
    cr_expect_eq(embedder_info(e)->max_tokens, 10);
    cr_expect(same(query(e, "a b c d e f g h"), query(e, "a b c d e f g h i j k")));
    embedder_close(e);
}

Test(embed, prompts_of_the_model_are_used_unless_a_prefix_is_given)
{
    struct embedder *plain = open_with(NULL, NULL), *own, *given;

    tiny_write_text(&m, "config_sentence_transformers.json",
                    "{\"prompts\":{\"query\":\"q \",\"document\":\"d \"}}");
    own = open_with(NULL, "");
    given = open_with("x ", NULL);
    cr_expect_str_eq(embedder_info(own)->query_prefix, "q ");
    cr_expect_str_eq(embedder_info(own)->document_prefix, "d ");
    cr_expect(same(query(own, "a b"), query(plain, "q a b")));
    cr_expect(same(passage(own, "a b"), passage(plain, "d a b")));
    cr_expect(same(query(given, "a b"), query(plain, "x a b")));
    cr_expect(same(passage(given, "a b"), passage(plain, "d a b")));
    embedder_close(plain);
    embedder_close(own);
    embedder_close(given);
}

/* The fingerprint of the model as it lies there now. */
static struct digest print_of(const char *query_prefix, const char *document_prefix)
{
    struct embedder *e = open_with(query_prefix, document_prefix);
    struct digest d = embedder_fingerprint(e);

    embedder_close(e);
    return d;
}

Test(embed, the_fingerprint_changes_with_everything_that_changes_vectors)
{
    struct digest d[6];

    d[0] = print_of(NULL, NULL);
    d[1] = print_of("x", NULL);
    d[2] = print_of(NULL, "x");
    tiny_write_text(&m, "sentence_bert_config.json", "{\"max_seq_length\":20}");
    d[3] = print_of(NULL, NULL);
    m.tensors[7].v[3] += 1;
    tiny_write_weights(&m, "F32");
    d[4] = print_of(NULL, NULL);
    tiny_write_text(&m, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nb\na\n");
    d[5] = print_of(NULL, NULL);
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < i; j++)
            cr_expect_not(digest_eq(&d[i], &d[j]), "%zu and %zu", i, j);
    m.tensors[7].v[3] -= 1;
    tiny_write_weights(&m, "F32");
    tiny_write_vocab(&m);
    d[5] = print_of("", "");
    cr_expect(digest_eq(&d[5], &d[3]), "and with nothing else");
}

static void expect_refused(const char *reason)
{
    struct embedder *e = NULL;
    struct embedder_options o = {.model_dir = m.dir};

    cr_expect_lt(embedder_open(&e, &o), 0);
    cr_expect(strstr(err_text(), reason), "'%s' lacks '%s'", err_text(), reason);
    cr_expect_null(e);
}

Test(embed, refuses_a_tokenizer_of_another_model)
{
    m.vocab = 30;
    tiny_find(&m, "embeddings.word_embeddings.weight")->rows = 30;
    tiny_write_weights(&m, "F32");
    tiny_write_config(&m);
    expect_refused("57 tokens");
}

/* sentence-transformers would lower the text before a tokenizer that does not. */
Test(embed, refuses_to_keep_case_where_the_model_says_to_lower_it)
{
    tiny_write_text(&m, "sentence_bert_config.json", "{\"do_lower_case\":true}");
    embedder_close(open_with(NULL, NULL)); /* this tokenizer does */
    tiny_write_text(&m, "tokenizer_config.json", "{\"do_lower_case\":false}");
    expect_refused("'do_lower_case'");
}

/* A model of another class has its own modules too; its class is the reason to give. */
Test(embed, says_the_class_before_anything_else)
{
    tiny_write_text(&m, "config.json", "{\"model_type\":\"t5\"}");
    tiny_write_text(&m, "modules.json", "[{\"type\":\"x.Dense\"}]");
    expect_refused("\"t5\"");
}

Test(embed, refuses_folders_that_lack_a_part)
{
    char path[128];

    tiny_write_text(&m, "modules.json", "[{\"type\":\"x.Dense\"}]");
    expect_refused("Dense");
    tiny_write_text(&m, "modules.json", "[]");
    snprintf(path, sizeof path, "%s/vocab.txt", m.dir);
    unlink(path);
    expect_refused(m.dir);
    snprintf(path, sizeof path, "%s/config.json", m.dir);
    unlink(path);
    expect_refused("config.json");
}

Test(embed, damaged_weights_give_an_error_and_no_vector)
{
    struct embedder *e;
    float *v = NULL, w[24];
    struct embed_item item = {.text = STR_LIT("a"), .vector = w};

    tiny_find(&m, "encoder.layer.1.output.dense.bias")->v[3] = NAN;
    tiny_write_weights(&m, "F32");
    e = open_with(NULL, NULL);
    cr_expect_eq(embed_query(e, STR_LIT("a"), mem, &v), ERR_FORMAT);
    cr_expect_null(v);
    cr_expect_eq(embed_documents(e, NULL, &item, 1), ERR_FORMAT);
    embedder_close(e);
}
