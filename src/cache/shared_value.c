#include "cache/shared_value.h"

#include <endian.h>
#include <string.h>
#include <zstd.h>

#include "base/err.h"

#define VERSION    1
#define SUM_AT     1
#define SCOPE_AT   33
#define NUMBERS_AT 65
#define HEAD_BYTES 122
#define ZSTD_LEVEL 3

/* The fixed numbers of the head, as they lie there. */
struct numbers {
    int64_t stored_ms, ttl_ms, tokens_in, tokens_out, made_us;
    double cost;
    uint32_t n_body, n_documents;
    bool precomputed;
};

struct digest shared_scope_digest(const struct shared_scope *scope, struct str document)
{
    struct digester *d = digester_new();

    digester_add_str(d, scope->tenant);
    digester_add_str(d, scope->collection);
    if (document.p)
        digester_add(d, document.p, document.n);
    return digester_finish(d);
}

static struct digest sum_of(const struct digest *prompt_hash, struct str bytes)
{
    struct digester *d = digester_new();

    digester_add(d, prompt_hash->b, DIGEST_BYTES);
    digester_add(d, bytes.p + SCOPE_AT, bytes.n - SCOPE_AT);
    return digester_finish(d);
}

/* ---- packing ---- */

static void add_u32(struct buf *b, size_t v)
{
    uint32_t le = htole32((uint32_t)v);

    buf_add(b, &le, sizeof le);
}

static void add_i64(struct buf *b, int64_t v)
{
    uint64_t le = htole64((uint64_t)v);

    buf_add(b, &le, sizeof le);
}

static int check_limits(const struct shared_answer *a)
{
    if (a->body.n > SHARED_BODY_MAX)
        return FAIL(ERR_LIMIT, "an answer of %zu bytes is over the limit of %zu", a->body.n,
                    SHARED_BODY_MAX);
    if (a->n_documents > SHARED_DOCUMENTS_MAX)
        return FAIL(ERR_LIMIT, "an answer of %zu documents is over the limit of %d", a->n_documents,
                    SHARED_DOCUMENTS_MAX);
    for (size_t i = 0; i < a->n_documents; i++)
        if (a->documents[i].n > SHARED_DOCUMENT_MAX)
            return FAIL(ERR_LIMIT, "a document's key of %zu bytes is over the limit of %d",
                        a->documents[i].n, SHARED_DOCUMENT_MAX);
    if (a->ttl_ms < 1 || a->ttl_ms > SHARED_TTL_MAX_MS || a->stored_ms < 0)
        return FAIL(ERR_LIMIT, "an answer must live for 1 ms to 366 days");
    return ERR_OK;
}

static void add_head(struct buf *b, const struct shared_scope *scope, const struct shared_answer *a)
{
    static const char no_sum[DIGEST_BYTES];
    struct digest of = shared_scope_digest(scope, (struct str){0});
    int64_t cost;

    buf_add_char(b, VERSION);
    buf_add(b, no_sum, sizeof no_sum);
    buf_add(b, of.b, DIGEST_BYTES);
    add_i64(b, a->stored_ms);
    add_i64(b, a->ttl_ms);
    add_i64(b, a->tokens_in);
    add_i64(b, a->tokens_out);
    add_i64(b, a->made_us);
    memcpy(&cost, &a->cost, sizeof cost);
    add_i64(b, cost);
    add_u32(b, a->body.n);
    add_u32(b, a->n_documents);
    buf_add_char(b, (char)a->precomputed);
}

static int add_body(struct buf *b, struct str body)
{
    size_t n;

    buf_reserve(b, ZSTD_compressBound(body.n));
    n = ZSTD_compress(b->p + b->n, b->cap - b->n, body.p, body.n, ZSTD_LEVEL);
    if (ZSTD_isError(n))
        return FAIL(ERR_SYSTEM, "cannot compress an answer: %s", ZSTD_getErrorName(n));
    b->n += n;
    return ERR_OK;
}

int shared_value_pack(const struct digest *prompt_hash, const struct shared_scope *scope,
                      const struct shared_answer *answer, struct buf *out)
{
    int rc = ERR_OK;
    struct buf b;
    struct digest sum;

    buf_init(&b);
    TRY(check_limits(answer));
    add_head(&b, scope, answer);
    for (size_t i = 0; i < answer->n_documents; i++) {
        add_u32(&b, answer->documents[i].n);
        buf_add_view(&b, answer->documents[i]);
    }
    TRY(add_body(&b, answer->body));
    sum = sum_of(prompt_hash, buf_view(&b));
    memcpy(b.p + SUM_AT, sum.b, DIGEST_BYTES);
    buf_add(out, b.p, b.n);
out:
    buf_done(&b);
    return rc;
}

