#include "cache/tiers_parts.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#define RENEW_NS (SHARED_FLIGHT_RENEW_MS * UINT64_C(1000000))

/* ---- the keeper's part ---- */

static void unlink_locked(struct tiers_flight *f)
{
    *(f->previous ? &f->previous->next : &f->tiers->flights) = f->next;
    if (f->next)
        f->next->previous = f->previous;
}

static struct tiers_flight *next_due_locked(struct tiers *t, uint64_t now)
{
    for (struct tiers_flight *f = t->flights; f; f = f->next)
        if (f->state == FLIGHT_LEAVING || (f->state != FLIGHT_STANDS && f->due_ns <= now))
            return f;
    return NULL;
}

uint64_t tier_flights_due_locked(const struct tiers *t, uint64_t until)
{
    for (const struct tiers_flight *f = t->flights; f; f = f->next) {
        if (f->state == FLIGHT_LEAVING)
            return 0;
        if (f->state != FLIGHT_STANDS && f->due_ns < until)
            until = f->due_ns;
    }
    return until;
}

static void renew(struct tiers_flight *f)
{
    (void)shared_flight_renew(&f->lock);
    pthread_mutex_lock(&f->tiers->mu);
    f->due_ns = clock_ns() + RENEW_NS;
    pthread_mutex_unlock(&f->tiers->mu);
}

/* Whose turn it is by now; true when somebody is to be told. */
static bool look_again(struct tiers_flight *f)
{
    struct shared_scope scope = tiers_scope(&f->asker);
    struct arena *mem = arena_new(0);
    struct shared_answer a;
    uint64_t now;
    enum shared_flight_state state = shared_flight_step(&f->lock, &scope, clock_wall_ms(), mem, &a);

    if (state == SHARED_FLIGHT_ANSWERED)
        f->answer = tiers_value(&a, &f->asker);
    arena_free(mem);
    now = clock_ns();
    pthread_mutex_lock(&f->tiers->mu);
    f->has_lock = state == SHARED_FLIGHT_LEADS;
    f->turn = f->answer ? TIERS_ANSWERED : TIERS_LEAD;
    if (f->has_lock) {
        f->state = FLIGHT_LEADS;
        f->due_ns = now + RENEW_NS;
    } else if (state == SHARED_FLIGHT_WAITS && now < f->until_ns && !f->tiers->waits_end) {
        f->due_ns = now + (uint64_t)f->lock.wait_ms * 1000000;
    } else {
        f->state = FLIGHT_STANDS;
    }
    pthread_mutex_unlock(&f->tiers->mu);
    return f->state != FLIGHT_WAITS;
}

static void bury(struct tiers_flight *f)
{
    if (f->has_lock)
        (void)shared_flight_end(&f->lock);
    lru_value_unref(f->answer);
    mem_free(f);
}

/* What is due by now, each once: what becomes due meanwhile is the next time's, or the keeper would
 * come to nothing else. */
void tier_flights_see_to(struct tiers *t)
{
    struct tiers_flight *f;
    enum flight_state state = FLIGHT_STANDS;
    uint64_t now = clock_ns();

    for (;;) {
        pthread_mutex_lock(&t->mu);
        f = next_due_locked(t, now);
        if (f)
            state = f->state;
        if (f && state == FLIGHT_LEAVING)
            unlink_locked(f);
        pthread_mutex_unlock(&t->mu);
        if (!f)
            return;
        if (state == FLIGHT_LEAVING)
            bury(f);
        else if (state == FLIGHT_LEADS)
            renew(f);
        else if (look_again(f))
            f->done(f->arg);
    }
}

/* ---- the askers' part ---- */

static struct tiers_flight *flight_new(struct tiers *t, const struct answer_origin *asker)
{
    struct tiers_flight *f = mem_calloc(1, sizeof *f);

    f->tiers = t;
    shared_flight_init(&f->lock, t->shared, &asker->prompt_hash);
    CHECK(strlen(asker->tenant) < sizeof f->tenant);
    CHECK(strlen(asker->collection) < sizeof f->collection);
    strcpy(f->tenant, asker->tenant);
    strcpy(f->collection, asker->collection);
    f->asker =
        (struct answer_origin){asker->prompt_hash, f->tenant, f->collection, asker->epoch, NULL, 0};
    return f;
}

static void link_flight(struct tiers_flight *f)
{
    struct tiers *t = f->tiers;

    pthread_mutex_lock(&t->mu);
    f->next = t->flights;
    if (f->next)
        f->next->previous = f;
    t->flights = f;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->mu);
}

enum tiers_turn tiers_join(struct tiers *t, const struct answer_origin *asker,
                           struct tiers_flight **flight, struct lru_value **answer)
{
    struct shared_scope scope = tiers_scope(asker);
    struct arena *mem;
    struct shared_answer a;
    struct tiers_flight *f;
    enum shared_flight_state state;

    *flight = NULL;
    *answer = NULL;
    if (!t->shared)
        return TIERS_LEAD;
    f = flight_new(t, asker);
    mem = arena_new(0);
    state = shared_flight_step(&f->lock, &scope, clock_wall_ms(), mem, &a);
    if (state == SHARED_FLIGHT_ANSWERED)
        *answer = tiers_value(&a, asker);
    arena_free(mem);
    if (state == SHARED_FLIGHT_ANSWERED || state == SHARED_FLIGHT_ALONE) {
        mem_free(f);
        return *answer ? TIERS_ANSWERED : TIERS_LEAD;
    }
    f->has_lock = state == SHARED_FLIGHT_LEADS;
    f->state = f->has_lock ? FLIGHT_LEADS : FLIGHT_STANDS;
    f->due_ns = clock_ns() + RENEW_NS;
    *flight = f;
    link_flight(f);
    return f->has_lock ? TIERS_LEAD : TIERS_WAIT;
}

void tiers_wait(struct tiers_flight *f, uint64_t until_ns, void (*done)(void *arg), void *arg)
{
    pthread_mutex_lock(&f->tiers->mu);
    f->done = done;
    f->arg = arg;
    f->until_ns = until_ns;
    f->due_ns = clock_ns() + (uint64_t)f->lock.wait_ms * 1000000;
    f->state = FLIGHT_WAITS;
    pthread_cond_signal(&f->tiers->changed);
    pthread_mutex_unlock(&f->tiers->mu);
}

/* Each at its next look, in SHARED_FLIGHT_WAIT_MS_MAX at most. */
void tiers_end_waits(struct tiers *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->mu);
    t->waits_end = true;
    pthread_mutex_unlock(&t->mu);
}

enum tiers_turn tiers_turn_of(struct tiers_flight *f, struct lru_value **answer)
{
    *answer = f->answer;
    f->answer = NULL;
    return f->turn;
}

void tiers_leave(struct tiers_flight *f)
{
    struct tiers *t;

    if (!f)
        return;
    t = f->tiers;
    pthread_mutex_lock(&t->mu);
    CHECK(f->state != FLIGHT_WAITS);
    f->state = FLIGHT_LEAVING;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->mu);
}
