/* golden_tokens.h - lines of tests/golden/tokens.txt, and hashing as make_tokens.py does. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

#define GOLDEN_TOKENS "tests/golden/tokens.txt"
#define GOLDEN_BLOCK  4096u

struct golden {
    char kind[16], name[256], hash[DIGEST_HEX];
    size_t n_texts, n_tokens;
};

/* The next line of that kind; false at the end of the file. */
static inline bool golden_next(FILE *f, const char *kind, struct golden *g)
{
    while (fscanf(f, "%15s %255s %zu %zu %64s", g->kind, g->name, &g->n_texts, &g->n_tokens,
                  g->hash) == 5)
        if (strcmp(g->kind, kind) == 0)
            return true;
    return false;
}

static inline bool golden_same(const struct golden *g, const struct buf *bytes)
{
    struct digest d = digest_of(bytes->p, bytes->n);
    char hex[DIGEST_HEX];

    digest_hex(&d, hex);
    return strcmp(hex, g->hash) == 0;
}

/* The model's folder, or NULL: skip. */
static inline const char *golden_model(void)
{
    const char *dir = getenv("RAGD_MODEL_PATH");

    if (!dir || !*dir)
        dir = "models/all-MiniLM-L6-v2";
    return access(dir, R_OK) == 0 ? dir : NULL;
}

static inline const char *golden_shared(void)
{
    const char *dir = getenv("RAGD_SHARED");

    if (!dir || !*dir)
        dir = "../shared/data";
    return access(dir, R_OK) == 0 ? dir : NULL;
}
