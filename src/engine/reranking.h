/* reranking.h - the reranker that a configuration asks for: a local model, a server, or none.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>

#include "embed/reranker.h"
#include "engine/config.h"

/* Whether there is one: `rerank.model` names a folder, or `rerank.kind` is a server. */
bool reranking_is_configured(const struct config *c);
bool reranking_is_remote(const struct config *c);

/* What two settings of the section must be together, without asking the server. */
int reranking_check(const struct config *c);

/* Whether the variable that `rerank.key_env` names is set: ERR_UNAVAILABLE, naming it. */
int reranking_key_check(const struct config *c);

/* ERR_UNAVAILABLE when rerank.model is to be here and is not. */
int reranking_model_check(const struct config *c);

/* Opens it; *out is NULL when none is configured. A server that is away is no failure (see
 * embed/reranker.h). ERR_UNAVAILABLE when there is no key; else reranker_open's. */
int reranking_open(struct reranker **out, const struct config *c);
