#include "base/check.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(check, lets_truths_pass)
{
    int evaluated = 0;

    CHECK(++evaluated == 1);
    cr_expect_eq(evaluated, 1);
}

Test(check, stops_the_process_when_false, .signal = SIGABRT)
{
    CHECK(1 + 1 == 3);
}

#ifdef RAGD_DEBUG
Test(check, the_debug_one_stops_too, .signal = SIGABRT)
{
    DCHECK(1 + 1 == 3);
}
#endif
