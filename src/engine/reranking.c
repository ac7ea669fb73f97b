#include "engine/reranking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "embed/rerank_remote.h"

bool reranking_is_remote(const struct config *c)
{
    return strcmp(c->rerank.kind, "local") != 0;
}

bool reranking_is_configured(const struct config *c)
{
    return reranking_is_remote(c) || *c->rerank.model;
}

static struct rerank_remote_options remote_options(const struct config *c)
{
    return (struct rerank_remote_options){
        .kind = strcmp(c->rerank.kind, "tei") == 0 ? RERANK_TEI : RERANK_COHERE,
        .url = c->rerank.url,
        .model = c->rerank.model,
        .timeout_ms = c->rerank.timeout_ms,
        .batch = (size_t)c->rerank.batch,
    };
}

int reranking_check(const struct config *c)
{
    struct rerank_remote_options o = remote_options(c);

    if (strcmp(c->retrieve.rerank, "model") == 0 && !reranking_is_configured(c))
        return FAIL(ERR_ARGUMENT, "'retrieve.rerank' = 'model' needs a reranker: 'rerank.model', a "
                                  "cross-encoder's folder, or a server by 'rerank.kind' and "
                                  "'rerank.url'");
    return reranking_is_remote(c) ? rerank_remote_check(&o) : ERR_OK;
}

static const char *key_of(const struct config *c)
{
    return *c->rerank.key_env ? getenv(c->rerank.key_env) : NULL;
}

int reranking_key_check(const struct config *c)
{
    const char *key = key_of(c);

    if (reranking_is_remote(c) && *c->rerank.key_env && !(key && *key))
        return FAIL(ERR_UNAVAILABLE,
                    "rerank.key_env names the variable '%s', which is not set in the environment",
                    c->rerank.key_env);
    return ERR_OK;
}

int reranking_model_check(const struct config *c)
{
    char file[CONFIG_TEXT_MAX + 16];

    if (!reranking_is_configured(c) || reranking_is_remote(c))
        return ERR_OK;
    snprintf(file, sizeof file, "%s/config.json", c->rerank.model);
    if (access(file, R_OK) < 0)
        return FAIL(ERR_UNAVAILABLE, "rerank.model: there is no model in '%s'", c->rerank.model);
    return ERR_OK;
}

int reranking_open(struct reranker **out, const struct config *c)
{
    int rc = ERR_OK;
    struct rerank_remote_options remote = remote_options(c);
    struct reranker_options o = {.model_dir = c->rerank.model,
                                 .precision = c->rerank.precision,
                                 .pack = c->rerank.pack,
                                 .max_tokens = (size_t)c->rerank.max_tokens};

    *out = NULL;
    if (!reranking_is_configured(c))
        return ERR_OK;
    if (reranking_is_remote(c)) {
        TRY(reranking_key_check(c));
        remote.key = key_of(c);
        o.remote = &remote;
    }
    TRY(reranker_open(out, &o));
out:
    return rc;
}
