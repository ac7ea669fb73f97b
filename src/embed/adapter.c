#include "embed/adapter.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "simd/simd.h"

#define MAGIC      "ragdadap"
#define VERSION    1u
#define HEAD_BYTES 104
#define SUM_BYTES  8

/* Below it, squares are too small for floats to tell a length by: nothing is left. */
#define LENGTH_MIN 1e-15f

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is written as memory has it");

struct adapter {
    atomic_int refs;
    struct adapter_origin origin;
    struct digest fingerprint;
    size_t dim;
    float *weights; /* [dim, dim], 64-byte aligned */
};

static struct digest fingerprint_of(const struct adapter *a)
{
    struct digester *d = digester_new();

    digester_add_str(d, "adapter/1");
    digester_add(d, a->origin.model.b, DIGEST_BYTES);
    digester_add(d, a->weights, a->dim * a->dim * sizeof *a->weights);
    return digester_finish(d);
}

struct adapter *adapter_new(const struct adapter_origin *origin, const float *weights, size_t dim)
{
    struct adapter *a = mem_calloc(1, sizeof *a);
    size_t bytes = dim * dim * sizeof *weights;

    CHECK(dim > 0 && dim <= ADAPTER_DIM_MAX);
    atomic_init(&a->refs, 1);
    a->origin = *origin;
    a->dim = dim;
    a->weights = mem_alloc_aligned(bytes);
    memcpy(a->weights, weights, bytes);
    a->fingerprint = fingerprint_of(a);
    return a;
}

struct adapter *adapter_ref(struct adapter *a)
{
    atomic_fetch_add(&a->refs, 1);
    return a;
}

void adapter_unref(struct adapter *a)
{
    if (!a || atomic_fetch_sub(&a->refs, 1) > 1)
        return;
    mem_free(a->weights);
    mem_free(a);
}

const struct adapter_origin *adapter_origin(const struct adapter *a)
{
    return &a->origin;
}

size_t adapter_dim(const struct adapter *a)
{
    return a->dim;
}

const struct digest *adapter_fingerprint(const struct adapter *a)
{
    return &a->fingerprint;
}

void adapter_apply(const struct adapter *a, const float *v, float *out)
{
    const struct simd *k = simd_get();
    float length;

    k->dot_rows(v, a->weights, a->dim, a->dim, out);
    length = sqrtf(k->dot(out, out, a->dim));
    if (!(length > LENGTH_MIN) || !isfinite(length)) {
        memcpy(out, v, a->dim * sizeof *out);
        return;
    }
    for (size_t i = 0; i < a->dim; i++)
        out[i] /= length;
}

/* ---- the file ---- */

struct head {
    char magic[8];
    uint32_t version, dim;
    unsigned char model[DIGEST_BYTES];
    int64_t collection, fitted_ms;
    uint32_t n_questions, zero;
    struct adapter_effect vector, hybrid;
};
_Static_assert(sizeof(struct head) == HEAD_BYTES, "no padding, as the table of bytes says");

void adapter_write(const struct adapter *a, struct buf *out)
{
    size_t from = out->n;
    uint64_t sum;
    struct head h = {
        .version = VERSION,
        .dim = (uint32_t)a->dim,
        .collection = a->origin.collection,
        .fitted_ms = a->origin.fitted_ms,
        .n_questions = a->origin.n_questions,
        .vector = a->origin.vector,
        .hybrid = a->origin.hybrid,
    };

    memcpy(h.magic, MAGIC, sizeof h.magic);
    memcpy(h.model, a->origin.model.b, sizeof h.model);
    buf_add(out, (const char *)&h, sizeof h);
    buf_add(out, (const char *)a->weights, a->dim * a->dim * sizeof *a->weights);
    sum = hash64_stable(out->p + from, out->n - from);
    buf_add(out, (const char *)&sum, sizeof sum);
}

static int check_head(const struct head *h, struct str bytes, const char *name)
{
    uint64_t want = HEAD_BYTES + SUM_BYTES + 4 * (uint64_t)h->dim * h->dim, sum;

    if (memcmp(h->magic, MAGIC, sizeof h->magic) != 0)
        return FAIL(ERR_FORMAT, "'%s' is no adapter of ragd", name);
    if (h->version != VERSION)
        return FAIL(ERR_FORMAT, "'%s' has version %u, %u is wanted", name, h->version, VERSION);
    if (h->dim == 0 || h->dim > ADAPTER_DIM_MAX)
        return FAIL(ERR_FORMAT, "'%s': %u dimensions cannot be", name, h->dim);
    if (bytes.n != want)
        return FAIL(ERR_FORMAT, "'%s' has %zu bytes, its head says %llu", name, bytes.n,
                    (unsigned long long)want);
    memcpy(&sum, bytes.p + bytes.n - SUM_BYTES, sizeof sum);
    if (sum != hash64_stable(bytes.p, bytes.n - SUM_BYTES))
        return FAIL(ERR_FORMAT, "'%s' is damaged: its checksum is another", name);
    return ERR_OK;
}

int adapter_read(struct adapter **out, struct str bytes, const char *name)
{
    int rc = ERR_OK;
    struct head h;
    struct adapter_origin origin;
    float *weights = NULL;
    size_t n;

    if (bytes.n < HEAD_BYTES + SUM_BYTES)
        return FAIL(ERR_FORMAT, "'%s' has %zu bytes, too few for its head", name, bytes.n);
    memcpy(&h, bytes.p, sizeof h);
    TRY(check_head(&h, bytes, name));
    origin = (struct adapter_origin){.collection = h.collection,
                                     .fitted_ms = h.fitted_ms,
                                     .n_questions = h.n_questions,
                                     .vector = h.vector,
                                     .hybrid = h.hybrid};
    memcpy(origin.model.b, h.model, sizeof h.model);
    n = (size_t)h.dim * h.dim;
    weights = mem_dup(bytes.p + HEAD_BYTES, n * sizeof *weights); /* bytes may lie anywhere */
    for (size_t i = 0; i < n; i++)
        if (!isfinite(weights[i])) {
            rc = FAIL(ERR_FORMAT, "'%s': number %zu of the matrix is not finite", name, i);
            goto out;
        }
    *out = adapter_new(&origin, weights, h.dim);
out:
    mem_free(weights);
    return rc;
}
