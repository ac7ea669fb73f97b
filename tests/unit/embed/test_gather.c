#include "embed/gather.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define DIM      2
#define LONG_MS  60000 /* nothing here takes so long */
#define MANY     16
#define CALL_MAX 32

/* A server that does each call when it is told to; a text's vector is its length and its first
 * letter. */
struct server {
    sem_t begun, go; /* go: one post a call */
    atomic_int n_calls;
    atomic_size_t batch_max;
    atomic_size_t sizes[CALL_MAX]; /* texts of call i */
    atomic_int_fast64_t within_ms[CALL_MAX];
    int fail; /* with this */
    struct gather *g;
};

static bool has_poison(const struct str *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_starts(texts[i], STR_LIT("poison")))
            return true;
    return false;
}

static void fill(struct str text, float *out)
{
    out[0] = (float)text.n;
    out[1] = text.n ? (float)text.p[0] : 0;
}

static int serve(void *arg, const struct str *texts, size_t n, int64_t within_ms, float *out)
{
    struct server *s = arg;
    int i = s->n_calls++;

    s->sizes[i] = n;
    s->within_ms[i] = within_ms;
    sem_post(&s->begun);
    while (sem_wait(&s->go) != 0)
        ;
    if (s->fail)
        return FAIL(s->fail, "call %d of %zu texts failed", i, n);
    if (has_poison(texts, n))
        return FAIL(ERR_ARGUMENT, "one of %zu texts is poison", n);
    for (size_t j = 0; j < n; j++)
        fill(texts[j], out + j * DIM);
    return ERR_OK;
}

static void server_start(struct server *s, int max_calls, int64_t patience_ms)
{
    struct gather_options o = {.fn = serve,
                               .arg = s,
                               .name = "the fake server",
                               .dim = DIM,
                               .max_calls = max_calls,
                               .batch_max = &s->batch_max,
                               .patience_ms = patience_ms};

    memset(s, 0, sizeof *s);
    sem_init(&s->begun, 0, 0);
    sem_init(&s->go, 0, 0);
    s->batch_max = 64;
    s->g = gather_new(&o);
}

static void server_stop(struct server *s)
{
    gather_free(s->g);
    sem_destroy(&s->begun);
    sem_destroy(&s->go);
}

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) != 0)
        ;
}

static void let_go(struct server *s, int n)
{
    for (int i = 0; i < n; i++)
        sem_post(&s->go);
}

/* A caller on a thread of its own. */
struct caller {
    struct server *s;
    char *text; /* freed as soon as it is back, so that a late reader is seen */
    int64_t within_ms;
    float out[DIM];
    int rc;
    char reason[ERR_TEXT_MAX];
    atomic_bool is_back;
    pthread_t thread;
};

static void *caller_main(void *arg)
{
    struct caller *c = arg;

    c->rc = gather_ask(c->s->g, str_of(c->text), c->within_ms, c->out);
    snprintf(c->reason, sizeof c->reason, "%s", err_text());
    c->is_back = true;
    return NULL;
}

static void start(struct caller *c, struct server *s, const char *text, int64_t within_ms)
{
    memset(c, 0, sizeof *c);
    c->s = s;
    c->text = mem_strdup(text);
    c->within_ms = within_ms;
    cr_assert_eq(pthread_create(&c->thread, NULL, caller_main, c), 0);
}

static void end(struct caller *c)
{
    pthread_join(c->thread, NULL);
    mem_free(c->text);
}

/* One who calls and is in the call. */
static void start_calling(struct caller *c, struct server *s, const char *text)
{
    start(c, s, text, LONG_MS);
    wait_for(&s->begun);
}

/* One who waits, if its time is not over already. */
static void start_waiting(struct caller *c, struct server *s, const char *text, int64_t within_ms)
{
    size_t n = gather_waiting(s->g);

    start(c, s, text, within_ms);
    while (gather_waiting(s->g) == n && !c->is_back)
        sched_yield();
}

