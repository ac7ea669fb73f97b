/* cpu_time.h - the processor time another process has used so far. */
#pragma once
#include <stdint.h>

/* User and system, of all its threads that live; 0 when there is no such process. */
uint64_t cpu_time_ns(long pid);
