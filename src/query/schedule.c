#include "query/schedule.h"

#include <time.h>

#define DAY_MS INT64_C(86400000)

int64_t schedule_next(int minute_of_day, int64_t after_ms)
{
    time_t after = (time_t)(after_ms / 1000);
    struct tm day;

    localtime_r(&after, &day);
    for (int i = 0;; i++) {
        struct tm at = {.tm_year = day.tm_year,
                        .tm_mon = day.tm_mon,
                        .tm_mday = day.tm_mday + i,
                        .tm_hour = minute_of_day / 60,
                        .tm_min = minute_of_day % 60,
                        .tm_isdst = -1};
        int64_t ms = (int64_t)mktime(&at) * 1000;

        if (ms > after_ms)
            return ms;
    }
}

int64_t schedule_due(int minute_of_day, int64_t last_ms, int64_t since_ms)
{
    if (last_ms > 0 && since_ms - last_ms > DAY_MS)
        return since_ms;
    if (last_ms - since_ms > DAY_MS) /* the clock was wrong then */
        last_ms = 0;
    return schedule_next(minute_of_day, last_ms > since_ms ? last_ms : since_ms);
}
