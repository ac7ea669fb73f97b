/* What states are made with. A context is of one model and one way to cut words; there are few,
 * each is made once, and they stay until the end, so a snapshot needs no reference to its own. So
 * two states may be compared by their contexts' addresses.
 */
#include "index/embedded.h"

#include "base/err.h"
#include "base/mem.h"
#include "index/collection_settings.h"

const struct index_context *context_now(struct retriever *r)
{
    const struct index_context *now;

    pthread_mutex_lock(&r->mu);
    now = r->context;
    pthread_mutex_unlock(&r->mu);
    return now;
}

static struct index_context *find_locked(const struct retriever *r,
                                         const struct index_context *like,
                                         const struct word_settings *words)
{
    struct index_context *c = r->contexts;

    while (c && !(c->dim == like->dim && digest_eq(&c->fingerprint, &like->fingerprint) &&
                  word_settings_eq(&c->words, words)))
        c = c->older;
    return c;
}

static int make_locked(struct retriever *r, const struct index_context *like,
                       const struct word_settings *words, struct index_context **out)
{
    struct analyzers *analyzers = NULL;
    struct index_context *made;
    int rc = analyzers_new(&analyzers, words);

    if (rc < 0)
        return rc;
    made = mem_alloc(sizeof *made);
    *made = *like;
    made->words = *words;
    made->analyzers = analyzers;
    made->older = r->contexts;
    r->contexts = made;
    *out = made;
    return ERR_OK;
}

int context_with(struct retriever *r, const struct index_context *like,
                 const struct word_settings *words, const struct index_context **out)
{
    int rc = ERR_OK;
    struct index_context *found;

    pthread_mutex_lock(&r->mu);
    found = find_locked(r, like, words);
    if (!found)
        rc = make_locked(r, like, words, &found);
    pthread_mutex_unlock(&r->mu);
    if (rc == ERR_OK)
        *out = found;
    return rc;
}

int collection_context(struct retriever *r, const struct collection_row *row,
                       const struct index_context **out)
{
    int rc = ERR_OK;
    struct word_settings words;

    TRY(collection_settings_words(row->settings, &r->words, &words));
    TRY(context_with(r, context_now(r), &words, out));
out:
    return rc < 0 ? err_context(rc, "collection '%s'", row->name) : rc;
}

struct word_settings collection_words(struct retriever *r, const char *tenant,
                                      const char *collection)
{
    struct word_settings words = r->words;
    struct snapshot *s = NULL;
    struct name name;

    if (name_of(&name, tenant, collection))
        s = collection_current(r, &name);
    if (s)
        words = s->context->words;
    snapshot_unref(s);
    return words;
}

const struct word_settings *snapshot_words(const struct snapshot *s)
{
    return &s->context->words;
}

struct analyzers *snapshot_analyzers(const struct snapshot *s)
{
    return s->context->analyzers;
}

void contexts_free(struct index_context *newest)
{
    while (newest) {
        struct index_context *older = newest->older;

        analyzers_free(newest->analyzers);
        mem_free(newest);
        newest = older;
    }
}
