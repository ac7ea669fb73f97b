#include "base/digits.h"

#include <string.h>

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static int count_digits(uint64_t v)
{
    int n = 1;

    for (; v >= 100; v /= 100)
        n += 2;
    return v >= 10 ? n + 1 : n;
}

/* The last n decimal digits of v before `end`, two at a time: a reply has a dozen numbers. */
static void put_digits(char *end, uint64_t v, int n)
{
    for (; n >= 2; n -= 2, v /= 100) {
        end -= 2;
        memcpy(end, pairs + 2 * (v % 100), 2);
    }
    if (n > 0)
        end[-1] = (char)('0' + v % 10);
}

char *put_u64(char *p, uint64_t v)
{
    int n = count_digits(v);

    put_digits(p + n, v, n);
    return p + n;
}

static const uint64_t powers[] = {1,
                                  10,
                                  100,
                                  1000,
                                  10000,
                                  100000,
                                  1000000,
                                  10000000,
                                  100000000,
                                  1000000000,
                                  (uint64_t)1e10,
                                  (uint64_t)1e11,
                                  (uint64_t)1e12,
                                  (uint64_t)1e13,
                                  (uint64_t)1e14,
                                  (uint64_t)1e15,
                                  (uint64_t)1e16,
                                  (uint64_t)1e17,
                                  (uint64_t)1e18,
                                  (uint64_t)1e19};

char *put_fixed(char *p, uint64_t v, int places)
{
    uint64_t whole = v < powers[places] ? 0 : v / powers[places]; /* mostly 0, of milliseconds */
    char *end = put_u64(p, whole);

    *end++ = '.';
    end += places;
    put_digits(end, v - whole * powers[places], places);
    while (end[-1] == '0')
        end--;
    return end - (end[-1] == '.');
}
