/* adapter.h - a matrix that turns a question's vector towards the passages that answer it.
 *
 * Fitted to pairs of question and document (embed/adapter_fit.h), applied to questions only: the
 * vectors of documents, and with them store and index, stay as they are. Adapting both sides was
 * tried: MRR@10 of documents that the fit had not seen 0.500 instead of 0.493 (tatqa-dev, plain
 * 0.428), 0.625 instead of 0.627 (cfr-dev), and every vector would have to be written again.
 *
 * File     little-endian, written whole.
 *
 *     offset    size        is
 *     0         8           "ragdadap"
 *     8         4           version, 1
 *     12        4           dim
 *     16        32          fingerprint of the encoder that it is for
 *     48        8           collection (the store's id, never given twice)
 *     56        8           when, milliseconds of the wall clock
 *     64        4           questions that it was fitted to
 *     68        4           zero
 *     72        16          by vectors alone: MRR@10 without and with it, recall@10 the same, f32
 *     88        16          hybrid: the same
 *     104       4 dim dim   the matrix, a row for each number of the result, f32
 *     end - 8   8           XXH3-64 of all before
 *
 * Shapes   vectors are [dim], of length 1 before and after.
 * Threads  immutable and counted.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"

#define ADAPTER_DIM_MAX 4096

struct adapter;

/* What it did to questions that the fit it is judged by had not seen; shares from 0 to 1. */
struct adapter_effect {
    float mrr_before, mrr_after, recall_before, recall_after; /* at 10, of documents */
};

struct adapter_origin {
    struct digest model;
    int64_t collection;
    int64_t fitted_ms;
    uint32_t n_questions;
    struct adapter_effect vector, hybrid;
};

/* weights [dim, dim], borrowed. */
struct adapter *adapter_new(const struct adapter_origin *origin, const float *weights, size_t dim);
struct adapter *adapter_ref(struct adapter *a);
void adapter_unref(struct adapter *a); /* NULL is fine */

const struct adapter_origin *adapter_origin(const struct adapter *a);
size_t adapter_dim(const struct adapter *a);

/* What it is known by: model and matrix. */
const struct digest *adapter_fingerprint(const struct adapter *a);

/* out [dim] = the matrix times v [dim], of length 1; v itself should nothing be left of it. They
 * may not overlap. */
void adapter_apply(const struct adapter *a, const float *v, float *out);

/* Appends the bytes of the file. */
void adapter_write(const struct adapter *a, struct buf *out);

/* ERR_FORMAT telling what is wrong with the bytes; `name` stands in the message. */
int adapter_read(struct adapter **out, struct str bytes, const char *name);
