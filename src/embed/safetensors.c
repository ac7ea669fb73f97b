#include "embed/safetensors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "simd/bf16.h"

#define LENGTH_BYTES 8

struct safetensors {
    char *path;
    struct file_map file;
    size_t data_at; /* where the tensors begin */
    json_t *header; /* owns the names */
    struct tensor *tensors;
    size_t n_tensors;
    struct map *by_name; /* name -> index in tensors */
};

static const struct {
    const char *name;
    enum dtype dtype;
    size_t n_bytes;
} dtypes[] = {{"F32", DTYPE_F32, 4},   {"F16", DTYPE_F16, 2},   {"BF16", DTYPE_BF16, 2},
              {"F64", DTYPE_OTHER, 8}, {"I64", DTYPE_OTHER, 8}, {"U64", DTYPE_OTHER, 8},
              {"I32", DTYPE_OTHER, 4}, {"U32", DTYPE_OTHER, 4}, {"I16", DTYPE_OTHER, 2},
              {"U16", DTYPE_OTHER, 2}, {"I8", DTYPE_OTHER, 1},  {"U8", DTYPE_OTHER, 1},
              {"BOOL", DTYPE_OTHER, 1}};

/* Bytes of one element. */
static int read_dtype(const json_t *member, const char *file, struct tensor *t, size_t *n_bytes)
{
    const char *name = json_string_value(json_object_get(member, "dtype"));

    if (!name)
        return FAIL(ERR_FORMAT, "weights '%s': tensor '%s' has no dtype", file, t->name);
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(name, dtypes[i].name) != 0)
            continue;
        t->dtype = dtypes[i].dtype;
        t->dtype_name = dtypes[i].name;
        *n_bytes = dtypes[i].n_bytes;
        return ERR_OK;
    }
    return FAIL(ERR_UNSUPPORTED, "weights '%s': tensor '%s' has the unknown dtype '%s'", file,
                t->name, name);
}

/* A non-negative integer of a list; false when it is anything else. */
static bool read_size(const json_t *list, size_t i, size_t *out)
{
    const json_t *v = json_array_get(list, i);

    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = (size_t)json_integer_value(v);
    return true;
}

static int read_shape(const json_t *member, const char *file, struct tensor *t)
{
    const json_t *shape = json_object_get(member, "shape");

    if (!json_is_array(shape))
        return FAIL(ERR_FORMAT, "weights '%s': tensor '%s' has no shape", file, t->name);
    t->rank = json_array_size(shape);
    if (t->rank > SAFETENSORS_RANK_MAX)
        return FAIL(ERR_LIMIT, "weights '%s': tensor '%s' has %zu dimensions, over the limit of %u",
                    file, t->name, t->rank, SAFETENSORS_RANK_MAX);
    t->n = 1;
    for (size_t i = 0; i < t->rank; i++)
        if (!read_size(shape, i, &t->shape[i]) || __builtin_mul_overflow(t->n, t->shape[i], &t->n))
            return FAIL(ERR_FORMAT, "weights '%s': tensor '%s' has an impossible shape", file,
                        t->name);
    return ERR_OK;
}

static int read_place(const json_t *member, struct safetensors *st, struct tensor *t,
                      size_t element_bytes)
{
    const json_t *offsets = json_object_get(member, "data_offsets");
    size_t n_data = st->file.n - st->data_at, from, to;

    if (json_array_size(offsets) != 2 || !read_size(offsets, 0, &from) ||
        !read_size(offsets, 1, &to))
        return FAIL(ERR_FORMAT, "weights '%s': tensor '%s' needs two data_offsets", st->path,
                    t->name);
    if (from > to || to > n_data)
        return FAIL(ERR_FORMAT,
                    "weights '%s': tensor '%s' lies at bytes %zu to %zu, but the file holds %zu; "
                    "it may have been cut",
                    st->path, t->name, from, to, n_data);
    if (__builtin_mul_overflow(t->n, element_bytes, &t->n_bytes) || t->n_bytes != to - from)
        return FAIL(ERR_FORMAT, "weights '%s': tensor '%s' has %zu bytes, not those of its shape",
                    st->path, t->name, to - from);
    t->data = st->file.p + st->data_at + from;
    return ERR_OK;
}

static int read_tensor(struct safetensors *st, const char *name, const json_t *member)
{
    int rc = ERR_OK;
    struct tensor *t = &st->tensors[st->n_tensors];
    size_t element_bytes = 0;

    t->name = name;
    TRY(read_dtype(member, st->path, t, &element_bytes));
    TRY(read_shape(member, st->path, t));
    TRY(read_place(member, st, t, element_bytes));
    map_put(st->by_name, name, strlen(name), st->n_tensors);
    st->n_tensors++;
out:
    return rc;
}

static int by_place(const void *a, const void *b)
{
    const struct tensor *const *x = a, *const *y = b;

    if ((*x)->data != (*y)->data)
        return (*x)->data < (*y)->data ? -1 : 1;
    return ((*x)->n_bytes > (*y)->n_bytes) - ((*x)->n_bytes < (*y)->n_bytes);
}

