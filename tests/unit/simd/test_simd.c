#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "simd/vec_attention.h"
#include "simd/vec_dot.h"
#include "simd/vec_gemm.h"
#include "simd/vec_rows.h"
#include "unit/simd/compare.h"

static void check_table(const struct simd *k, const char *name)
{
    for (size_t i = 0; i < N_KERNEL_CHECKS; i++) {
        const struct kernel_check *c = &kernel_checks[i];
        double gap = c->gap(k);

        cr_expect(gap <= c->tolerance, "%s %s: %g is over %g", name, c->name, gap, c->tolerance);
    }
}

Test(simd, every_level_agrees_with_plain_c)
{
    for (int l = SIMD_SCALAR; l <= SIMD_AVX512; l++)
        if (simd_level((enum simd_level)l))
            check_table(simd_level((enum simd_level)l), simd_level_name((enum simd_level)l));
    cr_expect_not_null(simd_level(SIMD_SCALAR));
}

/* The vector kernels as this file is compiled: one float wide on a plain x86-64. */
Test(simd, vector_kernels_agree_without_vector_instructions)
{
    static const struct simd one_float = {
        .dot = vec_dot,
        .dot_rows = vec_dot_rows,
        .dot_rows_i8 = vec_dot_rows_i8,
        .add = vec_add,
        .gemm = vec_gemm,
        .gelu = vec_gelu,
        .add_norm = vec_add_norm,
        .attention = vec_attention,
    };

    check_table(&one_float, "one float");
    cr_expect_leq(TILE_COLS, SIMD_PANEL);
}

Test(simd, a_level_knows_its_name)
{
    for (int l = SIMD_SCALAR; l <= SIMD_AVX512; l++) {
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
