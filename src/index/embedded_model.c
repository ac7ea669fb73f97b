/* To another model: the states of all collections are made anew, each with the words it has. */
#include "index/embedded_rebuild.h"

#include "base/check.h"
#include "base/err.h"
#include "index/collection_settings.h"

struct model_change {
    struct retriever *r;
    const struct model_switch *how;
    const struct index_context *context; /* the retriever's, once the model is the new one */
};

static int context_of(void *arg, const struct collection_row *row, const struct index_context **out)
{
    struct model_change *m = arg;
    struct word_settings words;
    int rc = collection_settings_words(row->settings, &m->r->words, &words);

    return rc < 0 ? rc : context_with(m->r, m->context, &words, out);
}

static int embed_missing(void *arg)
{
    struct model_change *m = arg;

    return m->how->embed_missing(m->how->arg);
}

static int embed_changed(void *arg, struct store_tx *tx, int64_t collection, uint64_t epoch)
{
    struct model_change *m = arg;

    return m->how->embed_changed(m->how->arg, tx, collection, epoch);
}

static int set_model(void *arg, struct store_tx *tx)
{
    int rc = ERR_OK;
    struct model_change *m = arg;

    TRY(store_tx_forget_indexes(tx));
    TRY(store_tx_set_model(tx, &m->how->model));
out:
    return rc;
}

static void switched(void *arg)
{
    struct model_change *m = arg;

    m->how->switched(m->how->arg);
    pthread_mutex_lock(&m->r->mu);
    m->r->context = m->context;
    pthread_mutex_unlock(&m->r->mu);
}

int retriever_switch(struct retriever *r, const struct model_switch *how)
{
    int rc = ERR_OK;
    struct model_change m = {.r = r, .how = how};
    struct index_context like = *context_now(r);
    struct rebuild all = {.context = context_of,
                          .prepare = embed_missing,
                          .prepare_changed = embed_changed,
                          .commit = set_model,
                          .published = switched,
                          .arg = &m};

    CHECK(how->dim > 0);
    like.fingerprint = how->model.fingerprint;
    like.dim = how->dim;
    TRY(context_with(r, &like, &r->words, &m.context));
    TRY(collections_rebuild(r, &all));
out:
    return rc;
}
