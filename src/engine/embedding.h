/* embedding.h - the embedder that a configuration asks for: the local model, or a server.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>

#include "embed/embedder.h"
#include "embed/remote.h"
#include "engine/config.h"

struct store;

/* Whether `embed.kind` is a server. */
bool embedding_is_remote(const struct config *c);

/* What two settings of the section must be together, without asking the server. */
int embedding_check(const struct config *c);

/* Whether the variable that `embed.key_env` names is set: ERR_UNAVAILABLE, naming it. It is asked
 * of the process that embeds, so it is no part of what makes a configuration right. */
int embedding_key_check(const struct config *c);

/* ERR_UNAVAILABLE, telling how to get one, when model.path holds no model and no server embeds. */
int embedding_model_check(const struct config *c);

/* Opens it. `store` (may be NULL) knows the dimension of vectors that a server made earlier, so
 * that a server that is away keeps nobody from asking by words. ERR_UNAVAILABLE when there is no
 * model, no key, or no server. */
int embedding_open(struct embedder **out, const struct config *c, struct store *store);
