#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/json.h"
#include "embed/embedder.h"
#include "embed/remote.h"
#include "simd/simd.h"
#include "support/fake_embed.h"
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
        cr_assert_eq(embed_query(g->e, NULL, text, mem, &v), ERR_OK, "%s", err_text());
        g->smallest =
            fmin(g->smallest,
                 cosine_to_half(v, (unsigned char *)g->vectors.p + GOLDEN_HEAD + i * dim * 2, dim));
        g->n_checked++;
    }
    json_decref(row);
    arena_free(mem);
}

/* The worst of all golden texts has 1.000000 in f32, 0.99996 in bf16 and 0.9922 in int8. */
static double least_cosine(const char *precision)
{
    return strcmp(precision, "int8") == 0 ? 0.99 : 0.9999;
}

/* Every golden text of at most max_tokens, at one level. */
static void check_golden(enum simd_level level, const char *precision, size_t max_tokens,
                         size_t at_least)
{
    struct embedder_options o = {.precision = precision};
    const char *model = getenv("RAGD_MODEL_PATH");
    struct golden g = {.max_tokens = max_tokens, .smallest = 1};
    uint32_t n = 0;

    model = model && *model ? model : "models/all-MiniLM-L6-v2";
    if (access(model, R_OK) < 0)
        cr_skip_test("needs the model in %s", model);
    if (!cpu_has_level(level))
        cr_skip_test("needs a processor with %s", simd_level_name(level));
    setenv("RAGD_SIMD", simd_level_name(level), 1);
    o.model_dir = model;
    cr_assert_eq(embedder_open(&g.e, &o), ERR_OK, "%s", err_text());
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
    cr_expect_geq(g.smallest, least_cosine(precision), "%s: cosine %.6f", precision, g.smallest);
    buf_done(&g.vectors);
    buf_done(&g.texts);
    embedder_close(g.e);
}

Test(embedder, agrees_with_the_reference_in_plain_c)
{
    check_golden(SIMD_SCALAR, "f32", 4, 20); /* slow under the sanitizers: the short ones only */
}

Test(embedder, agrees_with_the_reference_with_avx2)
{
    check_golden(SIMD_AVX2, "f32", SIZE_MAX, 500);
}

Test(embedder, agrees_with_the_reference_with_avxvnni_in_int8)
{
    check_golden(SIMD_AVXVNNI, "int8", SIZE_MAX, 500);
}

Test(embedder, agrees_with_the_reference_with_avx512)
{
    check_golden(SIMD_AVX512, "f32", SIZE_MAX, 500);
}

Test(embedder, agrees_with_the_reference_with_avx512vnni_in_int8)
{
    check_golden(SIMD_AVX512VNNI, "int8", SIZE_MAX, 500);
}

Test(embedder, agrees_with_the_reference_with_avx512bf16_in_bf16)
{
    check_golden(SIMD_AVX512BF16, "bf16", SIZE_MAX, 500);
}

Test(embedder, agrees_with_the_reference_with_avx512bf16_in_int8)
{
    check_golden(SIMD_AVX512BF16, "int8", SIZE_MAX, 500);
}

Test(embedder, agrees_with_the_reference_with_neon)
{
    check_golden(SIMD_NEON, "f32", SIZE_MAX, 500);
}

