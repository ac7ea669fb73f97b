/* rerank_wire.h - what is said to a reranking server, and its reply, believed in nothing.
 *
 *   TEI      POST URL/rerank  {"query","texts":[..],"raw_scores":false,"truncate":true}
 *            -> [{"index":0,"score":0.9},..]
 *   Cohere   POST URL/rerank  {"model","query","documents":[..],"top_n":n}
 *            -> {"results":[{"index":0,"relevance_score":0.9},..]}
 *
 * Cohere's form is that of its versions 1 and 2, and of Jina, vLLM, llama.cpp and others. Each text
 * must have come back once, with a finite score; anything else is ERR_FORMAT with a text that says
 * what.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

enum rerank_kind { RERANK_TEI, RERANK_COHERE };

struct rerank_ask {
    enum rerank_kind kind;
    const char *model; /* Cohere; "": not sent */
    struct str question;
    const struct str *texts; /* [n] UTF-8 */
    size_t n;
    bool raw; /* TEI */
};

void rerank_ask_write(const struct rerank_ask *a, struct buf *out);

/* No honest reply with n scores is longer, the texts of `sent` bytes in it or not. */
size_t rerank_reply_max(size_t n, size_t sent);

/* The scores of n texts in the order that they were sent in.
 *   out  [n], untouched when it fails */
int rerank_reply_read(enum rerank_kind kind, struct str reply, size_t n, float *out);
