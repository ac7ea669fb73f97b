#include "engine/stored_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "engine/embedding.h"

/* ---- settling ---- */

static bool is_there(const char *folder)
{
    char path[2 * CONFIG_TEXT_MAX];

    snprintf(path, sizeof path, "%s/config.json", folder);
    return access(path, R_OK) == 0;
}

static bool is_open_choice(const struct config *c)
{
    return !embedding_is_remote(c) && config_is_default(c, "model.path");
}

void stored_model_settle(struct config *c, const struct store_model *m)
{
    if (!is_open_choice(c) || !*m->path || !m->in_use)
        return;
    if (strlen(m->path) < sizeof c->model.path && is_there(m->path))
        snprintf(c->model.path, sizeof c->model.path, "%s", m->path);
}

void stored_model_settle_folder(struct config *c)
{
    struct arena *mem;
    struct store_model m;

    if (!is_open_choice(c))
        return;
    mem = arena_new(0);
    if (store_model_of(c->data, mem, &m) == ERR_OK)
        stored_model_settle(c, &m);
    arena_free(mem);
}

/* ---- before a model is open ---- */

static int find_dim(void *arg, const struct digest *fingerprint, uint32_t dim)
{
    struct vector_kind *k = arg;

    if (digest_eq(fingerprint, &k->fingerprint))
        k->dim = dim;
    return ERR_OK;
}

bool stored_model_vectors(struct store *s, struct vector_kind *out)
{
    struct arena *mem = arena_new(0);
    struct store_reader *reader = store_reader_get(s);
    struct store_model m;
    bool found = store_find_model(reader, mem, &m) == ERR_OK && m.in_use;

    *out = (struct vector_kind){0};
    if (found) {
        out->fingerprint = m.fingerprint;
        found = store_each_model(reader, find_dim, out) == ERR_OK && out->dim > 0 &&
                out->dim <= STORE_DIM_MAX;
    }
    store_reader_put(s, reader);
    arena_free(mem);
    return found;
}

/* ---- agreeing ---- */

void stored_model_describe(const struct embedder *e, struct arena *mem, struct store_model *out)
{
    const struct embedder_info *info = embedder_info(e);
    char *path = info->url ? NULL : realpath(info->model_dir, NULL);

    *out = (struct store_model){.fingerprint = embedder_fingerprint(e),
                                .name = arena_strdup(mem, info->name),
                                .path = arena_strdup(mem, path ? path : info->model_dir)};
    free(path);
}

static int add_chunks(void *arg, const struct collection_row *row)
{
    *(int64_t *)arg += row->n_chunks;
    return ERR_OK;
}

struct wanted {
    struct digest fingerprint;
    bool found;
};

static int match(void *arg, const struct digest *fingerprint, uint32_t dim)
{
    struct wanted *w = arg;

    (void)dim;
    w->found |= digest_eq(fingerprint, &w->fingerprint);
    return ERR_OK;
}

/* Whether the store may take this model: nothing would be lost, or (a store that does not say
 * anything yet) its vectors are of it. */
static int may_take(struct store_reader *reader, const struct store_model *m, bool says, bool *may)
{
    int rc = ERR_OK;
    int64_t n_chunks = 0;
    struct wanted w = {.fingerprint = m->fingerprint};

    TRY(store_each_collection(reader, add_chunks, &n_chunks));
    TRY(store_each_model(reader, match, &w));
    *may = n_chunks == 0 || (!says && w.found);
out:
    return rc;
}

static const char *place(const struct store_model *m)
{
    return *m->path ? m->path : "a server";
}

static int disagree(const char *data_dir, const struct store_model *stored,
                    const struct store_model *configured)
{
    return FAIL(ERR_ARGUMENT,
                "the documents in '%s' are embedded with the model '%s' (%s), and '%s' (%s) is "
                "configured: `ragd reembed` changes them over to it, or set model.path to the one "
                "that they have",
                data_dir, stored->name, place(stored), configured->name, place(configured));
}

static int set_model(struct store_tx *tx, void *arg)
{
    return store_tx_set_model(tx, arg);
}

int stored_model_agree(struct store *s, const char *data_dir, const struct embedder *e)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct store_reader *reader = store_reader_get(s);
    struct store_model configured, stored = {.name = "of an earlier version", .path = "unknown"};
    bool says, same, may = false;

    stored_model_describe(e, mem, &configured);
    rc = store_find_model(reader, mem, &stored);
    says = rc == ERR_OK;
    if (!says && rc != ERR_NOT_FOUND)
        goto out;
    same = says && digest_eq(&stored.fingerprint, &configured.fingerprint);
    rc = ERR_OK;
    if (same && strcmp(stored.path, configured.path) == 0)
        goto out;
    if (!same)
        TRY(may_take(reader, &configured, says, &may));
    if (!same && !may)
        rc = disagree(data_dir, &stored, &configured);
    else
        rc = store_write(s, set_model, NULL, &configured);
out:
    store_reader_put(s, reader);
    arena_free(mem);
    return rc;
}
