#include "cli/interrupt.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(interrupt, the_first_signal_is_a_wish)
{
    const volatile bool *flag = interrupt_catch();

    cr_expect_not(*flag);
    raise(SIGINT);
    cr_expect(*flag);
}

Test(interrupt, the_second_ends_the_process, .signal = SIGTERM)
{
    const volatile bool *flag = interrupt_catch();

    raise(SIGTERM);
    cr_assert(*flag);
    raise(SIGTERM);
}
