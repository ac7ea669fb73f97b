#include "embed/remote_wire.h"

#include <math.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"

/* A float as text with the white space of a pretty printer; base64 is far shorter. */
#define FLOAT_BYTES_MAX 48
#define REPLY_AROUND    ((size_t)64 << 10)

/* ---- asking ---- */

void wire_ask_write(const struct wire_ask *a, struct buf *out)
{
    struct jsonw w = jsonw_to(out);

    jsonw_open(&w, '{');
    if (a->kind == REMOTE_OPENAI)
        jsonw_key(&w, "model"), jsonw_cstr(&w, a->model);
    jsonw_key(&w, a->kind == REMOTE_OPENAI ? "input" : "inputs");
    jsonw_open(&w, '[');
    for (size_t i = 0; i < a->n; i++)
        jsonw_str(&w, a->texts[i]);
    jsonw_close(&w, ']');
    if (a->kind == REMOTE_TEI) {
        jsonw_key(&w, "truncate"), jsonw_bool(&w, true);
        jsonw_key(&w, "normalize"), jsonw_bool(&w, true);
    } else {
        jsonw_key(&w, "encoding_format"), jsonw_cstr(&w, a->floats ? "float" : "base64");
        if (a->dimensions)
            jsonw_key(&w, "dimensions"), jsonw_int(&w, (int64_t)a->dimensions);
    }
    jsonw_close(&w, '}');
}

size_t wire_reply_max(size_t n, size_t dim)
{
    return REPLY_AROUND + n * (dim ? dim : REMOTE_DIM_MAX) * FLOAT_BYTES_MAX;
}

/* ---- one vector ---- */

static int check_dim(size_t found, size_t *dim, size_t i)
{
    if (found < 1 || found > REMOTE_DIM_MAX)
        return FAIL(ERR_FORMAT, "vector %zu has %zu dimensions; it must have 1 to %d", i, found,
                    REMOTE_DIM_MAX);
    if (*dim && found != *dim)
        return FAIL(ERR_FORMAT, "vector %zu has %zu dimensions instead of %zu", i, found, *dim);
    *dim = found;
    return ERR_OK;
}

static int read_numbers(const json_t *list, size_t *dim, size_t i, float *all)
{
    int rc = check_dim(json_array_size(list), dim, i);
    float *out;

    if (rc < 0)
        return rc;
    out = all + i * *dim;
    for (size_t j = 0; j < *dim; j++) {
        const json_t *v = json_array_get(list, j);

        if (!json_is_number(v))
            return FAIL(ERR_FORMAT, "vector %zu: its entry %zu is not a number", i, j);
        out[j] = (float)json_number_value(v);
    }
    return ERR_OK;
}

