#include "embed/bert_load.h"

#include <criterion/criterion.h>

#include "base/err.h"
#include "unit/embed/tiny_model.h"

struct loaded {
    struct pack pack;
    struct bert_layout at;
};

static int load(struct loaded *out, const char *model_dir, enum precision p)
{
    int rc = ERR_OK;
    struct bert_config c;
    struct safetensors *file = NULL;
    struct stat st;
    struct buf path;

    buf_init(&path);
    TRY(bert_config_read(&c, model_dir));
    TRY(bert_find_weights(model_dir, &path, &st));
    TRY(safetensors_open(&file, path.p));
    TRY(bert_load(&out->pack, file, &c, p, str_of("tokenizer")));
    bert_lay_out(&out->at, &c, p, out->pack.cold, out->pack.hot);
out:
    safetensors_close(file);
    buf_done(&path);
    return rc;
}

/* Element [out, in] of a product in f32, whose weights are packed in panels. */
static float packed_at(const struct matrix *w, size_t out, size_t in)
{
    const float *panel = (const float *)w->panels + out / MATRIX_PANEL * MATRIX_PANEL * w->k;

    return panel[in * MATRIX_PANEL + out % MATRIX_PANEL];
}

static float weight_at(struct tiny_model *m, const char *name, size_t row, size_t col)
{
    struct tiny_tensor *t = tiny_find(m, name);

    cr_assert_not_null(t, "%s", name);
    return t->v[row * t->cols + col];
}

Test(bert_load, packs_query_key_and_value_into_one_with_the_scale_in_the_query)
{
    struct tiny_model m;
    struct loaded w;
    const struct matrix *qkv;
    float scale;

    tiny_open(&m);
    cr_assert_eq(load(&w, m.dir, PRECISION_F32), ERR_OK, "%s", err_text());
    qkv = &w.at.layers[0].qkv;
    scale = 1 / __builtin_sqrtf((float)(m.hidden / m.heads));
    cr_expect_eq(qkv->n, 3 * m.hidden);
    cr_expect_eq(qkv->k, m.hidden);
    cr_expect_float_eq(packed_at(qkv, 1, 2),
                       scale * weight_at(&m, "encoder.layer.0.attention.self.query.weight", 1, 2),
                       1e-6);
    cr_expect_float_eq(packed_at(qkv, m.hidden + 1, 2),
                       weight_at(&m, "encoder.layer.0.attention.self.key.weight", 1, 2), 0);
    cr_expect_float_eq(packed_at(qkv, 2 * m.hidden + 3, 0),
                       weight_at(&m, "encoder.layer.0.attention.self.value.weight", 3, 0), 0);
    pack_close(&w.pack);
    tiny_close(&m);
}

Test(bert_load, adds_the_type_to_every_position_once)
{
    struct tiny_model m;
    struct loaded w;
    float word[24];

    tiny_open(&m);
    cr_assert_eq(load(&w, m.dir, PRECISION_F32), ERR_OK, "%s", err_text());
    for (size_t i = 0; i < m.hidden; i++)
        cr_expect_float_eq(w.at.places[m.hidden + i],
                           weight_at(&m, "embeddings.position_embeddings.weight", 1, i) +
                               weight_at(&m, "embeddings.token_type_embeddings.weight", 0, i),
                           0);
    word_rows_get(&w.at.words, 2, word);
    cr_expect_float_eq(word[1], weight_at(&m, "embeddings.word_embeddings.weight", 2, 1), 0);
    pack_close(&w.pack);
    tiny_close(&m);
}

