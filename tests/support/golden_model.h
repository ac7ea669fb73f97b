/* golden_model.h - a model of tests/golden/models.json or rerank.json as a folder, weights made
 * anew.
 *
 * What make_models.py or make_rerank.py wrote there is small files as text and tensors as a rule;
 * the rule stands in that script. The weights are the same bits as the reference had. */
#pragma once
#include <criterion/criterion.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/json.h"
#include "unit/embed/tiny_model.h"

static inline uint64_t splitmix64(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static inline void golden_fill(struct tiny_tensor *t, uint64_t key, float centre, float scale)
{
    for (size_t i = 0; i < tiny_size(t); i++) {
        float unit = (float)(splitmix64(key | i) >> 40) * 0x1p-23f - 1;

        t->v[i] = strcmp(t->dtype, "I64") == 0 ? (float)i : centre + scale * unit;
    }
}

/* [name, dtype, shape, centre, scale] */
static inline void golden_tensor(struct tiny_model *m, const json_t *row, uint64_t seed)
{
    struct tiny_tensor *t = &m->tensors[m->n_tensors];
    const json_t *shape = json_array_get(row, 2);
    uint64_t key = seed << 48 | (uint64_t)m->n_tensors++ << 32;

    cr_assert_leq(m->n_tensors, TINY_TENSORS_MAX);
    snprintf(t->name, sizeof t->name, "%s", json_string_value(json_array_get(row, 0)));
    t->dtype = json_string_value(json_array_get(row, 1));
    t->rows = (size_t)json_integer_value(json_array_get(shape, 0));
    t->cols = (size_t)json_integer_value(json_array_get(shape, 1));
    t->v = mem_calloc(tiny_size(t), sizeof *t->v);
    golden_fill(t, key, (float)json_number_value(json_array_get(row, 3)),
                (float)json_number_value(json_array_get(row, 4)));
}

static inline void golden_file(const struct tiny_model *m, const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", m->dir, name);
    *strrchr(path, '/') = '\0';
    cr_assert_eq(file_make_dirs(path), ERR_OK, "%s", err_text());
    tiny_write_text(m, name, text);
}

/* The whole of models.json or rerank.json; json_decref it. */
static inline json_t *golden_read_file(const char *path)
{
    struct buf b;
    json_t *root = NULL;

    buf_init(&b);
    cr_assert_eq(file_read(path, 4 << 20, &b), ERR_OK, "%s", err_text());
    cr_assert_eq(json_parse(&root, buf_view(&b), path), ERR_OK, "%s", err_text());
    buf_done(&b);
    return root;
}

static inline json_t *golden_read(void)
{
    return golden_read_file("tests/golden/models.json");
}

static inline const json_t *golden_find(const json_t *root, const char *name)
{
    const json_t *models = json_object_get(root, "models");

    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *g = json_array_get(models, i);

        if (strcmp(json_string_value(json_object_get(g, "name")), name) == 0)
            return g;
    }
    cr_assert_fail("there is no model '%s'", name);
    return NULL;
}

/* Writes it to a temporary folder; tiny_close removes that. `g` must outlive `m`. */
static inline void golden_open(struct tiny_model *m, const json_t *g)
{
    const json_t *tensors = json_object_get(g, "tensors");
    const char *name;
    json_t *content;

    *m = (struct tiny_model){.dir = "/tmp/ragd-model-XXXXXX"};
    cr_assert_not_null(mkdtemp(m->dir));
    json_object_foreach(json_object_get(g, "files"), name, content) {
        golden_file(m, name, json_string_value(content));
    }
    for (size_t i = 0; i < json_array_size(tensors); i++)
        golden_tensor(m, json_array_get(tensors, i),
                      (uint64_t)json_integer_value(json_object_get(g, "seed")));
    tiny_write_weights(m, "F32");
}
