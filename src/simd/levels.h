/* levels.h - the tables that simd.c chooses from. Only those of this architecture exist. */
#pragma once
#include "simd/simd.h"

extern const struct simd simd_avx2;
extern const struct simd simd_avxvnni;
extern const struct simd simd_avx512;
extern const struct simd simd_avx512vnni;
extern const struct simd simd_avx512bf16;
extern const struct simd simd_neon;
extern const struct simd simd_neondot;
