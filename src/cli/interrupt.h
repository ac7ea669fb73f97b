/* interrupt.h - Ctrl-C as a wish that a command hears, for those that run until then. */
#pragma once
#include <stdbool.h>

/* From now on the first SIGINT or SIGTERM turns the flag true; a second one ends the process. */
const volatile bool *interrupt_catch(void);
