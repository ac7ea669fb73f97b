/* tiny.h - the tiny model of the tests as embedder and as cross-encoder, made once a process. */
#pragma once
#include <stdlib.h>

#include "base/err.h"
#include "embed/embedder.h"
#include "embed/reranker.h"
#include "fuzz/fuzz.h"
#include "unit/embed/tiny_model.h"

static inline struct embedder *tiny_embedder(void)
{
    static struct embedder *e;
    struct embedder_options o = {.pack = "off", .precision = "f32"};
    struct tiny_model m;

    if (e)
        return e;
    tiny_open(&m);
    o.model_dir = m.dir;
    FUZZ_TRUE(embedder_open(&e, &o) == ERR_OK);
    tiny_close(&m);
    return e;
}

static inline struct reranker *tiny_reranker(void)
{
    static struct reranker *r;
    struct reranker_options o = {.pack = "off", .precision = "f32"};
    struct tiny_model m;

    if (r)
        return r;
    tiny_open(&m);
    tiny_make_cross(&m);
    o.model_dir = m.dir;
    FUZZ_TRUE(reranker_open(&r, &o) == ERR_OK);
    tiny_close(&m);
    return r;
}