/* In order of place, each tensor begins where the one before ended, and the last ends the file. */
static int check_cover(const struct safetensors *st)
{
    int rc = ERR_OK;
    const unsigned char *at = st->file.p + st->data_at;
    const struct tensor **sorted = mem_calloc(st->n_tensors, sizeof *sorted);

    for (size_t i = 0; i < st->n_tensors; i++)
        sorted[i] = &st->tensors[i];
    qsort(sorted, st->n_tensors, sizeof *sorted, by_place);
    for (size_t i = 0; i < st->n_tensors && rc == ERR_OK; i++) {
        if (sorted[i]->data != at)
            rc = FAIL(ERR_FORMAT, "weights '%s': tensor '%s' %s", st->path, sorted[i]->name,
                      sorted[i]->data < at ? "overlaps another" : "has a gap before it");
        at = sorted[i]->data + sorted[i]->n_bytes;
    }
    if (rc == ERR_OK && at != st->file.p + st->file.n)
        rc = FAIL(ERR_FORMAT, "weights '%s': %zu bytes at the end belong to no tensor", st->path,
                  (size_t)(st->file.p + st->file.n - at));
    mem_free(sorted);
    return rc;
}

static int read_header(struct safetensors *st)
{
    uint64_t n = 0;
    struct str text;

    if (st->file.n < LENGTH_BYTES)
        return FAIL(ERR_FORMAT, "weights '%s': %zu bytes are too few for a safetensors file",
                    st->path, st->file.n);
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        n = n << 8 | st->file.p[i];
    if (n > st->file.n - LENGTH_BYTES)
        return FAIL(ERR_FORMAT,
                    "weights '%s': the header claims %llu bytes, the file has %zu; it may have "
                    "been cut, or is not a safetensors file",
                    st->path, (unsigned long long)n, st->file.n);
    if (n > SAFETENSORS_HEADER_MAX)
        return FAIL(ERR_LIMIT, "weights '%s': a header of %llu bytes is over the limit of %u",
                    st->path, (unsigned long long)n, SAFETENSORS_HEADER_MAX);
    text = (struct str){(const char *)st->file.p + LENGTH_BYTES, (size_t)n};
    st->data_at = LENGTH_BYTES + (size_t)n;
    return json_parse(&st->header, text, st->path);
}

static int read_index(struct safetensors *st)
{
    int rc = ERR_OK;
    const char *name;
    json_t *member;

    TRY(read_header(st));
    if (!json_is_object(st->header))
        return FAIL(ERR_FORMAT, "weights '%s': the header is not an object", st->path);
    if (json_object_size(st->header) > SAFETENSORS_TENSORS_MAX)
        return FAIL(ERR_LIMIT, "weights '%s': %zu tensors are over the limit of %u", st->path,
                    json_object_size(st->header), SAFETENSORS_TENSORS_MAX);
    st->tensors = mem_calloc(json_object_size(st->header), sizeof *st->tensors);
    json_object_foreach(st->header, name, member) {
        if (strcmp(name, "__metadata__") != 0)
            TRY(read_tensor(st, name, member));
    }
    TRY(check_cover(st));
out:
    return rc;
}

int safetensors_open(struct safetensors **out, const char *path)
{
    int rc = ERR_OK;
    struct safetensors *st = mem_calloc(1, sizeof *st);

    st->path = mem_strdup(path);
    st->by_name = map_new();
    TRY(file_map_open(&st->file, path));
    TRY(read_index(st));
    *out = st;
    st = NULL; /* handed over */
out:
    safetensors_close(st);
    return rc;
}

void safetensors_close(struct safetensors *st)
{
    if (!st)
        return;
    json_decref(st->header);
    map_free(st->by_name);
    mem_free(st->tensors);
    file_map_close(&st->file);
    mem_free(st->path);
    mem_free(st);
}

const struct tensor *safetensors_find(const struct safetensors *st, const char *name)
{
    uint64_t i;

    return map_get(st->by_name, name, strlen(name), &i) ? &st->tensors[i] : NULL;
}

size_t safetensors_count(const struct safetensors *st)
{
    return st->n_tensors;
}

struct file_map safetensors_bytes(const struct safetensors *st)
{
    return st->file;
}

/* sign 1, exponent 5 (bias 15), fraction 10 */
static float from_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half >> 15) << 31, exponent = half >> 10 & 31,
             fraction = half & 1023;
    uint32_t bits;
    float f;

    if (exponent == 0) { /* zero or below the smallest normal: fraction * 2^-24 */
        f = (float)fraction * 0x1p-24f;
        return sign ? -f : f;
    }
    if (exponent == 31) /* infinity, NaN */
        exponent = 255 - 112;
    bits = sign | (exponent + 112) << 23 | fraction << 13;
    memcpy(&f, &bits, sizeof f);
    return f;
}

int tensor_read(const struct tensor *t, float *out)
{
    if (t->dtype == DTYPE_OTHER)
        return FAIL(ERR_UNSUPPORTED, "tensor '%s' is %s; F32, F16 and BF16 are supported", t->name,
                    t->dtype_name);
    if (t->dtype == DTYPE_F32) {
        memcpy(out, t->data, t->n_bytes);
        return ERR_OK;
    }
    for (size_t i = 0; i < t->n; i++) {
        uint16_t half = (uint16_t)(t->data[2 * i] | t->data[2 * i + 1] << 8);

        out[i] = t->dtype == DTYPE_F16 ? from_f16(half) : bf16_to_float(half);
    }
    return ERR_OK;
}

const float *tensor_in_place(const struct tensor *t)
{
    if (t->dtype != DTYPE_F32 || (uintptr_t)t->data % sizeof(float) != 0)
        return NULL;
    return (const float *)(const void *)t->data;
}
