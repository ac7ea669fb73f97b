/* fuzz_guard.c - two questions, then an acronym and what it is short for: a question means what it
 * means, and the guard decides the same both ways round. */
#include "cache/guard.h"
#include "fuzz/fuzz.h"

static struct guard *guard;

FUZZ_TARGET(guard)
{
    struct str one = fuzz_part(&in), two = fuzz_part(&in);
    struct str brief = fuzz_part(&in), full = fuzz_part(&in);
    struct guard_acronym known = {brief, full};
    size_t n_known = brief.n && full.n;
    struct guard_form *a, *b, *again;
    struct guard_verdict ab, ba, self;

    FUZZ_ONCE(guard = guard_new());
    a = guard_prepare(guard, one, &known, n_known, mem);
    again = guard_prepare(guard, one, &known, n_known, mem);
    b = guard_prepare(guard, two, &known, n_known, mem);
    FUZZ_TRUE(guard_form_bytes(a) == guard_form_bytes(again));
    FUZZ_TRUE(guard_form_key(a) == guard_form_key(again));
    self = guard_compare(guard, a, again, mem);
    ab = guard_compare(guard, a, b, mem);
    ba = guard_compare(guard, b, a, mem);
    FUZZ_TRUE(ab.same == ba.same && ab.reason && ba.reason);
    FUZZ_TRUE(ab.same == !*ab.reason);
    if (self.same && str_eq(one, two))
        FUZZ_TRUE(ab.same);
}
