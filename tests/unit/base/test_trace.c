#include "base/trace.h"

#include <criterion/criterion.h>
#include <string.h>

Test(trace, every_stage_has_its_name)
{
    for (int i = 0; i < N_STAGES; i++)
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(stage_name((enum stage)i), stage_name((enum stage)j));
    cr_expect_str_eq(stage_name(STAGE_QUEUE), "queue");
    cr_expect_str_eq(stage_name(STAGE_GENERATE), "generate");
}

Test(trace, stages_chain_and_add_up)
{
    struct trace t;
    uint64_t at;

    trace_start(&t);
    at = trace_add(&t, STAGE_EMBED, t.start_ns);
    at = trace_add(&t, STAGE_SEARCH, at);
    at = trace_add(&t, STAGE_EMBED, at);
    cr_expect_eq(t.ns[STAGE_EMBED] + t.ns[STAGE_SEARCH], at - t.start_ns);
    cr_expect_eq(t.ns[STAGE_FETCH], 0);
}

Test(trace, what_no_stage_claims_is_other)
{
    struct trace t = {.ns = {[STAGE_EMBED] = 1000000, [STAGE_SEARCH] = 500000}};

    cr_expect_eq(trace_other_ns(&t, 2000000), 500000);
    cr_expect_eq(trace_other_ns(&t, 1000000), 0, "never below 0");
}

Test(trace, the_total_stands_still_once_it_has_ended)
{
    struct trace t = {.start_ns = 1000, .end_ns = 5000};

    cr_expect_eq(trace_total_ns(&t), 4000);
    trace_start(&t);
    cr_expect_leq(trace_total_ns(&t), clock_ns() - t.start_ns);
}

Test(trace, a_stage_remembers_when_it_first_began)
{
    struct trace t;

    trace_start(&t);
    trace_add(&t, STAGE_CACHE, t.start_ns + 5);
    trace_add(&t, STAGE_CACHE, t.start_ns + 900);
    cr_expect_eq(t.first_ns[STAGE_CACHE], t.start_ns + 5);
    cr_expect_eq(t.first_ns[STAGE_EMBED], 0);
}
