/* safetensors.h - the checkpoint file: a JSON header and the tensors, mapped.
 *
 *   offset  size
 *   0       8     length n of the header, little-endian
 *   8       n     {"name": {"dtype": "F32", "shape": [384, 384], "data_offsets": [from, to]}, ...}
 *   8+n           the tensors, row-major, little-endian, without gaps or overlaps
 *
 * The header is not trusted: every length, shape and offset is checked against the file before a
 * tensor is handed out, and the offsets together must cover the file exactly, so that a cut file
 * is refused when it is opened and not met when it is used.
 *
 * Memory   the file is mapped; tensors point into the mapping.
 * Threads  immutable.
 * Limits   SAFETENSORS_HEADER_MAX, SAFETENSORS_TENSORS_MAX, SAFETENSORS_RANK_MAX: ERR_LIMIT.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

#define SAFETENSORS_HEADER_MAX  (8u << 20)
#define SAFETENSORS_TENSORS_MAX 16384u
#define SAFETENSORS_RANK_MAX    8u

struct safetensors;

enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_OTHER };

struct tensor {
    const char *name; /* borrowed from the file's index */
    enum dtype dtype;
    const char *dtype_name;
    size_t rank;
    size_t shape[SAFETENSORS_RANK_MAX];
    size_t n;                  /* elements */
    const unsigned char *data; /* in the mapping; any alignment */
    size_t n_bytes;
};

int safetensors_open(struct safetensors **out, const char *path);
void safetensors_close(struct safetensors *st);

/* NULL when there is none of that name. */
const struct tensor *safetensors_find(const struct safetensors *st, const char *name);

size_t safetensors_count(const struct safetensors *st);

/* The whole file, for its digest. */
struct file_map safetensors_bytes(const struct safetensors *st);

/* The elements of a F32, F16 or BF16 tensor as floats.
 *   out  [t->n]  the caller's
 * ERR_UNSUPPORTED, naming the tensor, for any other type. */
int tensor_read(const struct tensor *t, float *out);

/* The elements where they lie, or NULL when they are not aligned floats. */
const float *tensor_in_place(const struct tensor *t);
