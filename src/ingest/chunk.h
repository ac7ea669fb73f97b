/* chunk.h - cuts a document's text into chunks that the model can see whole.
 *
 * A chunk is a run of whole sentences of about `chars` characters, begins at a heading where there
 * is one near, repeats about `overlap` characters of the one before (whole sentences), and never
 * has more tokens than the model takes, counted by its tokenizer: 9 to 22 % of plain
 * 1,000-character windows of filings exceed it and their tails would be invisible. A sentence
 * longer than that is cut between words. Rows of a table are not split; a table that is cut keeps
 * its head row only in the first part. Chunks do not cross pages by more than their overlap: page
 * is where the chunk's first byte lies.
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "ingest/extract.h"

struct wordpiece;

#define CHUNK_CHARS_MAX         100000
#define CHUNKS_PER_DOCUMENT_MAX 100000

struct chunk_settings {
    size_t chars; /* 0: the whole document is one chunk (cut at CHUNK_CHARS_MAX never) */
    size_t overlap;
    size_t max_tokens; /* of the model, with [CLS], [SEP] and the document prefix taken off */
};

struct chunk {
    uint32_t start, end; /* bytes in the document's text */
    int32_t page;        /* 0 when there are no pages */
    struct str heading;  /* "Part > Section", in `mem` */
};

int chunk_document(const struct extracted *doc, const struct chunk_settings *s,
                   const struct wordpiece *tokenizer, struct arena *mem, struct chunk **out,
                   size_t *n);
