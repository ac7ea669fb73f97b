#include "embed/static_encoder.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

#define MAGIC      "ragdstat"
#define VERSION    1u
#define HEAD_BYTES 88
#define SUM_BYTES  8
#define NO_ROW     (-1)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is written as memory has it");

struct static_encoder {
    atomic_int refs;
    struct static_origin origin;
    size_t n, dim, vocab;
    int32_t *ids;    /* [n] */
    float *scales;   /* [n] */
    int8_t *rows;    /* [n, dim] */
    int32_t *row_of; /* [vocab], NO_ROW where there is none */
};

/* ---- making ---- */

static struct static_encoder *encoder_alloc(size_t n, size_t dim, size_t vocab)
{
    struct static_encoder *s = mem_calloc(1, sizeof *s);

    atomic_init(&s->refs, 1);
    s->n = n;
    s->dim = dim;
    s->vocab = vocab;
    s->ids = mem_calloc(n + 1, sizeof *s->ids);
    s->scales = mem_calloc(n + 1, sizeof *s->scales);
    s->rows = mem_calloc(n + 1, dim);
    s->row_of = mem_alloc((vocab + 1) * sizeof *s->row_of);
    for (size_t i = 0; i < vocab; i++)
        s->row_of[i] = NO_ROW;
    return s;
}

/* The largest value of a row is 127: its own scale keeps rare tokens' small rows exact. */
static float quantize(const float *row, size_t dim, int8_t *out)
{
    float largest = 0;

    for (size_t i = 0; i < dim; i++)
        largest = fmaxf(largest, fabsf(row[i]));
    if (largest == 0 || !isfinite(largest))
        return 0;
    for (size_t i = 0; i < dim; i++)
        out[i] = (int8_t)lrintf(row[i] / largest * 127);
    return largest / 127;
}

struct static_encoder *static_encoder_new(const struct static_origin *origin, const int32_t *ids,
                                          const float *rows, size_t n, size_t dim, size_t vocab)
{
    struct static_encoder *s = encoder_alloc(n, dim, vocab);

    s->origin = *origin;
    for (size_t i = 0; i < n; i++) {
        CHECK(ids[i] >= 0 && (size_t)ids[i] < vocab);
        CHECK(i == 0 || ids[i] > ids[i - 1]);
        s->ids[i] = ids[i];
        s->row_of[ids[i]] = (int32_t)i;
        s->scales[i] = quantize(rows + i * dim, dim, s->rows + i * dim);
    }
    return s;
}

