/* A collection's settings change: its state is made anew when its words are cut otherwise then. */
#include "index/embedded_rebuild.h"

#include "base/err.h"
#include "base/mem.h"
#include "index/collection_settings.h"

struct settings_change {
    struct retriever *r;
    const char *tenant, *collection;
    char *settings;
    struct word_settings words; /* that they come to */
};

static int context_of(void *arg, const struct collection_row *row, const struct index_context **out)
{
    struct settings_change *c = arg;

    (void)row;
    return context_with(c->r, context_now(c->r), &c->words, out);
}

static int set_settings(void *arg, struct store_tx *tx)
{
    int rc = ERR_OK;
    struct settings_change *c = arg;
    struct arena *mem = arena_new(0);
    struct collection_row row;

    TRY(store_find_collection(store_tx_reader(tx), c->tenant, c->collection, mem, &row));
    TRY(store_tx_collection_settings(tx, row.id, c->settings));
out:
    arena_free(mem);
    return rc;
}

/* No other words: whether that is so, the transaction knows. */
static int set_without_rebuilding(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct settings_change *c = arg;
    struct arena *mem = arena_new(0);
    struct collection_row row;
    struct word_settings now;

    TRY(store_find_collection(store_tx_reader(tx), c->tenant, c->collection, mem, &row));
    TRY(collection_settings_words(row.settings, &c->r->words, &now));
    rc = word_settings_eq(&now, &c->words)
             ? store_tx_collection_settings(tx, row.id, c->settings)
             : FAIL(ERR_BUSY, "the settings of collection '%s' change this moment", c->collection);
out:
    arena_free(mem);
    return rc;
}

int retriever_set_settings(struct retriever *r, const char *tenant, const char *collection,
                           struct str settings)
{
    int rc = ERR_OK;
    struct settings_change c = {.r = r, .tenant = tenant, .collection = collection};
    struct rebuild how = {.tenant = tenant,
                          .collection = collection,
                          .context = context_of,
                          .commit = set_settings,
                          .arg = &c};
    struct word_settings now;

    TRY(opening_wait(r));
    now = collection_words(r, tenant, collection);
    TRY(collection_settings_check(settings, &c.settings));
    TRY(collection_settings_words(c.settings, &r->words, &c.words));
    if (word_settings_eq(&now, &c.words))
        TRY(store_write(r->store, set_without_rebuilding, NULL, &c));
    else
        TRY(collections_rebuild(r, &how));
out:
    mem_free(c.settings);
    return rc;
}
