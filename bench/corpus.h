/* corpus.h - as many sentences with vectors as a benchmark wants, the same in every run.
 *
 * The first are real, from the folder that scripts/bench-data makes; without it, and beyond them,
 * they are made of numbers from a fixed seed:
 *
 *   vector  two real ones (without the folder: two centres of chance) in unequal parts and a little
 *           noise, so that there are neighbours near and far as among sentences
 *   text    12 to 27 words of a vocabulary of 100,000 by Zipf's law, a third of them from the few
 *           hundred that belong to its first part, so that words and vectors agree
 *
 * Questions are the folder's; without it, some words and the vector of a sentence that is not
 * there.
 *
 * Shapes   vectors f32 [CORPUS_DIM], unit length.
 * Threads  immutable.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define CORPUS_DIM  384
#define CORPUS_SEED 20

struct corpus;

/* `dir` as scripts/bench-data left it; NULL, or a folder without READY-100k: all is made. */
int corpus_open(struct corpus **out, const char *dir);
void corpus_close(struct corpus *c);

size_t corpus_real(const struct corpus *c); /* how many are real */

/* Sentence i, any i: appended to `text`; its vector into `vector` [CORPUS_DIM], the caller's. */
void corpus_text(const struct corpus *c, uint64_t i, struct buf *text);
void corpus_vector(const struct corpus *c, uint64_t i, float *vector);

/* Question i, any i (they come again); likewise. */
void corpus_question(const struct corpus *c, uint64_t i, struct buf *text, float *vector);
