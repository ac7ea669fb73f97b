/* hash.h - XXH3 for tables in memory, SHA-256 for what names things for good.
 *
 * A table may be probed by anyone, so hash64 is seeded per process. A digest is what a stored
 * vector, a document's content and a prompt are known by: two of them must never meet, not even
 * when somebody tries, hence SHA-256 (about 1.5 GB/s with the processor's instructions).
 *
 * Threads  free of state after the first call.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX   (2 * DIGEST_BYTES + 1)

struct digest {
    uint8_t b[DIGEST_BYTES];
};

/* For tables that live in this process only; differs from run to run. */
uint64_t hash64(const void *p, size_t n);

/* For tables that go to disk with the seed they were made with; hash_seed is this process's. */
uint64_t hash64_with(uint64_t seed, const void *p, size_t n);
uint64_t hash_seed(void);

/* The same everywhere and for ever (ids that go to disk). */
uint64_t hash64_stable(const void *p, size_t n);

struct digest digest_of(const void *p, size_t n);
bool digest_eq(const struct digest *a, const struct digest *b);
void digest_hex(const struct digest *d, char out[DIGEST_HEX]);

/* A digest over several fields. Each field is preceded by its length, so that "ab","c" and
 * "a","bc" differ. */
struct digester;
struct digester *digester_new(void);
void digester_add(struct digester *d, const void *p, size_t n);
void digester_add_str(struct digester *d, const char *s); /* NULL differs from "" */
void digester_add_u64(struct digester *d, uint64_t v);
struct digest digester_finish(struct digester *d); /* frees d */
