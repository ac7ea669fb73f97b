#include "base/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/err.h"

static const char *const level_names[N_SIMD_LEVELS] = {
    "scalar", "neon", "neondot", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16"};

#if defined(__x86_64__)
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

/* Leaf 7.1, EAX bit 4. The builtin of clang before 18 does not know the name. */
static bool has_avxvnni(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;

    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

/* The builtin asks XGETBV too, so a system that does not save the registers counts as "no". */
bool cpu_has_level(enum simd_level level)
{
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool vnni = has_avx512() && __builtin_cpu_supports("avx512vnni");

    switch (level) {
    case SIMD_SCALAR: return true;
    case SIMD_AVX2: return avx2;
    case SIMD_AVXVNNI: return avx2 && has_avxvnni();
    case SIMD_AVX512: return has_avx512();
    case SIMD_AVX512VNNI: return vnni;
    case SIMD_AVX512BF16: return vnni && __builtin_cpu_supports("avx512bf16");
    default: return false;
    }
}
#elif defined(__aarch64__)
bool cpu_has_level(enum simd_level level)
{
    if (level == SIMD_NEONDOT)
        return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
    return level == SIMD_SCALAR || level == SIMD_NEON; /* part of the base architecture */
}
#else
bool cpu_has_level(enum simd_level level)
{
    return level == SIMD_SCALAR;
}
#endif

enum simd_level cpu_best_level(void)
{
    enum simd_level best = SIMD_SCALAR;

    for (int l = SIMD_SCALAR; l < N_SIMD_LEVELS; l++)
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
    for (int l = SIMD_SCALAR; l < N_SIMD_LEVELS; l++) {
        if (strcmp(wish, level_names[l]) != 0)
            continue;
        if (!cpu_has_level((enum simd_level)l))
            return FAIL(ERR_UNSUPPORTED,
                        "RAGD_SIMD=%s: this processor does not have it; the best is %s", wish,
                        level_names[cpu_best_level()]);
        *out = (enum simd_level)l;
        return ERR_OK;
    }
    return FAIL(
        ERR_ARGUMENT,
        "RAGD_SIMD=%s: must be auto, scalar, avx2, avxvnni, avx512, avx512vnni, avx512bf16, "
        "neon or neondot",
        wish);
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
