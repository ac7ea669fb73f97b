/* fuzz_numbers.c - numbers in prose: in order, inside the text, finite; each is what it says. */
#include <math.h>

#include "fuzz/fuzz.h"
#include "generate/numbers.h"

#define NUMBERS_MAX 64

FUZZ_TARGET(numbers)
{
    struct str text = fuzz_utf8(in, mem);
    struct number found[NUMBERS_MAX];
    size_t n = numbers_find(text, found, NUMBERS_MAX);
    struct number_setting setting = numbers_setting(text);
    uint32_t at = 0;

    FUZZ_TRUE(n <= NUMBERS_MAX && setting.n_scales <= 3);
    for (size_t i = 0; i < n; i++) {
        const struct number *v = &found[i];

        FUZZ_TRUE(v->span.start >= at && v->span.start < v->span.end && v->span.end <= text.n);
        FUZZ_TRUE(isfinite(v->value) && isfinite(v->bare) && v->value >= 0);
        FUZZ_TRUE(isfinite(v->step) && v->step >= 0);
        FUZZ_TRUE(number_said(v, v, &setting));
        (void)number_is_year(v);
        at = v->span.end;
    }
}
