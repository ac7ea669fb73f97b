#include "base/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static const char *const level_names[] = {"scalar", "neon", "avx2", "avx512"};

bool cpu_has_level(enum simd_level level)
{
    if (level == SIMD_SCALAR)
        return true;
#if defined(__x86_64__)
    /* gcc's builtin asks XGETBV too, so a system that does not save the registers counts as "no" */
    if (level == SIMD_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (level == SIMD_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    return false;
#elif defined(__aarch64__)
    return level == SIMD_NEON; /* part of the base architecture */
#else
    return false;
#endif
}

enum simd_level cpu_best_level(void)
{
    enum simd_level best = SIMD_SCALAR;

    for (int l = SIMD_SCALAR; l <= SIMD_AVX512; l++)
        if (cpu_has_level((enum simd_level)l))
            best = (enum simd_level)l;
    return best;
}

int cpu_chosen_level(enum simd_level *out)
{
    const char *wish = getenv("RAGD_SIMD");

    if (!wish || !*wish || strcmp(wish, "auto") == 0) {
        *out = cpu_best_level();
        return ERR_OK;
    }
    for (int l = SIMD_SCALAR; l <= SIMD_AVX512; l++) {
        if (strcmp(wish, level_names[l]) != 0)
            continue;
        if (!cpu_has_level((enum simd_level)l))
            return FAIL(ERR_UNSUPPORTED,
                        "RAGD_SIMD=%s: this processor does not have it; the best is %s", wish,
                        level_names[cpu_best_level()]);
        *out = (enum simd_level)l;
        return ERR_OK;
    }
    return FAIL(ERR_ARGUMENT, "RAGD_SIMD=%s: must be auto, scalar, neon, avx2 or avx512", wish);
}

const char *simd_level_name(enum simd_level level)
{
    return level_names[level];
}

static char model_name[128] = "unknown processor";

static void read_model_name(void)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");

    if (!f)
        return;
    while (fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(model_name, sizeof model_name, "%.100s", colon + 2);
        break;
    }
    fclose(f);
}

const char *cpu_model_name(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, read_model_name);
    return model_name;
}

int cpu_count(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}
