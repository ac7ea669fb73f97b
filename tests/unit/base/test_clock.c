#include "base/clock.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"

static int64_t parse(const char *s)
{
    int64_t ms = -1;

    cr_expect_eq(clock_parse_iso(s, strlen(s), &ms), ERR_OK, "%s", s);
    return ms;
}

Test(clock, only_goes_forward)
{
    uint64_t a = clock_ns(), b = clock_ns();

    cr_expect_leq(a, b);
    cr_expect_geq(clock_ms_since(a), 0);
    cr_expect_gt(clock_wall_ms(), 1700000000000);
}

Test(clock, reads_dates_and_times)
{
    cr_expect_eq(parse("1970-01-01"), 0);
    cr_expect_eq(parse("2026-03-01T12:30:05Z"), 1772368205000);
    cr_expect_eq(parse("2026-03-01 12:30:05"), 1772368205000);
    cr_expect_eq(parse("2026-03-01T12:30Z"), 1772368200000);
    cr_expect_eq(parse("2026-03-01T12:30:05.123456Z"), 1772368205123);
    cr_expect_eq(parse("2026-03-01T12:30:05.5Z"), 1772368205500);
    cr_expect_eq(parse("2026-03-01T14:30:05+02:00"), 1772368205000);
    cr_expect_eq(parse("2026-03-01T07:00:05-05:30"), 1772368205000);
    cr_expect_eq(parse("2024-02-29"), 1709164800000);
    cr_expect_lt(parse("1969-12-31"), 0);
}

Test(clock, refuses_what_is_no_date)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-3-1",
        "2026-13-01",
        "2026-02-29",
        "2026-04-31",
        "2026-01-00",
        "2026-01-01T24:00",
        "1900-02-29",
        "2026-01-01x",
        "2026-01-01T12:60",
        "2026-01-01T12:00+0200",
        "2026-01-01T",
        "2026-01-01T12",
        "2026-01-01T12:00:00Z ",
        "2026-01-01T12:00+99:99",
        "2026-01-01T12:00:00.Z",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms = 42;

        cr_expect_eq(clock_parse_iso(bad[i], strlen(bad[i]), &ms), ERR_FORMAT, "%s", bad[i]);
        cr_expect_eq(ms, 42, "untouched");
    }
}

Test(clock, writes_what_it_reads)
{
    char text[CLOCK_ISO_BYTES];

    clock_iso(1772368205123, text);
    cr_expect_str_eq(text, "2026-03-01T12:30:05.123Z");
    cr_expect_eq(parse(text), 1772368205123);
    clock_iso(0, text);
    cr_expect_str_eq(text, "1970-01-01T00:00:00.000Z");
    clock_iso(-1, text);
    cr_expect_str_eq(text, "1969-12-31T23:59:59.999Z");
}

Test(clock, until_is_a_time_of_the_monotonic_clock_with_whole_nanoseconds)
{
    for (int ms = 0; ms < 5000; ms += 333) {
        uint64_t before = clock_ns();
        struct timespec t = clock_until(ms);
        uint64_t at = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;

        cr_expect_lt(t.tv_nsec, 1000000000L);
        cr_expect_geq(at, before + (uint64_t)ms * 1000000u);
        cr_expect_leq(at, clock_ns() + (uint64_t)ms * 1000000u);
    }
}

Test(clock, one_moment_after_another_is_written_right)
{
    static const int64_t moments[] = {
        0, 999, 1000, -1, 1772368205123, 1772368205124, 1772368206000};
    static const char *const texts[] = {
        "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.999Z", "1970-01-01T00:00:01.000Z",
        "1969-12-31T23:59:59.999Z", "2026-03-01T12:30:05.123Z", "2026-03-01T12:30:05.124Z",
        "2026-03-01T12:30:06.000Z",
    };
    char text[CLOCK_ISO_BYTES];

    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        clock_iso(moments[i], text);
        cr_expect_str_eq(text, texts[i]);
    }
}