static void end_right(struct caller *c)
{
    float want[DIM];

    fill(str_of(c->text), want);
    pthread_join(c->thread, NULL);
    cr_expect_eq(c->rc, ERR_OK, "%s: %s", c->text, c->reason);
    cr_expect_eq(c->out[0], want[0], "%s", c->text);
    cr_expect_eq(c->out[1], want[1], "%s", c->text);
    mem_free(c->text);
}

Test(gather, a_lone_caller_does_not_wait)
{
    struct server s;
    struct caller a;

    server_start(&s, 1, LONG_MS);
    for (int i = 0; i < 3; i++) {
        start_calling(&a, &s, "alone");
        cr_expect_eq(gather_waiting(s.g), 0);
        let_go(&s, 1);
        end_right(&a);
    }
    cr_expect_eq(s.n_calls, 3);
    cr_expect_eq(s.sizes[2], 1);
    server_stop(&s);
}

Test(gather, as_many_call_at_once_as_may)
{
    struct server s;
    struct caller a, b, c;

    server_start(&s, 2, LONG_MS);
    start_calling(&a, &s, "a");
    start_calling(&b, &s, "bb");
    start_waiting(&c, &s, "ccc", LONG_MS);
    cr_expect_eq(s.n_calls, 2);
    let_go(&s, 3);
    end_right(&a);
    end_right(&b);
    end_right(&c);
    server_stop(&s);
}

Test(gather, those_who_come_during_a_call_make_the_next_one_together)
{
    struct server s;
    struct caller first, c[MANY];
    char text[MANY][8];

    server_start(&s, 1, LONG_MS);
    start_calling(&first, &s, "first");
    for (int i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof text[i], "%c%0*d", 'a' + i, 1 + i % 5, 0);
        start_waiting(&c[i], &s, text[i], LONG_MS);
    }
    let_go(&s, 2);
    end_right(&first);
    for (int i = 0; i < MANY; i++)
        end_right(&c[i]);
    cr_expect_eq(s.n_calls, 2);
    cr_expect_eq(s.sizes[1], MANY);
    server_stop(&s);
}

Test(gather, a_call_takes_no_more_texts_than_the_server_does)
{
    struct server s;
    struct caller first, c[7];

    server_start(&s, 1, LONG_MS);
    start_calling(&first, &s, "first");
    for (int i = 0; i < 7; i++)
        start_waiting(&c[i], &s, "abcdefg" + i, LONG_MS);
    s.batch_max = 3;
    let_go(&s, 4);
    end_right(&first);
    for (int i = 0; i < 7; i++)
        end_right(&c[i]);
    cr_expect_eq(s.n_calls, 4);
    cr_expect_eq(s.sizes[1], 3);
    cr_expect_eq(s.sizes[2], 3);
    cr_expect_eq(s.sizes[3], 1);
    server_stop(&s);
}

Test(gather, an_error_reaches_everybody_with_its_text)
{
    struct server s;
    struct caller first, c[3];

    server_start(&s, 1, LONG_MS);
    start_calling(&first, &s, "first");
    for (int i = 0; i < 3; i++)
        start_waiting(&c[i], &s, "abc" + i, LONG_MS);
    s.fail = ERR_UNAVAILABLE;
    let_go(&s, 2);
    end(&first);
    cr_expect_str_eq(first.reason, "call 0 of 1 texts failed");
    for (int i = 0; i < 3; i++) {
        end(&c[i]);
        cr_expect_eq(c[i].rc, ERR_UNAVAILABLE);
        cr_expect_str_eq(c[i].reason, "call 1 of 3 texts failed");
        cr_expect_eq(c[i].out[0], 0, "the output is left alone");
    }
    server_stop(&s);
}

Test(gather, a_bad_text_fails_alone)
{
    struct server s;
    struct caller first, c[4];
    static const char *const texts[] = {"a", "poison", "bb", "ccc"};

    server_start(&s, 1, LONG_MS);
    start_calling(&first, &s, "first");
    for (int i = 0; i < 4; i++)
        start_waiting(&c[i], &s, texts[i], LONG_MS);
    let_go(&s, 2 + 4);
    end_right(&first);
    end(&c[1]);
    cr_expect_eq(c[1].rc, ERR_ARGUMENT);
    cr_expect_str_eq(c[1].reason, "one of 1 texts is poison");
    end_right(&c[0]);
    end_right(&c[2]);
    end_right(&c[3]);
    cr_expect_eq(s.n_calls, 6);
    server_stop(&s);
}

