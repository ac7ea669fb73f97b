#include "net/breaker.h"

#include <criterion/criterion.h>

#include "support/figure.h"

static void fail(struct breaker *b, int n, int64_t now_ms)
{
    for (int i = 0; i < n; i++) {
        cr_assert_eq(breaker_enter(b, now_ms, NULL), BREAKER_CALL);
        breaker_leave(b, BREAKER_CALL, false, now_ms);
    }
}

Test(breaker, each_change_is_told_once)
{
    struct breaker *b = breaker_new();
    int64_t wait_ms;

    for (int i = 1; i <= BREAKER_FAILURES; i++) {
        enum breaker_pass pass = breaker_enter(b, 0, &wait_ms);

        cr_expect_eq(breaker_leave(b, pass, false, 0),
                     i < BREAKER_FAILURES ? BREAKER_STAYED : BREAKER_OPENED);
    }
    cr_assert_eq(breaker_enter(b, 1000, NULL), BREAKER_PROBE);
    cr_expect_eq(breaker_leave(b, BREAKER_PROBE, false, 1000), BREAKER_STAYED, "away as before");
    cr_assert_eq(breaker_enter(b, 3000, NULL), BREAKER_PROBE);
    cr_expect_eq(breaker_leave(b, BREAKER_PROBE, true, 3000), BREAKER_CLOSED);
    cr_expect_eq(breaker_leave(b, breaker_enter(b, 3000, NULL), true, 3000), BREAKER_STAYED);
    breaker_free(b);
}

Test(breaker, opens_after_five_failures_in_a_row)
{
    struct breaker *b = breaker_new();
    int64_t wait_ms = -1;

    fail(b, 4, 0);
    cr_expect(!breaker_is_open(b));
    fail(b, 1, 0);
    cr_expect(breaker_is_open(b));
    cr_expect_eq(breaker_enter(b, 400, &wait_ms), BREAKER_REFUSED);
    cr_expect_eq(wait_ms, 600);
    breaker_free(b);
}

Test(breaker, one_success_between_starts_the_count_again)
{
    struct breaker *b = breaker_new();

    fail(b, 4, 0);
    cr_assert_eq(breaker_enter(b, 0, NULL), BREAKER_CALL);
    breaker_leave(b, BREAKER_CALL, true, 0);
    fail(b, 4, 0);
    cr_expect(!breaker_is_open(b));
    breaker_free(b);
}

Test(breaker, lets_one_probe_through_and_closes_when_it_works)
{
    struct breaker *b = breaker_new();
    int64_t wait_ms = -1;

    fail(b, 5, 0);
    cr_assert_eq(breaker_enter(b, 1000, NULL), BREAKER_PROBE);
    cr_expect_eq(breaker_enter(b, 1000, &wait_ms), BREAKER_REFUSED, "one is enough");
    cr_expect_eq(wait_ms, 0, "it is under way");
    breaker_leave(b, BREAKER_PROBE, true, 1001);
    cr_expect(!breaker_is_open(b));
    fail(b, 4, 1002);
    cr_expect(!breaker_is_open(b), "the count began again");
    breaker_free(b);
}

Test(breaker, doubles_its_wait_up_to_eight_seconds)
{
    struct breaker *b = breaker_new();
    static const int64_t waits[] = {1000, 2000, 4000, 8000, 8000, 8000};
    int64_t now_ms = 0;

    fail(b, 5, now_ms);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        cr_expect_eq(breaker_enter(b, now_ms + waits[i] - 1, NULL), BREAKER_REFUSED, "%zu", i);
        now_ms += waits[i];
        cr_assert_eq(breaker_enter(b, now_ms, NULL), BREAKER_PROBE, "%zu", i);
        breaker_leave(b, BREAKER_PROBE, false, now_ms);
    }
    now_ms += 8000;
    cr_assert_eq(breaker_enter(b, now_ms, NULL), BREAKER_PROBE);
    breaker_leave(b, BREAKER_PROBE, true, now_ms);
    fail(b, 5, now_ms);
    cr_expect_eq(breaker_enter(b, now_ms + 1000, NULL), BREAKER_PROBE, "and begins with one again");
    breaker_leave(b, BREAKER_PROBE, true, now_ms + 1000);
    breaker_free(b);
}

