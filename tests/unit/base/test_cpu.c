#include "base/cpu.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

Test(cpu, scalar_is_everywhere_and_the_best_is_there)
{
    cr_expect(cpu_has_level(SIMD_SCALAR));
    cr_expect(cpu_has_level(cpu_best_level()));
    cr_expect(!(cpu_has_level(SIMD_NEON) && cpu_has_level(SIMD_AVX2)));
}

Test(cpu, the_environment_chooses)
{
    enum simd_level level = SIMD_AVX512;

    setenv("RAGD_SIMD", "scalar", 1);
    cr_expect_eq(cpu_chosen_level(&level), ERR_OK);
    cr_expect_eq(level, SIMD_SCALAR);
    for (const char *const *w = (const char *const[]){"", "auto", NULL}; *w; w++) {
        setenv("RAGD_SIMD", *w, 1);
        cr_expect_eq(cpu_chosen_level(&level), ERR_OK);
        cr_expect_eq(level, cpu_best_level());
    }
}

Test(cpu, an_unknown_or_missing_level_is_refused)
{
    enum simd_level level = SIMD_SCALAR;

    setenv("RAGD_SIMD", "mmx", 1);
    cr_expect_eq(cpu_chosen_level(&level), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), "mmx"));
    setenv("RAGD_SIMD", cpu_has_level(SIMD_NEON) ? "avx2" : "neon", 1);
    cr_expect_eq(cpu_chosen_level(&level), ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(err_text(), simd_level_name(cpu_best_level())));
}

Test(cpu, has_a_name_and_processors)
{
    cr_expect_gt(strlen(cpu_model_name()), 0);
    cr_expect_null(strchr(cpu_model_name(), '\n'));
    cr_expect_geq(cpu_count(), 1);
}