/* ---- unpacking ---- */

static uint32_t u32_at(const char *p)
{
    uint32_t le;

    memcpy(&le, p, sizeof le);
    return le32toh(le);
}

static int64_t i64_at(const char *p)
{
    uint64_t le;

    memcpy(&le, p, sizeof le);
    return (int64_t)le64toh(le);
}

static struct numbers read_numbers(const char *p)
{
    struct numbers n = {.stored_ms = i64_at(p),
                        .ttl_ms = i64_at(p + 8),
                        .tokens_in = i64_at(p + 16),
                        .tokens_out = i64_at(p + 24),
                        .made_us = i64_at(p + 32),
                        .n_body = u32_at(p + 48),
                        .n_documents = u32_at(p + 52),
                        .precomputed = p[56] == 1};
    int64_t cost = i64_at(p + 40);

    memcpy(&n.cost, &cost, sizeof n.cost);
    return n;
}

static int damaged(void)
{
    return FAIL(ERR_FORMAT, "a shared answer is damaged");
}

/* All that can be said before anything is allocated. */
static int check_head(struct str bytes, const struct digest *prompt_hash,
                      const struct shared_scope *scope, int64_t now_ms, struct numbers *out)
{
    struct digest sum, of = shared_scope_digest(scope, (struct str){0});
    struct numbers n;

    if (bytes.n < HEAD_BYTES || bytes.p[0] != VERSION)
        return FAIL(ERR_FORMAT, "a shared answer of another version");
    sum = sum_of(prompt_hash, bytes);
    if (memcmp(bytes.p + SUM_AT, sum.b, DIGEST_BYTES) != 0)
        return damaged();
    n = read_numbers(bytes.p + NUMBERS_AT);
    if (n.n_body > SHARED_BODY_MAX || n.n_documents > SHARED_DOCUMENTS_MAX || n.stored_ms < 0 ||
        n.ttl_ms < 1 || n.ttl_ms > SHARED_TTL_MAX_MS || n.tokens_in < 0 || n.tokens_out < 0 ||
        n.made_us < 0 || !(n.cost >= 0))
        return damaged();
    if (memcmp(bytes.p + SCOPE_AT, of.b, DIGEST_BYTES) != 0)
        return FAIL(ERR_NOT_FOUND, "a shared answer of another scope");
    if (n.stored_ms <= now_ms - n.ttl_ms)
        return FAIL(ERR_NOT_FOUND, "a shared answer whose life is over");
    *out = n;
    return ERR_OK;
}

/* Takes the keys from the front of *rest. */
static int read_documents(struct str *rest, size_t n, struct arena *mem, const struct str **out)
{
    struct str *documents = ARENA_ARRAY(mem, struct str, n);

    for (size_t i = 0; i < n; i++) {
        size_t length = rest->n >= 4 ? u32_at(rest->p) : SIZE_MAX;

        if (length > SHARED_DOCUMENT_MAX || length > rest->n - 4)
            return damaged();
        documents[i] = (struct str){arena_strndup(mem, rest->p + 4, length), length};
        *rest = str_sub(*rest, 4 + length, rest->n);
    }
    *out = documents;
    return ERR_OK;
}

static int read_body(struct str packed, size_t n, struct arena *mem, struct str *out)
{
    char *body = arena_alloc(mem, n + 1);

    if (ZSTD_decompress(body, n, packed.p, packed.n) != n)
        return damaged();
    body[n] = '\0';
    *out = (struct str){body, n};
    return ERR_OK;
}

int shared_value_unpack(struct str bytes, const struct digest *prompt_hash,
                        const struct shared_scope *scope, int64_t now_ms, struct arena *mem,
                        struct shared_answer *out)
{
    int rc = ERR_OK;
    struct numbers n = {0};
    struct shared_answer a = {0};
    struct str rest;

    TRY(check_head(bytes, prompt_hash, scope, now_ms, &n));
    a.stored_ms = n.stored_ms;
    a.ttl_ms = n.ttl_ms;
    a.tokens_in = n.tokens_in;
    a.tokens_out = n.tokens_out;
    a.made_us = n.made_us;
    a.cost = n.cost;
    a.precomputed = n.precomputed;
    a.n_documents = n.n_documents;
    rest = str_sub(bytes, HEAD_BYTES, bytes.n);
    TRY(read_documents(&rest, n.n_documents, mem, &a.documents));
    TRY(read_body(rest, n.n_body, mem, &a.body));
    *out = a;
out:
    return rc;
}
