#include "cache/shared_flight.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"

void shared_flight_init(struct shared_flight *f, struct shared_answers *answers,
                        const struct digest *prompt_hash)
{
    uint64_t v[2];

    CHECK(getrandom(v, sizeof v, 0) == (ssize_t)sizeof v);
    *f = (struct shared_flight){.answers = answers, .prompt_hash = *prompt_hash};
    snprintf(f->token, sizeof f->token, "%016llx%016llx", (unsigned long long)v[0],
             (unsigned long long)v[1]);
}

static struct str lock_of(const struct shared_flight *f, char room[SHARED_KEY_MAX])
{
    return shared_answers_key(f->answers, 'f', &f->prompt_hash, room);
}

static void wait_longer(struct shared_flight *f)
{
    f->wait_ms = f->wait_ms ? f->wait_ms * 3 / 2 : SHARED_FLIGHT_WAIT_MS;
    if (f->wait_ms > SHARED_FLIGHT_WAIT_MS_MAX)
        f->wait_ms = SHARED_FLIGHT_WAIT_MS_MAX;
}

/* The lock first, then the answer: whoever has the lock and sees no answer will make it, because a
 * holder puts its answer before it lets go. */
enum shared_flight_state shared_flight_step(struct shared_flight *f,
                                            const struct shared_scope *scope, int64_t now_ms,
                                            struct arena *mem, struct shared_answer *out)
{
    struct redis *r = shared_answers_redis(f->answers);
    char room[SHARED_KEY_MAX];
    int leads = redis_set_new(r, lock_of(f, room), str_of(f->token), SHARED_FLIGHT_LIFE_MS);
    int found;

    if (leads < 0)
        return SHARED_FLIGHT_ALONE;
    found = shared_answers_get(f->answers, &f->prompt_hash, scope, now_ms, mem, out);
    if (found == 1 && leads)
        shared_flight_end(f);
    if (found == 1)
        return SHARED_FLIGHT_ANSWERED;
    if (leads)
        return SHARED_FLIGHT_LEADS;
    wait_longer(f);
    return found < 0 ? SHARED_FLIGHT_ALONE : SHARED_FLIGHT_WAITS;
}

static void sleep_ms(int64_t ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

enum shared_flight_state shared_flight_wait(struct shared_flight *f,
                                            const struct shared_scope *scope, uint64_t until_ns,
                                            struct arena *mem, struct shared_answer *out)
{
    for (;;) {
        enum shared_flight_state state = shared_flight_step(f, scope, clock_wall_ms(), mem, out);

        if (state != SHARED_FLIGHT_WAITS)
            return state;
        if (clock_ns() + (uint64_t)f->wait_ms * 1000000 >= until_ns)
            return SHARED_FLIGHT_ALONE;
        sleep_ms(f->wait_ms);
    }
}

int shared_flight_renew(struct shared_flight *f)
{
    char room[SHARED_KEY_MAX];

    return redis_renew_if(shared_answers_redis(f->answers), lock_of(f, room), str_of(f->token),
                          SHARED_FLIGHT_LIFE_MS);
}

int shared_flight_end(struct shared_flight *f)
{
    char room[SHARED_KEY_MAX];

    return redis_delete_if(shared_answers_redis(f->answers), lock_of(f, room), str_of(f->token));
}
