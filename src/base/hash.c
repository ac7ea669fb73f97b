#include "base/hash.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"

static uint64_t table_seed;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void draw_seed(void)
{
    if (getrandom(&table_seed, sizeof table_seed, 0) != (ssize_t)sizeof table_seed)
        table_seed = 0x9e3779b97f4a7c15u;
}

uint64_t hash_seed(void)
{
    pthread_once(&seed_once, draw_seed);
    return table_seed;
}

uint64_t hash64_with(uint64_t seed, const void *p, size_t n)
{
    return XXH3_64bits_withSeed(p, n, seed);
}

uint64_t hash64(const void *p, size_t n)
{
    return hash64_with(hash_seed(), p, n);
}

uint64_t hash64_stable(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}

struct digest digest_of(const void *p, size_t n)
{
    struct digest d;
    unsigned len = 0;

    mem_must_have(EVP_Digest(p, n, d.b, &len, EVP_sha256(), NULL) == 1, "a digest");
    CHECK(len == DIGEST_BYTES);
    return d;
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
    return memcmp(a->b, b->b, DIGEST_BYTES) == 0;
}

void digest_hex(const struct digest *d, char out[DIGEST_HEX])
{
    static const char hex[] = "0123456789abcdef";

    for (int i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = hex[d->b[i] >> 4];
        out[2 * i + 1] = hex[d->b[i] & 15];
    }
    out[2 * DIGEST_BYTES] = '\0';
}

/* Fields are short and a call into the library is not: they are gathered first. */
struct digester {
    EVP_MD_CTX *ctx;
    size_t n_gathered;
    unsigned char gathered[256];
};

struct digester *digester_new(void)
{
    struct digester *d = mem_alloc(sizeof *d);

    d->n_gathered = 0;
    d->ctx = EVP_MD_CTX_new();
    mem_must_have(d->ctx && EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) == 1, "a digest");
    return d;
}

static void flush(struct digester *d)
{
    CHECK(EVP_DigestUpdate(d->ctx, d->gathered, d->n_gathered) == 1);
    d->n_gathered = 0;
}

static void add_bytes(struct digester *d, const void *p, size_t n)
{
    if (n > sizeof d->gathered - d->n_gathered)
        flush(d);
    if (n > sizeof d->gathered) {
        CHECK(EVP_DigestUpdate(d->ctx, p, n) == 1);
    } else if (n) {
        memcpy(d->gathered + d->n_gathered, p, n);
        d->n_gathered += n;
    }
}

void digester_add(struct digester *d, const void *p, size_t n)
{
    uint64_t len = n;

    add_bytes(d, &len, sizeof len);
    add_bytes(d, p, n);
}

void digester_add_str(struct digester *d, const char *s)
{
    if (s)
        digester_add(d, s, strlen(s));
    else
        digester_add_u64(d, UINT64_MAX);
}

void digester_add_u64(struct digester *d, uint64_t v)
{
    digester_add(d, &v, sizeof v);
}

struct digest digester_finish(struct digester *d)
{
    struct digest out;
    unsigned len = 0;

    flush(d);
    CHECK(EVP_DigestFinal_ex(d->ctx, out.b, &len) == 1);
    EVP_MD_CTX_free(d->ctx);
    mem_free(d);
    return out;
}
