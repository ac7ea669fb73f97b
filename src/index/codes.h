/* codes.h - unit vectors as bytes: a quarter of the memory, and integers instead of floats.
 *
 *   code    128 + round(x * 127/clip), within 1..255; clip is 4.5/sqrt(dim)
 *   query   round(x * 64/largest), within -64..64
 *   cosine  about unit * sum((code - 128) * query)
 *
 * Components of a unit vector have a root mean square of 1/sqrt(dim), so the clip needs no data and
 * the codes of all segments compare. Codes end at a multiple of 64 bytes; the bytes behind a vector
 * are 128 and the query's 0, which add nothing.
 *
 * A query has seven bits because with AVX2 (simd/vec_codes.h) eight would overflow or take half as
 * many instructions again; the sum is the same integer at every level. Its error has a standard
 * deviation of sqrt((clip/127)^2 + (largest/64)^2) / sqrt(12), about 0.0009 to 0.0014 at 384
 * dimensions: the rounding of either is uniform over a step and meets the other's unit length.
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Bytes of a vector's code: dim rounded up to a multiple of 64. */
size_t codes_stride(size_t dim);

/* v [dim] of length 1 -> out [codes_stride(dim)]. Returns the length of what the clip cut off, 0
 * for most vectors. */
float codes_encode(const float *v, size_t dim, uint8_t *out);

struct codes_query {
    const int8_t *bytes; /* [codes_stride(dim)], the caller's */
    int32_t bias;        /* as the kernels want it (simd.h) */
    float unit;          /* cosine of a sum of 1 */
    float error;         /* standard deviation of a cosine from its exact value */
    float largest;       /* |component| of the query: bounds what a clipped code can miss */
};

/* room [codes_stride(dim)] holds the query's bytes as long as it is used. */
struct codes_query codes_query(const float *v, size_t dim, int8_t *room);

/* The query of a vector of which there is but the code, at a scale that all codes share: sums of
 * different queries compare. */
float codes_unit(size_t dim); /* the unit of all of these */
struct codes_query codes_query_of(const uint8_t *code, size_t dim, int8_t *room);