Test(breaker, calls_that_began_before_it_opened_do_not_lengthen_the_wait)
{
    struct breaker *b = breaker_new();

    cr_assert_eq(breaker_enter(b, 0, NULL), BREAKER_CALL);
    fail(b, 5, 0);
    breaker_leave(b, BREAKER_CALL, false, 900);
    cr_expect_eq(breaker_enter(b, 1000, NULL), BREAKER_PROBE);
    breaker_leave(b, BREAKER_PROBE, false, 1000);
    breaker_free(b);
}

Test(breaker, a_late_success_closes_it_and_a_probe_that_then_fails_is_one_failure)
{
    struct breaker *b = breaker_new();

    cr_assert_eq(breaker_enter(b, 0, NULL), BREAKER_CALL);
    fail(b, 5, 0);
    cr_assert_eq(breaker_enter(b, 1000, NULL), BREAKER_PROBE);
    breaker_leave(b, BREAKER_CALL, true, 1100);
    cr_expect(!breaker_is_open(b));
    breaker_leave(b, BREAKER_PROBE, false, 1200);
    cr_expect(!breaker_is_open(b));
    breaker_free(b);
}

/* What the states above come to, without their code. */
struct model {
    int n_failures;
    bool open, probing;
    int64_t until_ms, wait_ms;
};

static enum breaker_pass model_enter(struct model *m, int64_t now_ms)
{
    if (m->open && (m->probing || now_ms < m->until_ms))
        return BREAKER_REFUSED;
    m->probing |= m->open;
    return m->open ? BREAKER_PROBE : BREAKER_CALL;
}

static void model_leave(struct model *m, enum breaker_pass pass, bool ok, int64_t now_ms)
{
    bool was_probe = pass == BREAKER_PROBE, was_open = m->open;

    if (was_probe)
        m->probing = false;
    if (ok) {
        m->open = false;
        m->n_failures = 0;
    } else if (was_open && was_probe) {
        m->wait_ms = m->wait_ms * 2 > 8000 ? 8000 : m->wait_ms * 2;
        m->until_ms = now_ms + m->wait_ms;
    } else if (!was_open && ++m->n_failures >= 5) {
        m->open = true;
        m->wait_ms = 1000;
        m->until_ms = now_ms + 1000;
    }
}

Test(breaker, does_what_a_plain_model_does_over_random_operations)
{
    struct breaker *b = breaker_new();
    struct model m = {0};
    enum breaker_pass away[64];
    int n_away = 0;
    int64_t now_ms = 0;
    unsigned seed = 42;

    for (int i = 0; i < 100000; i++) {
        now_ms += rand_r(&seed) % 200;
        if (n_away < 64 && rand_r(&seed) % 2) {
            enum breaker_pass pass = breaker_enter(b, now_ms, NULL);

            cr_assert_eq(pass, model_enter(&m, now_ms), "step %d, seed 42", i);
            if (pass != BREAKER_REFUSED)
                away[n_away++] = pass;
        } else if (n_away > 0) {
            int at = rand_r(&seed) % n_away;
            bool ok = rand_r(&seed) % 4 == 0;

            breaker_leave(b, away[at], ok, now_ms);
            model_leave(&m, away[at], ok, now_ms);
            away[at] = away[--n_away];
        }
        cr_assert_eq(breaker_is_open(b), m.open, "step %d, seed 42", i);
    }
    breaker_free(b);
    figure("R13 | breaker against a plain model, 100000 operations, seed 42 | 0 differences");
}

Test(breaker, a_probe_that_taught_nothing_leaves_its_place_to_the_next)
{
    struct breaker *b = breaker_new();

    for (int i = 0; i < BREAKER_FAILURES; i++)
        breaker_leave(b, breaker_enter(b, 0, NULL), false, 0);
    cr_assert_eq(breaker_enter(b, 1000, NULL), BREAKER_PROBE);
    cr_expect_eq(breaker_enter(b, 1000, NULL), BREAKER_REFUSED);
    breaker_forgo(b, BREAKER_PROBE);
    cr_expect(breaker_is_open(b));
    cr_assert_eq(breaker_enter(b, 1000, NULL), BREAKER_PROBE);
    breaker_leave(b, BREAKER_PROBE, true, 1000);
    cr_expect_not(breaker_is_open(b));
    breaker_forgo(b, breaker_enter(b, 1000, NULL)); /* of a call: nothing to take back */
    cr_expect_not(breaker_is_open(b));
    breaker_free(b);
}
