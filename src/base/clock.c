#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct timespec clock_until(int ms_from_now)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms_from_now / 1000;
    t.tv_nsec += ms_from_now % 1000 * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    return t;
}

int64_t clock_wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* n digits and what follows them; every log line has a time, so printf is too slow. */
static char *put(char *out, int n, int v, char after)
{
    for (int i = n - 1; i >= 0; i--, v /= 10)
        out[i] = (char)('0' + v % 10);
    out[n] = after;
    return out + n + 1;
}

#define SECOND_BYTES 20 /* "2026-03-01T12:30:05." */

static void put_second(time_t s, char *out)
{
    struct tm tm;

    gmtime_r(&s, &tm);
    out = put(out, 4, tm.tm_year + 1900, '-');
    out = put(out, 2, tm.tm_mon + 1, '-');
    out = put(out, 2, tm.tm_mday, 'T');
    out = put(out, 2, tm.tm_hour, ':');
    out = put(out, 2, tm.tm_min, ':');
    put(out, 2, tm.tm_sec, '.');
}

/* A thread's lines are mostly of the second of the line before. */
void clock_iso(int64_t wall_ms, char out[CLOCK_ISO_BYTES])
{
    static _Thread_local struct {
        bool known;
        time_t s;
        char text[SECOND_BYTES];
    } last;
    int64_t ms = ((wall_ms % 1000) + 1000) % 1000;
    time_t s = (time_t)((wall_ms - ms) / 1000);

    if (!last.known || last.s != s) {
        put_second(s, last.text);
        last.known = true;
        last.s = s;
    }
    memcpy(out, last.text, SECOND_BYTES);
    *put(out + SECOND_BYTES, 3, (int)ms, 'Z') = '\0';
}

/* Exactly n digits at *s; moves on. */
static int digits(const char **s, const char *end, int n, int *out)
{
    int v = 0;

    for (int i = 0; i < n; i++, (*s)++) {
        if (*s >= end || **s < '0' || **s > '9')
            return ERR_FORMAT;
        v = v * 10 + (**s - '0');
    }
    *out = v;
    return ERR_OK;
}

static int literal(const char **s, const char *end, char c)
{
    if (*s >= end || **s != c)
        return ERR_FORMAT;
    (*s)++;
    return ERR_OK;
}

/* ".5", ".123", ".123456": milliseconds, the rest cut. */
static int fraction(const char **s, const char *end, int64_t *ms)
{
    int rc = ERR_OK, digit;
    int64_t unit = 100;

    TRY(literal(s, end, '.'));
    do {
        TRY(digits(s, end, 1, &digit));
        *ms += unit * digit;
        unit /= 10;
    } while (*s < end && **s >= '0' && **s <= '9');
out:
    return rc;
}

/* "Z", "+hh:mm" or nothing. */
static int zone(const char **s, const char *end, int *minutes)
{
    int rc = ERR_OK, h = 0, m = 0, sign;

    *minutes = 0;
    if (*s == end)
        return ERR_OK;
    if (**s == 'Z') {
        (*s)++;
        return ERR_OK;
    }
    if (**s != '+' && **s != '-')
        return ERR_FORMAT;
    sign = **s == '-' ? -1 : 1;
    (*s)++;
    TRY(digits(s, end, 2, &h));
    TRY(literal(s, end, ':'));
    TRY(digits(s, end, 2, &m));
    if (h > 23 || m > 59)
        return ERR_FORMAT;
    *minutes = sign * (h * 60 + m);
out:
    return rc;
}

/* Days since 1970-01-01 of a proleptic Gregorian date, and back: exact for every year here. */
static int64_t days_of(int y, int m, int d)
{
    struct tm tm = {.tm_year = y - 1900, .tm_mon = m - 1, .tm_mday = d};

    return (int64_t)timegm(&tm) / 86400;
}

static int days_in_month(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[m - 1] + (m == 2 && ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0));
}

int clock_parse_iso(const char *s, size_t n, int64_t *wall_ms)
{
    int rc = ERR_OK, y, mo, d, h = 0, mi = 0, se = 0, off = 0;
    const char *end = s + n;
    int64_t ms = 0;

    TRY(digits(&s, end, 4, &y));
    TRY(literal(&s, end, '-'));
    TRY(digits(&s, end, 2, &mo));
    TRY(literal(&s, end, '-'));
    TRY(digits(&s, end, 2, &d));
    if (mo < 1 || mo > 12 || d < 1 || d > days_in_month(y, mo))
        return ERR_FORMAT;
    if (s < end && (*s == 'T' || *s == ' ')) {
        s++;
        TRY(digits(&s, end, 2, &h));
        TRY(literal(&s, end, ':'));
        TRY(digits(&s, end, 2, &mi));
        if (s < end && *s == ':') {
            s++;
            TRY(digits(&s, end, 2, &se));
        }
        if (s < end && *s == '.')
            TRY(fraction(&s, end, &ms));
        TRY(zone(&s, end, &off));
    }
    if (s != end || h > 23 || mi > 59 || se > 60)
        return ERR_FORMAT;
    *wall_ms = (((days_of(y, mo, d) * 24 + h) * 60 + mi - off) * 60 + se) * 1000 + ms;
out:
    return rc;
}
