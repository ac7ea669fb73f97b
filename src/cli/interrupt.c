#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile bool interrupted; /* a signal handler has no other way to tell */

static void on_signal(int number)
{
    (void)number;
    interrupted = true;
}

const volatile bool *interrupt_catch(void)
{
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    return &interrupted;
}
