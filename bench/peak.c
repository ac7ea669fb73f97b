#include "peak.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "simd/simd.h"

/* Independent sums: two multiply-adds a cycle that take four or five cycles need eight to ten, and
 * with their operand they fit the sixteen registers of AVX2. */
#define N_SUMS 12

/* The best of many slices of less than a millisecond: on a busy machine some are left alone. */
#define N_ROUNDS 50000
#define N_SLICES 24
#define N_READ   (16u << 20) /* bytes that a slice reads, or the whole once */

#define EACH_SUM(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

static double per_second(double n, uint64_t start_ns)
{
    return n * 1e9 / (double)(clock_ns() - start_ns);
}

/* ---- registers only ---- */

/* What the compiler does not know it cannot leave out: `sum` is changed here. */
#if defined __aarch64__
#define CHANGED(sum) __asm__ volatile("" : "+w"(sum))
#else
#define CHANGED(sum) __asm__ volatile("" : "+x"(sum))
#endif

typedef float vec4 __attribute__((vector_size(16)));

/* Any processor: 128 bits, by the compiler. */
static double f32_base(void)
{
    vec4 sum[N_SUMS] = {{0}}, x = {1e-8f}, y = x;
    uint64_t start = clock_ns();

    for (long i = 0; i < N_ROUNDS; i++) {
#define STEP(j)                                                                                    \
    sum[j] += x * y;                                                                               \
    CHANGED(sum[j]);
        CHANGED(x);
        EACH_SUM(STEP)
#undef STEP
    }
    return per_second(2.0 * 4 * N_SUMS * N_ROUNDS, start);
}

#ifdef __x86_64__
typedef float vec8 __attribute__((vector_size(32)));
typedef float vec16 __attribute__((vector_size(64)));

/* The instruction is written out because gcc 12 has no flag for all of these processors, and its
 * intrinsics for the byte product spill the sums. */
#define STEP(j) __asm__ volatile(OPERATION " %1, %1, %0" : "+v"(sum[j]) : "v"(x));
#define LOOP(name, level, vec, per_operation)                                                      \
    __attribute__((target(level))) static double name(void)                                        \
    {                                                                                              \
        vec sum[N_SUMS] = {{0}}, x = {0};                                                          \
        uint64_t start = clock_ns();                                                               \
                                                                                                   \
        for (long i = 0; i < N_ROUNDS; i++) {                                                      \
            EACH_SUM(STEP)                                                                         \
        }                                                                                          \
        return per_second((double)(per_operation)*N_SUMS * N_ROUNDS, start);                       \
    }

#define OPERATION "vfmadd231ps"
LOOP(f32_avx2, "avx2,fma", vec8, 2 * 8)
LOOP(f32_avx512, "avx512f", vec16, 2 * 16)
#undef OPERATION
#define OPERATION "vdpbf16ps"
LOOP(bf16_avx512, "avx512f", vec16, 2 * 32)
#undef OPERATION
#define OPERATION "vpdpbusd"
LOOP(int8_avx512, "avx512f", vec16, 2 * 64)
#undef OPERATION
#define OPERATION "%{vex%} vpdpbusd"
LOOP(int8_avxvnni, "avx2", vec8, 2 * 32)
#undef OPERATION
#undef STEP

static double x86_operations(enum simd_level level, enum peak_type type)
{
    if (type == PEAK_F32)
        return level >= SIMD_AVX512 ? f32_avx512() : level >= SIMD_AVX2 ? f32_avx2() : f32_base();
    if (type == PEAK_BF16)
        return level >= SIMD_AVX512BF16 ? bf16_avx512() : 0;
    if (level >= SIMD_AVX512VNNI)
        return int8_avx512();
    return level == SIMD_AVXVNNI ? int8_avxvnni() : 0;
}
#endif

const char *peak_name(enum peak_type type)
{
    static const char *const names[PEAK_N] = {"f32", "bf16", "int8"};

    return names[type];
}

static double slice_operations(enum peak_type type)
{
#ifdef __x86_64__
    return x86_operations(simd_get()->level, type);
#else
    return type == PEAK_F32 ? f32_base() : 0;
#endif
}

double peak_operations(enum peak_type type)
{
    double best = 0;

    for (int i = 0; i < N_SLICES; i++) {
        double rate = slice_operations(type);

        best = rate > best ? rate : best;
    }
    return best;
}

/* ---- reading ---- */

#define LINE 64

typedef uint64_t line16 __attribute__((vector_size(16), may_alias));

/* Eight sums, so that no addition waits for another; 16 bytes at a time are as fast as the caches
 * beyond the first can give. */
#define READ(name, vec, attributes)                                                                \
    attributes static void name(const char *p, size_t n)                                           \
    {                                                                                              \
        vec sum[8] = {{0}};                                                                        \
                                                                                                   \
        for (; n; n -= 8 * LINE, p += 8 * LINE)                                                    \
            for (size_t i = 0; i < 8; i++)                                                         \
                for (size_t j = 0; j < LINE; j += sizeof(vec))                                     \
                    sum[i] ^= *(const vec *)(p + i * LINE + j);                                    \
        for (size_t i = 0; i < 8; i++)                                                             \
            __asm__ volatile("" : : "m"(sum[i]));                                                  \
    }

READ(read_base, line16, )
#ifdef __x86_64__
typedef uint64_t line32 __attribute__((vector_size(32), may_alias));
typedef uint64_t line64 __attribute__((vector_size(64), may_alias));
READ(read_avx2, line32, __attribute__((target("avx2"), optimize("O3"))))
READ(read_avx512, line64, __attribute__((target("avx512f"), optimize("O3"))))
#endif

static void read_once(const char *p, size_t n)
{
#ifdef __x86_64__
    if (simd_get()->level >= SIMD_AVX512) {
        read_avx512(p, n);
        return;
    }
    if (simd_get()->level >= SIMD_AVX2) {
        read_avx2(p, n);
        return;
    }
#endif
    read_base(p, n);
}

static double slice_bandwidth(const char *p, size_t n)
{
    size_t n_times = N_READ / n + 1;
    uint64_t start = clock_ns();

    for (size_t i = 0; i < n_times; i++)
        read_once(p, n);
    return per_second((double)n * (double)n_times, start);
}

double peak_bandwidth(size_t n_bytes)
{
    size_t n = n_bytes / (8 * LINE) * (8 * LINE);
    char *p = mem_alloc_aligned(n);
    double best = 0;

    CHECK(n > 0);
    memset(p, 1, n);
    read_once(p, n);
    for (int i = 0; i < N_SLICES / 2; i++) {
        double rate = slice_bandwidth(p, n);

        best = rate > best ? rate : best;
    }
    mem_free(p);
    return best;
}
