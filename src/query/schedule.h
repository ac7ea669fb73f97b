/* schedule.h - what is done once a day, at a time of the day.
 *
 * Local time, as people write it down: on the day when clocks change it is still once. A time that
 * such a day does not have is the moment that mktime makes of it.
 *
 * Threads  free of state, but for the time zone of the process.
 */
#pragma once
#include <stdint.h>

/* The first moment after `after_ms` at this minute of the day; all are of the wall clock. */
int64_t schedule_next(int minute_of_day, int64_t after_ms);

/* When it is due for one who began to look at since_ms and did it last at last_ms (0: never): at
 * the next time of the day or, when the last was more than a day before, at once. A last time that
 * is more than a day ahead counts as none. */
int64_t schedule_due(int minute_of_day, int64_t last_ms, int64_t since_ms);
