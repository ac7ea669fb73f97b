/* The kernel checks without a test framework: linked statically for 64-bit ARM and run under
 * qemu-user by `make test-neon`. Speaks TAP. */
#include <stdio.h>

#include "unit/simd/compare.h"

int main(void)
{
    const enum simd_level levels[] = {SIMD_SCALAR, SIMD_NEON, SIMD_NEONDOT};
    const size_t n_levels = sizeof levels / sizeof *levels;
    int n_failed = 0, n = 0;

    printf("1..%zu\n", n_levels * N_KERNEL_CHECKS);
    for (size_t l = 0; l < n_levels; l++) {
        const struct simd *k = simd_level(levels[l]);

        for (size_t i = 0; i < N_KERNEL_CHECKS; i++) {
            const struct kernel_check *c = &kernel_checks[i];
            double gap = k ? c->gap(k) : HUGE_VAL;
            int ok = gap <= c->tolerance;

            printf("%s %d - neon::%s: %s (%g, at most %g)\n", ok ? "ok" : "not ok", ++n,
                   simd_level_name(levels[l]), c->name, gap, c->tolerance);
            n_failed += !ok;
        }
    }
    return n_failed != 0;
}