Test(gather, a_bad_text_by_itself_is_not_asked_for_twice)
{
    struct server s;
    struct caller first, bad;

    server_start(&s, 1, LONG_MS);
    start_calling(&first, &s, "poison 1");
    start_waiting(&bad, &s, "poison 2", LONG_MS);
    let_go(&s, 2);
    end(&first);
    end(&bad);
    cr_expect_eq(first.rc, ERR_ARGUMENT);
    cr_expect_eq(bad.rc, ERR_ARGUMENT);
    cr_expect_eq(s.n_calls, 2);
    server_stop(&s);
}

/* ---- deadlines ---- */

Test(gather, who_waits_too_long_leaves_and_is_not_asked_for)
{
    struct server s;
    struct caller first, hasty, calm;

    server_start(&s, 1, LONG_MS);
    start_calling(&first, &s, "first");
    start(&hasty, &s, "hasty", 20);
    end(&hasty);
    cr_expect_eq(hasty.rc, ERR_TIMEOUT);
    cr_expect(strstr(hasty.reason, "the fake server"), "%s", hasty.reason);
    cr_expect_eq(gather_waiting(s.g), 0);
    start_waiting(&calm, &s, "calm", LONG_MS);
    let_go(&s, 2);
    end_right(&first);
    end_right(&calm);
    cr_expect_eq(s.n_calls, 2);
    cr_expect_eq(s.sizes[1], 1);
    server_stop(&s);
}

/* Whether one with so much time was in the call with the other when it was over: a slow machine may
 * need more. Its memory is gone before the call ends, which the address sanitizer would see. */
static bool leaves_during_the_call(int64_t within_ms)
{
    struct server s;
    struct caller first, hasty, calm;
    bool was_in;

    server_start(&s, 1, LONG_MS);
    start_calling(&first, &s, "first");
    start_waiting(&hasty, &s, "hasty", within_ms);
    start_waiting(&calm, &s, "calm", LONG_MS);
    let_go(&s, 1);
    end_right(&first);
    wait_for(&s.begun);
    was_in = s.sizes[1] == 2;
    end(&hasty);
    cr_expect_eq(hasty.rc, ERR_TIMEOUT);
    let_go(&s, 1);
    end_right(&calm);
    server_stop(&s);
    return was_in;
}

Test(gather, who_leaves_during_the_call_disturbs_nobody)
{
    int64_t within_ms = 50;

    while (!leaves_during_the_call(within_ms))
        within_ms *= 2;
    cr_expect_lt(within_ms, LONG_MS);
}

Test(gather, a_call_has_the_time_of_its_most_patient_text)
{
    struct server s;
    struct caller first, a, b, c;

    server_start(&s, 1, LONG_MS);
    start_calling(&first, &s, "first");
    start_waiting(&a, &s, "a", LONG_MS / 4);
    start_waiting(&b, &s, "b", LONG_MS);
    start_waiting(&c, &s, "c", LONG_MS / 2);
    let_go(&s, 2);
    end_right(&first);
    end_right(&a);
    end_right(&b);
    end_right(&c);
    cr_expect_gt(s.within_ms[1], LONG_MS / 2);
    cr_expect_leq(s.within_ms[1], LONG_MS);
    server_stop(&s);
}

Test(gather, a_call_that_hangs_holds_up_nobody_else)
{
    struct server s;
    struct caller hangs, next;

    server_start(&s, 1, 5);
    start_calling(&hangs, &s, "hangs");
    start(&next, &s, "next", LONG_MS);
    wait_for(&s.begun); /* though the first is not back */
    cr_expect_eq(s.n_calls, 2);
    let_go(&s, 2);
    end_right(&hangs);
    end_right(&next);
    server_stop(&s);
}
