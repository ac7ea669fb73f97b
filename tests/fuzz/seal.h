/* seal.h - checksums put right, so that a fuzzer comes past them and meets what is behind. */
#pragma once
#include <string.h>
#include <xxhash.h>

#include "base/sections.h"
#include "fuzz/fuzz.h"

#define SEAL_HEAD  64 /* bytes of base/sections.h's head, and of an entry */
#define SEAL_ENTRY 64

static inline uint64_t seal_u64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

/* The last 8 bytes become the XXH3 of those before. */
static inline struct str seal_end(struct str in, struct arena *mem)
{
    char *p = arena_dup(mem, in.n ? in.p : "", in.n);
    uint64_t sum;

    if (in.n >= sizeof sum) {
        sum = XXH3_64bits(p, in.n - sizeof sum);
        memcpy(p + in.n - sizeof sum, &sum, sizeof sum);
    }
    return (struct str){p, in.n};
}

/* An entry of the directory whose section lies in the file. */
static inline void seal_section(const char *file, size_t n, char *entry)
{
    uint64_t offset = seal_u64(entry + 32), bytes = seal_u64(entry + 40), sum;

    if (offset > n || bytes > n - offset)
        return;
    sum = XXH3_64bits(file + offset, bytes);
    memcpy(entry + 48, &sum, sizeof sum);
}

/* A file of sections: its length, and the checksums of sections, directory and head. */
static inline struct str seal_sections(struct str in, struct arena *mem)
{
    char *p = arena_dup(mem, in.n ? in.p : "", in.n);
    uint64_t at, n = in.n, sum;

    if (n < SEAL_HEAD)
        return (struct str){p, n};
    memcpy(p + 16, &n, sizeof n);
    at = seal_u64(p + 24);
    if (at <= n && at >= SEAL_HEAD) {
        for (uint64_t e = at; e + SEAL_ENTRY <= n; e += SEAL_ENTRY)
            seal_section(p, n, p + e);
        sum = XXH3_64bits(p + at, n - at);
        memcpy(p + 32, &sum, sizeof sum);
    }
    sum = XXH3_64bits(p, 56);
    memcpy(p + 56, &sum, sizeof sum);
    return (struct str){p, n};
}
