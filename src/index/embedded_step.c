#include "index/embedded_step.h"

#include "base/check.h"
#include "base/err.h"
#include "base/map.h"

struct step step_to(struct retriever *r, const char *tenant, const char *collection)
{
    return (struct step){.r = r, .tenant = tenant, .collection = collection, .words = r->words};
}

static struct snapshot *first_state(const struct step *t)
{
    const struct index_context *context = NULL;

    CHECK(context_with(t->r, context_now(t->r), &t->words, &context) == ERR_OK); /* checked */
    return snapshot_empty(context, 0);
}

/* The state this one follows, with a reference: one that is to be committed with it, else the
 * current one. */
static struct snapshot *newest(struct step *t)
{
    uint64_t value;
    bool coming;

    pthread_mutex_lock(&t->r->mu);
    coming = map_get(t->r->coming, t->name.bytes, t->name.n, &value);
    if (coming && value)
        snapshot_ref((struct snapshot *)(uintptr_t)value);
    pthread_mutex_unlock(&t->r->mu);
    return coming ? (struct snapshot *)(uintptr_t)value : collection_current(t->r, &t->name);
}

/* NULL only where there is nothing to be sealed any more. */
static struct snapshot *follow(const struct step *t, struct snapshot *base, const struct change *c,
                               bool *was_there)
{
    struct snapshot *old = base ? snapshot_ref(base) : first_state(t);
    struct snapshot *next;

    if (c->added) /* taken, and needed again should the base not come */
        segment_ref(c->added);
    if (c->summaries)
        segment_ref(c->summaries);
    if (c->seal)
        next = base ? snapshot_sealed(base, &c->seal[0], &c->seal[1]) : NULL;
    else
        next = snapshot_next(old, c, was_there);
    snapshot_unref(old);
    return next;
}

int step_make(struct step *t, const struct change *c, bool *was_there)
{
    CHECK(name_of(&t->name, t->tenant, t->collection));
    t->base = newest(t);
    t->next = c ? follow(t, t->base, c, was_there) : NULL;
    t->made = true;
    if (c && !t->next) {
        snapshot_unref(t->base);
        t->base = NULL;
        t->made = false;
        return FAIL(ERR_GONE, "collection '%s' has changed meanwhile", t->collection);
    }
    pthread_mutex_lock(&t->r->mu);
    map_put(t->r->coming, t->name.bytes, t->name.n, (uint64_t)(uintptr_t)t->next);
    pthread_mutex_unlock(&t->r->mu);
    return ERR_OK;
}

static void step_forget(struct step *t)
{
    uint64_t value;

    pthread_mutex_lock(&t->r->mu);
    if (map_get(t->r->coming, t->name.bytes, t->name.n, &value) &&
        value == (uint64_t)(uintptr_t)t->next)
        map_remove(t->r->coming, t->name.bytes, t->name.n);
    pthread_mutex_unlock(&t->r->mu);
}

/* A first state that was made in the transaction of a change of model is not. */
static bool is_of_present_model(const struct step *t)
{
    const struct index_context *now = context_now(t->r), *then = t->next->context;

    return now->dim == then->dim && digest_eq(&now->fingerprint, &then->fingerprint);
}

void step_publish(struct step *t, const struct change *c, bool *was_there)
{
    struct snapshot *now = collection_current(t->r, &t->name), *next = NULL;

    if (c)
        next = now == t->base && is_of_present_model(t) ? snapshot_ref(t->next)
                                                        : follow(t, now, c, was_there);
    if (next || !c)
        collection_publish(t->r, &t->name, next);
    snapshot_unref(now);
    step_forget(t);
    sealer_wake(t->r->sealer);
}

void step_replace(struct step *t, struct snapshot *next)
{
    CHECK(name_of(&t->name, t->tenant, t->collection));
    t->next = snapshot_ref(next);
    t->made = true;
    pthread_mutex_lock(&t->r->mu);
    map_put(t->r->coming, t->name.bytes, t->name.n, (uint64_t)(uintptr_t)t->next);
    pthread_mutex_unlock(&t->r->mu);
}

void step_publish_replaced(struct step *t)
{
    collection_publish(t->r, &t->name, snapshot_ref(t->next));
    step_forget(t);
}

void step_done(struct step *t)
{
    if (!t->made)
        return;
    step_forget(t);
    snapshot_unref(t->base);
    snapshot_unref(t->next);
    t->base = t->next = NULL;
    t->made = false;
}
