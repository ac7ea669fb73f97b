#include "embed/pace.h"

#include <criterion/criterion.h>

static struct pace p;

static void start(void)
{
    pace_init(&p);
}

static void stop(void)
{
    pace_done(&p);
}

TestSuite(pace, .init = start, .fini = stop);

/* Asks n times, each way taking what it is said to; returns how often helpers took part. */
static int ask(int n, uint64_t alone_ns, uint64_t helped_ns)
{
    int with = 0;

    for (int i = 0; i < n; i++) {
        bool helpers = pace_with_helpers(&p);

        pace_took(&p, helpers, 10, helpers ? helped_ns : alone_ns);
        with += helpers;
    }
    return with;
}

Test(pace, helpers_come_while_they_make_it_faster)
{
    cr_expect_eq(ask(160, 700000, 400000), 150, "but for every 16th, which goes alone to see");
}

Test(pace, helpers_stay_away_while_they_make_it_slower)
{
    int with;

    ask(32, 700000, 5000000);
    with = ask(160, 700000, 5000000);
    cr_expect_eq(with, 10, "only every 16th: %d", with);
}

Test(pace, a_machine_that_calms_down_gets_helpers_again)
{
    ask(64, 700000, 5000000);
    ask(16 * 16, 700000, 400000);
    cr_expect_eq(ask(32, 700000, 400000), 30);
}

Test(pace, longer_questions_do_not_look_slower)
{
    pace_took(&p, false, 10, 1000000);
    pace_took(&p, true, 100, 5000000);
    cr_expect(pace_with_helpers(&p), "50 us a token against 100");
}
