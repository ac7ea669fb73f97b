#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "simd/vec_table.h"
#include "unit/simd/compare.h"

static void check_table(const struct simd *k, const char *name)
{
    for (size_t i = 0; i < N_KERNEL_CHECKS; i++) {
        const struct kernel_check *c = &kernel_checks[i];
        double gap = c->gap(k);

        cr_expect(gap <= c->tolerance, "%s %s: %g is over %g", name, c->name, gap, c->tolerance);
    }
}

static void check_level(enum simd_level level)
{
    if (!simd_level(level))
        cr_skip_test("needs a processor with %s", simd_level_name(level));
    check_table(simd_level(level), simd_level_name(level));
}

Test(simd, plain_c_is_what_the_headers_say)
{
    check_level(SIMD_SCALAR);
}

Test(simd, neon_agrees)
{
    check_level(SIMD_NEON);
}

Test(simd, neondot_agrees)
{
    check_level(SIMD_NEONDOT);
}

Test(simd, avx2_agrees)
{
    check_level(SIMD_AVX2);
}

Test(simd, avxvnni_agrees)
{
    check_level(SIMD_AVXVNNI);
}

Test(simd, avx512_agrees)
{
    check_level(SIMD_AVX512);
}

Test(simd, avx512vnni_agrees)
{
    check_level(SIMD_AVX512VNNI);
}

Test(simd, avx512bf16_agrees)
{
    check_level(SIMD_AVX512BF16);
}

/* Built, although this processor may not run them. */
Test(simd, every_level_of_this_architecture_is_compiled_in)
{
#if defined(__x86_64__)
    cr_expect_eq(simd_avx2.level, SIMD_AVX2);
    cr_expect_eq(simd_avxvnni.level, SIMD_AVXVNNI);
    cr_expect_eq(simd_avx512.level, SIMD_AVX512);
    cr_expect_eq(simd_avx512vnni.level, SIMD_AVX512VNNI);
    cr_expect_eq(simd_avx512bf16.level, SIMD_AVX512BF16);
#elif defined(__aarch64__)
    cr_expect_eq(simd_neon.level, SIMD_NEON);
    cr_expect_eq(simd_neondot.level, SIMD_NEONDOT);
#endif
    cr_expect_not_null(simd_level(SIMD_SCALAR));
}

/* The vector kernels as this file is compiled: one float wide on a plain x86-64. */
Test(simd, vector_kernels_agree_without_vector_instructions)
{
    static const struct simd one_float = VEC_TABLE(SIMD_SCALAR);

    check_table(&one_float, "one float");
    cr_expect_leq(TILE_COLS, MATRIX_PANEL);
    cr_expect_leq(TILE_ROWS, TILE_ROWS_MAX);
}

Test(simd, a_level_knows_its_name)
{
    for (int l = SIMD_SCALAR; l < N_SIMD_LEVELS; l++) {
        const struct simd *k = simd_level((enum simd_level)l);

        cr_expect(!k || (int)k->level == l);
        cr_expect_eq(k != NULL, cpu_has_level((enum simd_level)l));
    }
}

Test(simd, the_best_level_is_chosen)
{
    unsetenv("RAGD_SIMD");
    cr_expect_eq(simd_get()->level, cpu_best_level());
}

Test(simd, a_level_can_be_forced)
{
    setenv("RAGD_SIMD", "scalar", 1);
    cr_expect_eq(simd_get()->level, SIMD_SCALAR);
    setenv("RAGD_SIMD", "auto", 1);
    cr_expect_eq(simd_get()->level, SIMD_SCALAR, "the choice stands");
}

Test(simd, an_unknown_level_stops_the_process)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        setenv("RAGD_SIMD", "mmx", 1);
        close(STDERR_FILENO);
        simd_get();
        _exit(0);
    }
    waitpid(child, &status, 0);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}

Test(simd, attention_scratch_grows_with_the_length_only)
{
    size_t one = simd_attention_scratch(512, 32), two = simd_attention_scratch(1024, 32);

    cr_expect_leq(two, 2 * one);
}
