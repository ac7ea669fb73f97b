#include "ingest/prune.h"

#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"

struct prune {
    const struct run *run;
    struct str root;
    struct arena *mem;
    struct str *gone;
    size_t n_gone, cap_gone;
    size_t n_stored; /* documents of this root */
};

static int look_at(void *arg, const struct document_row *row)
{
    struct prune *p = arg;
    uint64_t unused;

    if (!str_eq(row->root, p->root))
        return ERR_OK;
    p->n_stored++;
    if (map_get(p->run->keys, row->key.p, row->key.n, &unused))
        return ERR_OK;
    p->gone = mem_grow(p->gone, &p->cap_gone, p->n_gone + 1, sizeof *p->gone);
    p->gone[p->n_gone++] = (struct str){arena_strndup(p->mem, row->key.p, row->key.n), row->key.n};
    return ERR_OK;
}

static int find_gone(struct prune *p)
{
    struct store_reader *reader = store_reader_get(p->run->e->store);
    int rc = store_each_document(reader, p->run->collection_id, (struct str){"", 0}, 0, look_at, p);

    store_reader_put(p->run->e->store, reader);
    return rc;
}

/* Why removing should be asked for by name, or NULL. */
static const char *doubt(const struct prune *p, const struct walk *walk, bool unsure)
{
    bool any = false;

    for (size_t i = 0; i < walk_count(walk) && !any; i++)
        any = walk_at(walk, i)->fate == WALK_READ;
    if (!any)
        return "it holds no documents now";
    if (!walk_is_whole(walk))
        return "a folder in it could not be looked into";
    if (unsure)
        return "a file of records in it was refused, so it is not known which of them are gone";
    if (p->n_gone * 2 > p->n_stored)
        return "that is more than half";
    return NULL;
}

int prune_folder(struct run *run, const struct walk *walk, bool unsure)
{
    int rc = ERR_OK;
    const char *name = run->o->root_name ? run->o->root_name : walk_root(walk);
    struct prune p = {.run = run, .root = str_of(name), .mem = arena_new(0)};
    const char *why;
    size_t n_removed = 0;

    if (!run->collection_id)
        goto out; /* nothing was stored before this run */
    TRY(find_gone(&p));
    if (p.n_gone == 0)
        goto out;
    why = run->o->prune_force ? NULL : doubt(&p, walk, unsure);
    if (why) {
        rc =
            FAIL(ERR_ARGUMENT,
                 "not pruned: %zu of %zu documents of '%s' would be removed, and %s; --prune=force "
                 "removes them",
                 p.n_gone, p.n_stored, name, why);
        goto out;
    }
    TRY(retriever_remove(run->e->retriever, run->tenant, run->collection, p.gone, p.n_gone,
                         &n_removed));
    run->report->removed += n_removed;
out:
    mem_free(p.gone);
    arena_free(p.mem);
    return rc;
}
