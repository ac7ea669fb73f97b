/* clock.h - two clocks: one that only goes forward, one that people read. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <time.h>

uint64_t clock_ns(void);     /* monotonic, nanoseconds */
int64_t clock_wall_ms(void); /* since 1970, UTC */

static inline double clock_ms_since(uint64_t start_ns)
{
    return (double)(clock_ns() - start_ns) / 1e6;
}

/* What pthread_cond_timedwait takes, of a condition on CLOCK_MONOTONIC. */
struct timespec clock_until(int ms_from_now);

/* "2026-03-01T12:30:05.123Z"; out holds at least 25 bytes. */
#define CLOCK_ISO_BYTES 25
void clock_iso(int64_t wall_ms, char out[CLOCK_ISO_BYTES]);

/* Reads "2026-03-01", "2026-03-01T12:30:05Z", with fraction or +hh:mm too, into ms since 1970.
 * ERR_FORMAT when it is none of these. */
int clock_parse_iso(const char *s, size_t n, int64_t *wall_ms);
