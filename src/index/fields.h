/* fields.h - the words that a chunk is found by, field by field.
 *
 *   names    the document's title and what its metadata says of it ("Amcor", "10k", 2023): one
 *            chunk of a filing does not say whose it is
 *   heading  "Lending limits" above, "15 percent of capital" in the text
 *   text     the chunk's own
 *
 * Names and heading stand there twice, so that a word of theirs counts for two (BM25 counts what
 * it sees). Measured on the filings of finbench: the pages with the evidence are found in the right
 * filing for 0.53 of the questions instead of 0.46 (docs/quality.md).
 *
 * Threads  free of state.
 */
#pragma once
#include "base/buf.h"
#include "store/store.h"

/* In the order in which they stand in a sequence of index/bm25.h. */
enum field {
    FIELD_NAMES,
    FIELD_NAMES_AGAIN,
    FIELD_HEADING,
    FIELD_HEADING_AGAIN,
    FIELD_TEXT,
    N_FIELDS,
};

/* A longer value of the metadata is a text, not a name. */
#define FIELDS_VALUE_MAX 100 /* bytes */
#define FIELDS_NAMES_MAX 500 /* bytes of all values; the rest is left out */

/* Appends the title and, a line each, the strings and whole numbers of the metadata, those in lists
 * and objects too. Metadata that is no JSON object adds nothing. */
void fields_names(const struct document_row *doc, struct buf *out);
