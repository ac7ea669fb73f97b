#include "query/schedule.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

static void zone(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

/* 2026-06-10T00:00:00Z */
static const int64_t midnight = INT64_C(1781049600000);

Test(schedule, next_is_later_today_or_else_tomorrow)
{
    zone("UTC0");
    cr_expect_eq(schedule_next(180, midnight), midnight + 3 * HOUR);
    cr_expect_eq(schedule_next(180, midnight + 3 * HOUR - 1), midnight + 3 * HOUR);
    cr_expect_eq(schedule_next(180, midnight + 3 * HOUR), midnight + 3 * HOUR + DAY);
    cr_expect_eq(schedule_next(0, midnight), midnight + DAY);
    cr_expect_eq(schedule_next(23 * 60 + 59, midnight), midnight + DAY - 60000);
}

Test(schedule, the_time_is_local)
{
    zone("EST5"); /* it is 19:00 of the day before */
    cr_expect_eq(schedule_next(20 * 60, midnight), midnight + HOUR);
    cr_expect_eq(schedule_next(180, midnight), midnight + 8 * HOUR);
}

Test(schedule, a_day_on_which_clocks_change_has_it_once)
{
    struct tm at = {.tm_year = 126, .tm_mon = 2, .tm_mday = 29, .tm_isdst = -1};
    int64_t day, first;

    zone("CET-1CEST,M3.5.0,M10.5.0/3");
    day = (int64_t)mktime(&at) * 1000; /* the day has no 02:30 */
    first = schedule_next(150, day);
    cr_expect_geq(first, day + HOUR);
    cr_expect_leq(first, day + 3 * HOUR);
    cr_expect_eq(schedule_next(150, first), day + 23 * HOUR + 150 * 60000, "02:30 of the next day");
    at = (struct tm){.tm_year = 126, .tm_mon = 9, .tm_mday = 25, .tm_isdst = -1};
    day = (int64_t)mktime(&at) * 1000; /* the day has it twice */
    first = schedule_next(150, day);
    cr_expect_eq(schedule_next(150, first), day + 25 * HOUR + 150 * 60000);
}

Test(schedule, a_missed_time_is_made_up_for_when_the_last_is_more_than_a_day_ago)
{
    int64_t now = midnight + 12 * HOUR;

    zone("UTC0");
    cr_expect_eq(schedule_due(180, now - DAY - 1, now), now);
    cr_expect_eq(schedule_due(180, now - DAY, now), midnight + DAY + 3 * HOUR);
    cr_expect_eq(schedule_due(180, now - 9 * HOUR, now), midnight + DAY + 3 * HOUR);
}

Test(schedule, who_never_did_it_waits_for_the_time)
{
    zone("UTC0");
    cr_expect_eq(schedule_due(180, 0, midnight), midnight + 3 * HOUR);
}

Test(schedule, what_was_done_is_not_done_again_when_the_clock_is_set_back)
{
    zone("UTC0");
    cr_expect_eq(schedule_due(180, midnight + 3 * HOUR, midnight), midnight + DAY + 3 * HOUR);
}

/* The clock was wrong then, and nothing is put off until it would be right. */
Test(schedule, a_last_time_that_is_far_ahead_counts_as_none)
{
    zone("UTC0");
    cr_expect_eq(schedule_due(180, midnight + 10 * DAY, midnight), midnight + 3 * HOUR);
    cr_expect_eq(schedule_due(180, INT64_MAX, midnight), midnight + 3 * HOUR);
    cr_expect_eq(schedule_due(180, midnight + 4 * HOUR, midnight), midnight + DAY + 3 * HOUR,
                 "by less than a day it may be another clock's");
}
