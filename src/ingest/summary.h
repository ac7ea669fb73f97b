/* summary.h - what a document is about, in its own words: its central sentences.
 *
 * A sentence is central when its vector is near the mean of all sentences of the document; each
 * further one must be less like those chosen already (summary.c has the weights). They stand in
 * the order of the text, about SUMMARY_CHARS of them together, behind the document's title: that
 * names what the sentences take for granted. Of 44 questions about 18 filings the right one was
 * among ten chosen for 39 with the title and for 32 without. The vectors are those that the chunks
 * were embedded with, so a summary costs one call of the encoder, for itself.
 *
 * Headings, labels, rows of tables and sentences of figures are none of it. A document that has
 * nothing else, or SUMMARY_CHUNKS_MIN chunks or fewer, has no summary: it is found by its chunks.
 *
 * A language model's summary, where one is configured, takes its place later (model_summaries.h).
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "store/store.h"

#define SUMMARY_CHUNKS_MIN 8
#define SUMMARY_CHARS      700 /* bytes; what a sentence model reads well within its window */

#define SUMMARY_READ 12000 /* bytes of a document that a language model reads; 3000 tokens */

/* The summary of a document of n chunks with their vectors [n], "Title: One sentence. Another.",
 * or "" when there is none. title may be "". In `mem`. */
struct str summary_of(struct str title, const struct chunk_row *chunks,
                      const struct vector_row *vectors, size_t n, size_t dim, struct arena *mem);

/* As such a summary begins. */
struct str summary_titled(struct str title, struct str text, struct arena *mem);

/* The parts of a document that stand for it when no more than `most` bytes can be read, 300 at
 * least: all of it when it fits, else its beginning and its central sentences, a line each; where
 * sentences have no vectors, pieces at even distances. In `mem` or of text. */
struct str summary_excerpt(struct str text, const struct chunk_row *chunks,
                           const struct vector_row *vectors, size_t n, size_t dim, size_t most,
                           struct arena *mem);