/* The bias of the query's part is scaled too, and that of the others is not. */
Test(bert_load, packs_the_biases_beside)
{
    struct tiny_model m;
    struct loaded w;
    float scale;

    tiny_open(&m);
    for (int p = 0; p < N_PRECISIONS; p++) {
        cr_assert_eq(load(&w, m.dir, (enum precision)p), ERR_OK, "%s", err_text());
        scale = 1 / __builtin_sqrtf((float)(m.hidden / m.heads));
        cr_expect_eq(w.pack.facts.precision, (enum precision)p);
        cr_expect_eq(w.at.layers[1].widen.precision, (enum precision)p);
        cr_expect_float_eq(w.at.layers[0].qkv.bias[2],
                           scale * weight_at(&m, "encoder.layer.0.attention.self.query.bias", 0, 2),
                           1e-6);
        cr_expect_eq(w.at.layers[0].qkv.bias[2 * m.hidden + 1],
                     weight_at(&m, "encoder.layer.0.attention.self.value.bias", 0, 1));
        cr_expect_eq(w.at.layers[1].widen.bias[39],
                     weight_at(&m, "encoder.layer.1.intermediate.dense.bias", 0, 39));
        pack_close(&w.pack);
    }
    tiny_close(&m);
}

Test(bert_load, bytes_take_less_memory_than_bf16_and_those_less_than_floats)
{
    struct tiny_model m;
    struct loaded w;
    size_t n_bytes[N_PRECISIONS];

    tiny_open(&m);
    for (int p = 0; p < N_PRECISIONS; p++) {
        n_bytes[p] = matrix_bytes((enum precision)p, 3 * m.hidden, m.hidden);
        cr_assert_eq(load(&w, m.dir, (enum precision)p), ERR_OK, "%s", err_text());
        cr_expect_geq((const char *)w.at.layers[0].project.panels -
                          (const char *)w.at.layers[0].qkv.panels,
                      n_bytes[p]);
        pack_close(&w.pack);
    }
    cr_expect_lt(n_bytes[PRECISION_INT8], n_bytes[PRECISION_BF16]);
    cr_expect_lt(n_bytes[PRECISION_BF16], n_bytes[PRECISION_F32]);
    tiny_close(&m);
}

Test(bert_load, says_what_the_pack_was_made_from)
{
    struct tiny_model m;
    struct loaded w;
    struct buf bytes;
    struct hash128 hash;
    char path[128];

    tiny_open(&m);
    buf_init(&bytes);
    snprintf(path, sizeof path, "%s/model.safetensors", m.dir);
    cr_assert_eq(file_read(path, 1 << 20, &bytes), ERR_OK, "%s", err_text());
    hash = hash128_of(bytes.p, bytes.n);
    cr_assert_eq(load(&w, m.dir, PRECISION_INT8), ERR_OK, "%s", err_text());
    cr_expect_eq(w.pack.facts.source.size, bytes.n);
    cr_expect(hash128_eq(&w.pack.facts.source.weights, &hash));
    cr_expect(str_eq(w.pack.tokenizer, str_of("tokenizer")));
    pack_close(&w.pack);
    buf_done(&bytes);
    tiny_close(&m);
}

Test(bert_load, a_weight_that_is_not_finite_is_named)
{
    struct tiny_model m;
    struct loaded w;

    tiny_open(&m);
    tiny_find(&m, "encoder.layer.1.attention.self.key.weight")->v[5] = __builtin_inff();
    tiny_write_weights(&m, "F32");
    for (int p = 0; p < N_PRECISIONS; p++) {
        cr_expect_eq(load(&w, m.dir, (enum precision)p), ERR_FORMAT);
        cr_expect_not_null(strstr(err_text(), "encoder.layer.1.attention.self.key.weight"), "%s",
                           err_text());
    }
    tiny_close(&m);
}

Test(bert_load, a_folder_without_weights_is_named)
{
    struct tiny_model m;
    struct loaded w;
    char path[128];

    tiny_open(&m);
    snprintf(path, sizeof path, "%s/model.safetensors", m.dir);
    cr_assert_eq(unlink(path), 0);
    cr_expect_lt(load(&w, m.dir, PRECISION_F32), 0);
    cr_expect_not_null(strstr(err_text(), "model.safetensors"), "%s", err_text());
    tiny_close(&m);
}
