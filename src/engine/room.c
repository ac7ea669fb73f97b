#include "engine/room.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

struct room {
    size_t limit_bytes;
    void (*release)(void *arg);
    void *arg;
    pthread_mutex_t mu;              /* guards the fields below; no lock is taken under it */
    uint64_t looked_ns, released_ns; /* 0: never */
    size_t own_bytes;                /* as of the last look */
};

struct room *room_new(size_t limit_bytes, void (*release)(void *arg), void *arg)
{
    struct room *r = mem_calloc(1, sizeof *r);

    r->limit_bytes = limit_bytes;
    r->release = release;
    r->arg = arg;
    pthread_mutex_init(&r->mu, NULL);
    return r;
}

void room_free(struct room *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->mu);
    mem_free(r);
}

static bool is_due(uint64_t last_ns, int ms)
{
    return last_ns == 0 || clock_ms_since(last_ns) >= ms;
}

static size_t look_locked(struct room *r)
{
    r->own_bytes = mem_own_bytes();
    r->looked_ns = clock_ns();
    return r->own_bytes;
}

/* What is in use now, or was a moment ago; *release: it is somebody's turn to give back. */
static size_t in_use_locked(struct room *r, bool *release)
{
    size_t bytes = is_due(r->looked_ns, ROOM_LOOK_MS) ? look_locked(r) : r->own_bytes;

    *release = bytes > r->limit_bytes && is_due(r->released_ns, ROOM_RELEASE_MS);
    return bytes;
}

/* What was freed is the C library's until it is asked for it. */
static size_t after_release(struct room *r)
{
    size_t bytes;

    r->release(r->arg);
    mem_return();
    pthread_mutex_lock(&r->mu);
    bytes = look_locked(r);
    pthread_mutex_unlock(&r->mu);
    return bytes;
}

static size_t measure(struct room *r)
{
    bool release;
    size_t bytes;

    pthread_mutex_lock(&r->mu);
    bytes = in_use_locked(r, &release);
    if (release)
        r->released_ns = clock_ns();
    pthread_mutex_unlock(&r->mu);
    return release ? after_release(r) : bytes;
}

bool room_is_short(struct room *r)
{
    return r->limit_bytes && measure(r) > r->limit_bytes;
}

static int refuse(const struct room *r, size_t bytes)
{
    if (bytes <= r->limit_bytes)
        return ERR_OK;
    return FAIL(ERR_NO_SPACE,
                "%.1f MB of memory are in use, over the limit of %.1f (limits.memory); questions "
                "are answered, documents must wait",
                (double)bytes / 1e6, (double)r->limit_bytes / 1e6);
}

int room_check(struct room *r)
{
    return refuse(r, r->limit_bytes ? measure(r) : 0);
}

int room_glance(struct room *r)
{
    bool release = false;
    size_t bytes = 0;

    pthread_mutex_lock(&r->mu);
    if (r->limit_bytes)
        bytes = in_use_locked(r, &release);
    pthread_mutex_unlock(&r->mu);
    return release ? ERR_OK : refuse(r, bytes);
}
