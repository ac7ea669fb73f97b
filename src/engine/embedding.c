#include "engine/embedding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "store/store.h"

_Static_assert(REMOTE_DIM_MAX <= STORE_DIM_MAX, "what a server may give can be kept");

bool embedding_is_remote(const struct config *c)
{
    return strcmp(c->embed.kind, "local") != 0;
}

/* A tokenizer counts only when the user said where: the default model's is another model's. */
static void fill_options(const struct config *c, struct remote_options *out)
{
    *out = (struct remote_options){
        .kind = strcmp(c->embed.kind, "tei") == 0 ? REMOTE_TEI : REMOTE_OPENAI,
        .url = c->embed.url,
        .model = c->embed.model,
        .query_prefix = c->model.query_prefix,
        .document_prefix = c->model.document_prefix,
        .tokenizer_dir = config_is_default(c, "model.path") ? NULL : c->model.path,
        .timeout_ms = c->embed.timeout_ms,
        .batch = (size_t)c->embed.batch,
        .dimensions = (size_t)c->embed.dimensions,
        .max_tokens = (size_t)c->embed.max_tokens,
    };
}

int embedding_check(const struct config *c)
{
    struct remote_options o;

    if (!embedding_is_remote(c))
        return ERR_OK;
    fill_options(c, &o);
    return remote_options_check(&o);
}

static const char *key_of(const struct config *c)
{
    return *c->embed.key_env ? getenv(c->embed.key_env) : NULL;
}

int embedding_key_check(const struct config *c)
{
    const char *key = key_of(c);

    if (embedding_is_remote(c) && *c->embed.key_env && !(key && *key))
        return FAIL(ERR_UNAVAILABLE,
                    "embed.key_env names the variable '%s', which is not set in the environment",
                    c->embed.key_env);
    return ERR_OK;
}

int embedding_model_check(const struct config *c)
{
    char file[CONFIG_TEXT_MAX + 16];

    if (embedding_is_remote(c))
        return ERR_OK;
    snprintf(file, sizeof file, "%s/config.json", c->model.path);
    if (access(file, R_OK) < 0)
        return FAIL(ERR_UNAVAILABLE,
                    "there is no embedding model in '%s'; `ragd model fetch` gets the default one, "
                    "--model DIR takes another",
                    c->model.path);
    return ERR_OK;
}

/* ---- opening ---- */

static int match_model(void *arg, const struct digest *fingerprint, uint32_t dim)
{
    struct remote_options *o = arg;
    struct digest same = remote_fingerprint_of(o, dim);

    if (digest_eq(fingerprint, &same))
        o->known_dim = dim;
    return ERR_OK;
}

static int find_known_dim(struct store *store, struct remote_options *o)
{
    struct store_reader *reader = store_reader_get(store);
    int rc = store_each_model(reader, match_model, o);

    store_reader_put(store, reader);
    return rc;
}

int embedding_open(struct embedder **out, const struct config *c, struct store *store)
{
    int rc = ERR_OK;
    struct remote_options remote;
    struct embedder_options o = {
        .model_dir = c->model.path,
        .query_prefix = c->model.query_prefix,
        .document_prefix = c->model.document_prefix,
        .precision = c->model.precision,
        .pack = c->model.pack,
    };

    if (embedding_is_remote(c)) {
        fill_options(c, &remote);
        TRY(embedding_key_check(c));
        remote.key = key_of(c);
        if (store)
            TRY(find_known_dim(store, &remote));
        o.remote = &remote;
    }
    TRY(embedder_open(out, &o));
out:
    return rc;
}
