#include "net/breaker.h"

#include <pthread.h>

#include "base/check.h"
#include "base/mem.h"

struct breaker {
    pthread_mutex_t mu; /* guards the fields below */
    int n_failures;     /* in a row, while closed */
    bool open, probing;
    int64_t until_ms, wait_ms;
};

struct breaker *breaker_new(void)
{
    struct breaker *b = mem_calloc(1, sizeof *b);

    pthread_mutex_init(&b->mu, NULL);
    return b;
}

void breaker_free(struct breaker *b)
{
    if (!b)
        return;
    pthread_mutex_destroy(&b->mu);
    mem_free(b);
}

static enum breaker_pass enter_locked(struct breaker *b, int64_t now_ms, int64_t *wait_ms)
{
    *wait_ms = 0;
    if (!b->open)
        return BREAKER_CALL;
    if (b->probing)
        return BREAKER_REFUSED;
    if (now_ms < b->until_ms) {
        *wait_ms = b->until_ms - now_ms;
        return BREAKER_REFUSED;
    }
    b->probing = true;
    return BREAKER_PROBE;
}

enum breaker_pass breaker_enter(struct breaker *b, int64_t now_ms, int64_t *wait_ms)
{
    enum breaker_pass pass;
    int64_t wait;

    pthread_mutex_lock(&b->mu);
    pass = enter_locked(b, now_ms, &wait);
    pthread_mutex_unlock(&b->mu);
    if (wait_ms)
        *wait_ms = wait;
    return pass;
}

static void open_locked(struct breaker *b, int64_t wait_ms, int64_t now_ms)
{
    b->open = true;
    b->wait_ms = wait_ms < BREAKER_WAIT_MS_MAX ? wait_ms : BREAKER_WAIT_MS_MAX;
    b->until_ms = now_ms + b->wait_ms;
}

static void close_locked(struct breaker *b)
{
    b->open = false;
    b->n_failures = 0;
}

static enum breaker_change change_of(bool was_open, bool is_open)
{
    if (was_open == is_open)
        return BREAKER_STAYED;
    return is_open ? BREAKER_OPENED : BREAKER_CLOSED;
}

enum breaker_change breaker_leave(struct breaker *b, enum breaker_pass pass, bool ok,
                                  int64_t now_ms)
{
    enum breaker_change change;
    bool was_open;

    CHECK(pass != BREAKER_REFUSED);
    pthread_mutex_lock(&b->mu);
    was_open = b->open;
    if (pass == BREAKER_PROBE)
        b->probing = false;
    if (ok)
        close_locked(b);
    else if (pass == BREAKER_PROBE && b->open)
        open_locked(b, b->wait_ms * 2, now_ms);
    else if (!b->open && ++b->n_failures >= BREAKER_FAILURES)
        open_locked(b, BREAKER_WAIT_MS, now_ms);
    change = change_of(was_open, b->open);
    pthread_mutex_unlock(&b->mu);
    return change;
}

void breaker_forgo(struct breaker *b, enum breaker_pass pass)
{
    CHECK(pass != BREAKER_REFUSED);
    if (pass != BREAKER_PROBE)
        return;
    pthread_mutex_lock(&b->mu);
    b->probing = false;
    pthread_mutex_unlock(&b->mu);
}

bool breaker_is_open(struct breaker *b)
{
    bool open;

    pthread_mutex_lock(&b->mu);
    open = b->open;
    pthread_mutex_unlock(&b->mu);
    return open;
}
