/* peak.h - what one core could do at most: operations and bytes a second.
 *
 * Operations are of loops that touch only registers, at the active level (RAGD_SIMD): multiply-adds
 * of f32, pairs of bf16 (vdpbf16ps), fours of bytes (vpdpbusd); a multiply and an add count as two.
 * Nothing that multiplies matrices can be faster; a product that also loads its operands is slower.
 *
 * Threads  confined; a measurement takes some 10 ms; the best of many slices counts.
 */
#pragma once
#include <stddef.h>

enum peak_type { PEAK_F32, PEAK_BF16, PEAK_INT8, PEAK_N };

/* "f32", "bf16", "int8" */
const char *peak_name(enum peak_type type);

/* Operations a second, or 0 where this level or processor has no such instruction. */
double peak_operations(enum peak_type type);

/* Bytes a second of reading n bytes again and again, n at least 4096. */
double peak_bandwidth(size_t n_bytes);