static float little_endian_float(const unsigned char *p)
{
    uint32_t bits =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Bytes behind n characters of base64 (a multiple of four); -1: not base64. */
static long decode_base64(struct str text, unsigned char *out)
{
    long n = text.n % 4 ? -1 : EVP_DecodeBlock(out, (const unsigned char *)text.p, (int)text.n);

    if (n != (long)(text.n / 4 * 3))
        return -1;
    for (size_t i = text.n; i > 0 && i + 2 > text.n && text.p[i - 1] == '='; i--)
        n--;
    return n;
}

static int read_base64(struct str text, size_t *dim, size_t i, float *all)
{
    int rc = ERR_OK;
    unsigned char *bytes;
    long n;

    if (text.n == 0 || text.n > REMOTE_DIM_MAX * sizeof(float) * 2)
        return FAIL(ERR_FORMAT, "vector %zu is a text of %zu bytes, not a vector in base64", i,
                    text.n);
    bytes = mem_alloc(text.n);
    n = decode_base64(text, bytes);
    if (n < 0 || n % (long)sizeof(float)) {
        rc = FAIL(ERR_FORMAT, "vector %zu is not the base64 of 32-bit numbers", i);
        goto out;
    }
    TRY(check_dim((size_t)n / sizeof(float), dim, i));
    for (size_t j = 0; j < *dim; j++)
        all[i * *dim + j] = little_endian_float(bytes + j * sizeof(float));
out:
    mem_free(bytes);
    return rc;
}

static int to_unit_length(float *v, size_t dim, size_t i)
{
    double sum = 0, scale;

    for (size_t j = 0; j < dim; j++) {
        if (!isfinite(v[j]))
            return FAIL(ERR_FORMAT, "vector %zu: its entry %zu is not a finite number", i, j);
        sum += (double)v[j] * v[j];
    }
    if (sum <= 0)
        return FAIL(ERR_FORMAT, "vector %zu is zero", i);
    scale = 1 / sqrt(sum);
    for (size_t j = 0; j < dim; j++)
        v[j] = (float)(v[j] * scale);
    return ERR_OK;
}

static int read_vector(const json_t *v, size_t *dim, size_t i, float *all)
{
    int rc = ERR_OK;

    if (json_is_array(v))
        TRY(read_numbers(v, dim, i, all));
    else if (json_is_string(v))
        TRY(read_base64((struct str){json_string_value(v), json_string_length(v)}, dim, i, all));
    else
        return FAIL(ERR_FORMAT, "vector %zu is neither a list of numbers nor base64", i);
    TRY(to_unit_length(all + i * *dim, *dim, i));
out:
    return rc;
}

/* ---- replies ---- */

static int check_count(const json_t *list, const char *what, size_t n)
{
    if (!json_is_array(list))
        return FAIL(ERR_FORMAT, "%s is not a list", what);
    if (json_array_size(list) != n)
        return FAIL(ERR_FORMAT, "%zu vectors for %zu texts", json_array_size(list), n);
    return ERR_OK;
}

static int read_tei(const json_t *reply, size_t n, size_t *dim, float *out)
{
    int rc = ERR_OK;

    TRY(check_count(reply, "the reply", n));
    for (size_t i = 0; i < n; i++)
        TRY(read_vector(json_array_get(reply, i), dim, i, out));
out:
    return rc;
}

/* Which text an entry of "data" is for; each must come once. */
static int index_of(const json_t *entry, size_t i, bool *seen, size_t n, size_t *out)
{
    const json_t *index = json_object_get(entry, "index");
    json_int_t at = json_is_integer(index) ? json_integer_value(index) : -1;

    if (at < 0 || at >= (json_int_t)n)
        return FAIL(ERR_FORMAT, "data[%zu] has no \"index\" from 0 to %zu", i, n - 1);
    if (seen[at])
        return FAIL(ERR_FORMAT, "\"index\" %lld comes twice", (long long)at);
    seen[at] = true;
    *out = (size_t)at;
    return ERR_OK;
}

static int read_openai(const json_t *reply, size_t n, size_t *dim, float *out)
{
    int rc = ERR_OK;
    const json_t *data = json_object_get(reply, "data");
    bool *seen = mem_calloc(n, sizeof *seen);

    TRY(check_count(data, "\"data\"", n));
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(data, i);
        size_t at = 0;

        TRY(index_of(entry, i, seen, n, &at));
        TRY(read_vector(json_object_get(entry, "embedding"), dim, at, out));
    }
out:
    mem_free(seen);
    return rc;
}

int wire_reply_read(enum remote_kind kind, struct str reply, size_t n, size_t *dim, float *out)
{
    int rc = ERR_OK;
    json_t *tree = NULL;
    size_t found = *dim;

    rc = json_parse(&tree, reply, "the reply");
    if (rc < 0)
        return ERR_FORMAT; /* also what is nested too deep */
    TRY(kind == REMOTE_TEI ? read_tei(tree, n, &found, out) : read_openai(tree, n, &found, out));
    *dim = found;
out:
    json_decref(tree);
    return rc;
}

static int check_name(struct str model)
{
    if (model.n >= REMOTE_MODEL_MAX)
        return FAIL(ERR_FORMAT, "\"model_id\" of %zu bytes is longer than any model's name",
                    model.n);
    for (size_t i = 0; i < model.n; i++)
        if ((unsigned char)model.p[i] < ' ' || model.p[i] == 127)
            return FAIL(ERR_FORMAT, "\"model_id\" has a control character");
    return ERR_OK;
}

int wire_info_read(struct str reply, struct wire_info *out)
{
    int rc = ERR_OK;
    struct wire_info info = {.model = ""};
    struct str model = {"", 0};
    int64_t max_tokens = 0, batch = 0;
    json_t *tree = NULL;

    rc = json_parse(&tree, reply, "the reply");
    if (rc < 0)
        return ERR_FORMAT;
    if (!json_is_object(tree)) {
        rc = FAIL(ERR_FORMAT, "the reply is not an object");
        goto out;
    }
    TRY(json_get_str(tree, "model_id", &model));
    TRY(json_get_int(tree, "max_input_length", 1, REMOTE_TOKENS_MAX, &max_tokens));
    TRY(json_get_int(tree, "max_client_batch_size", 1, INT32_MAX, &batch));
    TRY(check_name(model));
    memcpy(info.model, model.p, model.n);
    info.max_tokens = (size_t)max_tokens;
    info.batch = (size_t)batch;
    *out = info;
out:
    json_decref(tree);
    return rc < 0 ? ERR_FORMAT : ERR_OK;
}
