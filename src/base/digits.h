/* digits.h - numbers as decimal text, into room that is there already: for lines that every reply
 * pays for. Nothing is terminated; what is returned is the end.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdint.h>

#define U64_DIGITS   20
#define FIXED_DIGITS (U64_DIGITS + 2)

/* At most U64_DIGITS bytes. */
char *put_u64(char *p, uint64_t v);

/* v / 10^places, places 1..19, without zeros at its end: 1500 with 3 is "1.5". At most FIXED_DIGITS
 * bytes, counting those that are taken back. */
char *put_fixed(char *p, uint64_t v, int places);
