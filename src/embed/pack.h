/* pack.h - a model's weights as the kernels read them, in one file beside the model.
 *
 * Packing takes longer than a start may, so it is done once. A pack is a cache: it is made from
 * config.json, model.safetensors and the tokenizer's files, says which those were, and is made
 * anew when it is damaged or they have changed. Without them it is not used.
 *
 *   offset  size  meaning
 *   0       8     "ragdpack"
 *   8       4     0x01020304 in the byte order of the machine that wrote it
 *   12      4     PACK_VERSION
 *   16      16    XXH3-128 (canonical) of everything behind this field
 *   32      4     precision: 0 f32, 1 bf16, 2 int8
 *   36      4x7   hidden, layers, heads, intermediate, vocabulary, positions, token types
 *   64      4     epsilon of the layer norms, float
 *   68      4     n_texts of the quality measured when the pack was made (0: f32, exact)
 *   72      4x2   mean and smallest cosine to f32, float
 *   80      8x3   model.safetensors: size, time of change in ns, inode; the last two are 0 when
 *                 it was so new that it could have changed again unseen
 *   104     16    XXH3-128 of model.safetensors
 *   120     16    XXH3-128 of the small files (embed/model.c)
 *   136     8x3   bytes of the parts: cold, hot, tokenizer
 *   160     4     labels: 0 an encoder, 1 a cross-encoder
 *   164     92    0
 *   256           cold: word vectors and positions, of which a text needs few rows
 *                 hot: norms and matrices, all of which every text needs
 *                 tokenizer: wordpiece_freeze
 *
 * Each part begins on a 64-byte line; what is between them is 0. embed/bert_layout.h has the order
 * within cold and hot, simd/matrix.h that within a matrix.
 *
 * Memory   opened: cold and tokenizer are mapped, so that only rows in use are resident; hot is
 *          read onto large pages, because through small ones a question of 12 tokens takes a fifth
 *          longer. New: all of it on large pages.
 * Files    are replaced, never changed in place: whoever cuts one that is mapped stops the process
 *          that reads it there.
 * Threads  immutable once opened or filled.
 * Errors   of pack_open: ERR_NOT_FOUND; ERR_UNSUPPORTED for another version or machine;
 *          ERR_FORMAT for any damage.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/pages.h"
#include "base/str.h"
#include "embed/bert_config.h"
#include "simd/matrix.h"

/* A new one with every change of the table, of the order within the parts, of the panels, and of
 * what the quality is measured with (embed/quality.c, the kernels). */
#define PACK_VERSION 1

/* XXH3-128 in its canonical order. It guards against damage, not against somebody who may write
 * to the model's folder: he could change the model. */
struct hash128 {
    uint8_t b[16];
};

struct hash128 hash128_of(const void *p, size_t n);
bool hash128_eq(const struct hash128 *a, const struct hash128 *b);

/* How near to f32 the vectors are. */
struct quality {
    uint32_t n_texts; /* 0: not measured, f32 */
    float mean, smallest;
};

/* What a pack was made from. */
struct pack_source {
    uint64_t size, changed_ns, inode; /* of model.safetensors */
    struct hash128 weights;
    struct hash128 small_files;
};

struct pack_facts {
    enum precision precision;
    struct bert_config config;
    struct quality quality;
    struct pack_source source;
    size_t cold_bytes, hot_bytes, tokenizer_bytes;
};

struct pack {
    struct pack_facts facts;
    const void *cold, *hot;
    struct str tokenizer;
    struct file_map map; /* the file; empty when all is in `pages` */
    struct pages pages;  /* hot, or the whole pack */
};

/* A pack in memory, zeroed, with places for the parts that the facts tell; the caller fills them.
 */
void pack_new(struct pack *out, const struct pack_facts *facts);

/* Opens and checks a file. Whether it is of the right model is the caller's to compare. */
int pack_open(struct pack *out, const char *path);

/* Writes the pack with its present facts, whole or not at all; two writers at once both succeed. */
int pack_write(const struct pack *p, const char *path);

void pack_close(struct pack *p);

/* Bytes of the file. */
size_t pack_bytes(const struct pack *p);

/* Bytes that are resident when every row has been used: all but the padding. */
size_t pack_memory_bytes(const struct pack *p);