Test(embedder, agrees_with_the_reference_with_neondot_in_int8)
{
    check_golden(SIMD_NEONDOT, "int8", SIZE_MAX, 500);
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

static struct embedder *open_in(const char *precision, const char *query_prefix,
                                const char *document_prefix)
{
    struct embedder *e = NULL;
    struct embedder_options o = {.model_dir = m.dir,
                                 .query_prefix = query_prefix,
                                 .document_prefix = document_prefix,
                                 .precision = precision};

    cr_assert_eq(embedder_open(&e, &o), ERR_OK, "%s", err_text());
    return e;
}

static struct embedder *open_with(const char *query_prefix, const char *document_prefix)
{
    return open_in("f32", query_prefix, document_prefix);
}

static const float *query(struct embedder *e, const char *text)
{
    float *v = NULL;

    cr_assert_eq(embed_query(e, NULL, str_of(text), mem, &v), ERR_OK, "%s", err_text());
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
static void check_batches(const char *precision)
{
    enum { N = 1100 }; /* more than a window */
    static struct embed_item items[N];
    static float vectors[N][24], alone[24];
    static char texts[N][160];
    struct embedder *e = open_in(precision, NULL, NULL);
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
        float *helped;

        cr_assert_eq(embed_documents(e, NULL, &one, 1), ERR_OK);
        cr_expect(same(alone, vectors[i]), "%s, passage %zu", precision, i);
        cr_expect_eq(items[i].cut, i * 7 % 71 > 62, "passage %zu", i);
        cr_expect(same(alone, query(e, texts[i])), "as a question too");
        cr_assert_eq(embed_query(e, pool, items[i].text, mem, &helped), ERR_OK);
        cr_expect(same(alone, helped), "%s, question %zu with helpers", precision, i);
        arena_reset(mem);
    }
    cr_expect_eq(embed_documents(e, pool, NULL, 0), ERR_OK);
    pool_free(pool);
    embedder_close(e);
}

Test(embed, a_text_has_one_vector_whatever_the_batch)
{
    check_batches("f32");
}

Test(embed, a_text_has_one_vector_whatever_the_batch_in_bf16)
{
    check_batches("bf16");
}

Test(embed, a_text_has_one_vector_whatever_the_batch_in_int8)
{
    check_batches("int8");
}

Test(embed, the_precision_can_be_chosen_and_hardly_matters)
{
    static const char *const names[] = {"f32", "bf16", "int8"};
    const float *exact = NULL;

    for (size_t i = 0; i < 3; i++) {
        struct embedder *e = open_in(names[i], NULL, NULL);
        const float *v = query(e, "a b c x y z");

        exact = exact ? exact : v;
        cr_expect_str_eq(embedder_info(e)->precision, names[i]);
        cr_expect_geq(dot(v, exact), 0.999, "%s: %.6f", names[i], dot(v, exact));
        embedder_close(e);
    }
}

static void expect_auto(enum simd_level level, const char *precision)
{
    static const char *const wishes[] = {NULL, "auto"};

    setenv("RAGD_SIMD", simd_level_name(level), 1);
    for (size_t i = 0; i < 2; i++) {
        struct embedder *e = open_in(wishes[i], NULL, NULL);

        cr_expect_str_eq(embedder_info(e)->precision, precision, "%s", simd_level_name(level));
        embedder_close(e);
    }
}

Test(embed, without_an_instruction_for_bytes_the_precision_is_f32)
{
    expect_auto(SIMD_SCALAR, "f32");
}

Test(embed, where_bytes_are_fast_the_precision_is_int8)
{
    static const enum simd_level fast[] = {SIMD_NEONDOT, SIMD_AVX2, SIMD_AVXVNNI, SIMD_AVX512VNNI};

    for (size_t i = 0; i < sizeof fast / sizeof *fast; i++)
        if (cpu_has_level(fast[i])) {
            expect_auto(fast[i], "int8");
            return;
        }
    cr_skip_test("needs a processor on which bytes are fast");
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

/* Ids of a text as its tokenizer gives them, [CLS] and [SEP] included. */
static size_t ids_of(struct embedder *e, const char *text, int32_t *ids)
{
    struct token tokens[64];
    size_t n = wordpiece_encode(embedder_tokenizer(e), str_of(text), tokens, 64, NULL);

    for (size_t i = 0; i < n; i++)
        ids[i] = tokens[i].id;
    return n;
}

Test(embed, ids_stand_for_their_text_and_take_no_prefix)
{
    struct embedder *e = open_with(NULL, "d ");
    float v[2][24];
    int32_t ids[64];
    struct embed_item items[] = {{.ids = ids, .n_ids = ids_of(e, "d a b", ids), .vector = v[0]},
                                 {.text = STR_LIT("c d e f"), .vector = v[1], .cut = true}};

    cr_assert_eq(embed_documents(e, NULL, items, 2), ERR_OK, "%s", err_text());
    cr_expect(same(v[0], passage(e, "a b")));
    cr_expect(same(v[1], passage(e, "c d e f")), "texts and ids may be mixed");
    cr_expect_not(items[0].cut);
    embedder_close(e);
}

Test(embed, a_raw_vector_has_the_direction_and_not_the_length)
{
    struct embedder *e = open_with(NULL, NULL);
    float v[24];
    struct embed_item item = {.text = STR_LIT("a b c"), .raw = true, .vector = v};
    double length;

    cr_assert_eq(embed_documents(e, NULL, &item, 1), ERR_OK, "%s", err_text());
    length = sqrt(dot(v, v));
    cr_expect_gt(fabs(length - 1), 0.01);
    cr_expect_float_eq(dot(v, passage(e, "a b c")) / length, 1, 1e-5);
    embedder_close(e);
}

Test(embed, ids_that_the_model_lacks_are_our_mistake, .signal = SIGABRT)
{
    struct embedder *e = open_with(NULL, NULL);
    float v[24];
    int32_t ids[] = {2, 60, 3};
    struct embed_item item = {.ids = ids, .n_ids = 3, .vector = v};

    embed_documents(e, NULL, &item, 1);
}

Test(embed, prefixes_are_told)
{
    struct embedder *e = open_with("q ", NULL);

    cr_expect_str_eq(embedder_info(e)->query_prefix, "q ");
    cr_expect_str_eq(embedder_info(e)->document_prefix, "");
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

Test(embed, refuses_a_precision_that_it_does_not_know)
{
    struct embedder *e = NULL;
    struct embedder_options o = {.model_dir = m.dir, .precision = "int4"};

    cr_expect_eq(embedder_open(&e, &o), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "'int4' must be auto, f32, bf16 or int8"), "%s", err_text());
    cr_expect_null(e);
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

Test(embed, refuses_products_that_are_not_finite)
{
    tiny_find(&m, "encoder.layer.1.output.dense.bias")->v[3] = NAN;
    tiny_write_weights(&m, "F32");
    expect_refused("encoder.layer.1.output.dense.weight");
}

/* What reaches every vector whatever the precision: a norm's number in the first layer. */
Test(embed, damaged_weights_give_an_error_and_no_vector)
{
    struct embedder *e;
    float *v = NULL, w[24];
    struct embed_item item = {.text = STR_LIT("a"), .vector = w};

    tiny_find(&m, "encoder.layer.0.output.LayerNorm.weight")->v[3] = NAN;
    tiny_write_weights(&m, "F32");
    e = open_in("f32", NULL, NULL);
    cr_expect_eq(embed_query(e, NULL, STR_LIT("a"), mem, &v), ERR_FORMAT);
    cr_expect_null(v);
    cr_expect_eq(embed_documents(e, NULL, &item, 1), ERR_FORMAT);
    embedder_close(e);
}

/* Their quality is measured, so it is seen at once. */
Test(embed, damaged_weights_are_refused_in_smaller_precisions)
{
    static const char *const names[] = {"bf16", "int8"};

    tiny_find(&m, "encoder.layer.0.output.LayerNorm.weight")->v[3] = NAN;
    tiny_write_weights(&m, "F32");
    for (size_t i = 0; i < 2; i++) {
        struct embedder *e = NULL;
        struct embedder_options o = {.model_dir = m.dir, .precision = names[i]};

        cr_expect_eq(embedder_open(&e, &o), ERR_FORMAT, "%s", names[i]);
        cr_expect(strstr(err_text(), "not finite") && strstr(err_text(), m.dir), "%s", err_text());
        cr_expect_null(e);
    }
}

/* ---- a server ---- */

Test(embedder, a_server_has_the_same_face)
{
    struct fake_embed server;
    struct remote_options remote = {
        .kind = REMOTE_TEI, .timeout_ms = 10000, .batch = 8, .document_prefix = "passage: "};
    struct embedder_options o = {.remote = &remote};
    struct embedder *e = NULL;
    struct arena *scratch = arena_new(0);
    struct remote_stats stats;
    struct digest d, name;
    char url[128];
    float *v;

    fake_embed_start(&server);
    remote.url = fake_url(&server.http, "", url);
    cr_assert_eq(embedder_open(&e, &o), ERR_OK, "%s", err_text());
    cr_expect_str_eq(embedder_info(e)->kind, "tei");
    cr_expect_str_eq(embedder_info(e)->name, "fake/words");
    cr_expect_eq(embedder_info(e)->dim, FAKE_DIM);
    cr_expect_eq(embedder_info(e)->max_tokens, 256);
    cr_expect_null(embedder_tokenizer(e));
    d = remote_fingerprint_of(
        &(struct remote_options){.model = "fake/words", .document_prefix = "passage: "}, FAKE_DIM);
    name = embedder_fingerprint(e);
    cr_expect(digest_eq(&d, &name));
    cr_assert_eq(embed_query(e, NULL, STR_LIT("cash"), scratch, &v), ERR_OK, "%s", err_text());
    cr_expect_eq(embed_documents(e, NULL, NULL, 0), ERR_OK);
    cr_expect(embedder_remote_stats(e, &stats));
    cr_expect_eq(stats.requests, 3, "info, dimension, question");
    fake_embed_fail(&server, FAKE_SILENT, 0);
    cr_expect_eq(embed_query_within(e, NULL, STR_LIT("cash"), 50, scratch, &v), ERR_TIMEOUT);
    embedder_close(e);
    fake_embed_stop(&server);
    arena_free(scratch);
}

/* A weight a thousand times the others, of an input that is always 0: it changes no vector, but as
 * bytes the others of its row become 0. */
Test(embed, auto_does_not_take_bytes_where_the_model_does_not_stand_them)
{
    struct embedder *chosen, *bytes;

    for (size_t i = 0; i < m.layers; i++) {
        char name[96];

        snprintf(name, sizeof name, "encoder.layer.%zu.intermediate.dense.bias", i);
        tiny_find(&m, name)->v[0] = -1000;
        snprintf(name, sizeof name, "encoder.layer.%zu.output.dense.weight", i);
        for (size_t row = 0; row < m.hidden; row++)
            tiny_find(&m, name)->v[row * m.wide] = 500;
    }
    tiny_write_weights(&m, "F32");
    chosen = open_in("auto", NULL, NULL);
    bytes = open_in("int8", NULL, NULL);
    cr_expect_str_neq(embedder_info(chosen)->precision, "int8");
    cr_expect_str_eq(embedder_info(bytes)->precision, "int8", "a forced one is used regardless");
    cr_expect_lt(embedder_info(bytes)->quality_mean, 0.99);
    embedder_close(chosen);
    embedder_close(bytes);
}

Test(embed, the_precision_is_not_part_of_the_fingerprint)
{
    struct embedder *exact = open_in("f32", NULL, NULL), *bytes = open_in("int8", NULL, NULL);
    struct digest a = embedder_fingerprint(exact), b = embedder_fingerprint(bytes);

    cr_expect(digest_eq(&a, &b));
    cr_expect_eq(embedder_info(bytes)->n_quality_texts, 64);
    cr_expect_eq(embedder_info(exact)->n_quality_texts, 0);
    cr_expect_lt(embedder_info(bytes)->memory_bytes, embedder_info(exact)->memory_bytes);
    embedder_close(exact);
    embedder_close(bytes);
}

Test(embedder, stays_open_until_its_last_user_has_closed_it)
{
    struct tiny_model m;
    struct embedder *e = NULL;
    struct embedder_options o = {0};
    struct arena *mem = arena_new(0);
    float *v = NULL;

    tiny_open(&m);
    o.model_dir = m.dir;
    cr_assert_eq(embedder_open(&e, &o), ERR_OK, "%s", err_text());
    cr_expect_eq(embedder_ref(e), e);
    embedder_close(e);
    cr_expect_eq(embed_query(e, NULL, STR_LIT("abc"), mem, &v), ERR_OK, "%s", err_text());
    embedder_close(e);
    arena_free(mem);
    tiny_close(&m);
}