struct static_encoder *static_encoder_ref(struct static_encoder *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void static_encoder_unref(struct static_encoder *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    mem_free(s->ids);
    mem_free(s->scales);
    mem_free(s->rows);
    mem_free(s->row_of);
    mem_free(s);
}

const struct static_origin *static_encoder_origin(const struct static_encoder *s)
{
    return &s->origin;
}

size_t static_encoder_dim(const struct static_encoder *s)
{
    return s->dim;
}

size_t static_encoder_bytes(const struct static_encoder *s)
{
    return sizeof *s + s->n * (s->dim + sizeof *s->scales + sizeof *s->ids) +
           s->vocab * sizeof *s->row_of;
}

/* ---- a text's vector ---- */

/* How often the token at i stands in the text; 0 when it stood before i. A question has a dozen
 * tokens: looking through them beats a table. */
static size_t times(const struct token *tokens, size_t n, size_t i)
{
    size_t count = 1;

    for (size_t j = 0; j < i; j++)
        if (tokens[j].id == tokens[i].id)
            return 0;
    for (size_t j = i + 1; j < n; j++)
        count += tokens[j].id == tokens[i].id;
    return count;
}

static void add_row(const struct static_encoder *s, int32_t row, size_t count, float *sum)
{
    const int8_t *bytes = s->rows + (size_t)row * s->dim;
    float weight = sqrtf((float)count) * s->scales[row];

    for (size_t i = 0; i < s->dim; i++)
        sum[i] += weight * (float)bytes[i];
}

bool static_encoder_encode(const struct static_encoder *s, const struct token *tokens, size_t n,
                           float *out)
{
    float sum[STATIC_DIM_MAX], squares = 0;

    n = n < STATIC_TOKENS_MAX ? n : STATIC_TOKENS_MAX;
    memset(sum, 0, s->dim * sizeof *sum);
    for (size_t i = 0; i < n; i++) {
        int32_t id = tokens[i].id;
        size_t count = times(tokens, n, i);

        if (count && id >= 0 && (size_t)id < s->vocab && s->row_of[id] != NO_ROW)
            add_row(s, s->row_of[id], count, sum);
    }
    for (size_t i = 0; i < s->dim; i++)
        squares += sum[i] * sum[i];
    if (!(squares > 0) || !isfinite(squares))
        return false;
    for (size_t i = 0; i < s->dim; i++)
        out[i] = sum[i] / sqrtf(squares);
    return true;
}

/* ---- the file ---- */

struct head {
    char magic[8];
    uint32_t version, dim, vocab, n;
    unsigned char fingerprint[32];
    int64_t collection;
    uint64_t epoch, n_chunks;
    int64_t fitted_ms;
};
_Static_assert(sizeof(struct head) == HEAD_BYTES, "no padding");
_Static_assert(DIGEST_BYTES == 32, "as the table of bytes says");

void static_encoder_write(const struct static_encoder *s, struct buf *out)
{
    size_t from = out->n;
    uint64_t sum;
    struct head h = {
        .magic = {'r', 'a', 'g', 'd', 's', 't', 'a', 't'},
        .version = VERSION,
        .dim = (uint32_t)s->dim,
        .vocab = (uint32_t)s->vocab,
        .n = (uint32_t)s->n,
        .collection = s->origin.collection,
        .epoch = s->origin.epoch,
        .n_chunks = s->origin.n_chunks,
        .fitted_ms = s->origin.fitted_ms,
    };

    memcpy(h.fingerprint, s->origin.fingerprint.b, sizeof h.fingerprint);
    buf_add(out, (const char *)&h, sizeof h);
    buf_add(out, (const char *)s->ids, s->n * sizeof *s->ids);
    buf_add(out, (const char *)s->scales, s->n * sizeof *s->scales);
    buf_add(out, (const char *)s->rows, s->n * s->dim);
    sum = hash64_stable(out->p + from, out->n - from);
    buf_add(out, (const char *)&sum, sizeof sum);
}

static int check_head(const struct head *h, struct str bytes, const char *name)
{
    uint64_t want = HEAD_BYTES + SUM_BYTES + (uint64_t)h->n * (8 + (uint64_t)h->dim), sum;

    if (memcmp(h->magic, MAGIC, sizeof h->magic) != 0)
        return FAIL(ERR_FORMAT, "'%s' is no static encoder of ragd", name);
    if (h->version != VERSION)
        return FAIL(ERR_FORMAT, "'%s' has version %u, %u is wanted", name, h->version, VERSION);
    if (h->dim == 0 || h->dim > STATIC_DIM_MAX || h->vocab > STATIC_VOCAB_MAX || h->n > h->vocab)
        return FAIL(ERR_FORMAT, "'%s': %u rows of %u dimensions for %u tokens cannot be", name,
                    h->n, h->dim, h->vocab);
    if (bytes.n != want)
        return FAIL(ERR_FORMAT, "'%s' has %zu bytes, its head says %llu", name, bytes.n,
                    (unsigned long long)want);
    memcpy(&sum, bytes.p + bytes.n - SUM_BYTES, sizeof sum);
    if (sum != hash64_stable(bytes.p, bytes.n - SUM_BYTES))
        return FAIL(ERR_FORMAT, "'%s' is damaged: its checksum is another", name);
    return ERR_OK;
}

/* Ids index row_of: they are checked although the sum is right. */
static int index_rows(struct static_encoder *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->ids[i] < 0 || (size_t)s->ids[i] >= s->vocab || (i && s->ids[i] <= s->ids[i - 1]))
            return FAIL(ERR_FORMAT, "'%s': token %d at row %zu is out of order", name, s->ids[i],
                        i);
        s->row_of[s->ids[i]] = (int32_t)i;
    }
    return ERR_OK;
}

int static_encoder_read(struct static_encoder **out, struct str bytes, const char *name)
{
    int rc = ERR_OK;
    struct head h;
    struct static_encoder *s = NULL;
    const char *p = bytes.p + HEAD_BYTES;

    if (bytes.n < HEAD_BYTES + SUM_BYTES)
        return FAIL(ERR_FORMAT, "'%s' has %zu bytes, too few for its head", name, bytes.n);
    memcpy(&h, bytes.p, sizeof h);
    TRY(check_head(&h, bytes, name));
    s = encoder_alloc(h.n, h.dim, h.vocab);
    s->origin = (struct static_origin){.collection = h.collection,
                                       .epoch = h.epoch,
                                       .n_chunks = h.n_chunks,
                                       .fitted_ms = h.fitted_ms};
    memcpy(s->origin.fingerprint.b, h.fingerprint, sizeof h.fingerprint);
    memcpy(s->ids, p, s->n * sizeof *s->ids);
    memcpy(s->scales, p + 4 * s->n, s->n * sizeof *s->scales);
    memcpy(s->rows, p + 8 * s->n, s->n * s->dim);
    TRY(index_rows(s, name));
    *out = s;
    s = NULL; /* handed over */
out:
    static_encoder_unref(s);
    return rc;
}
