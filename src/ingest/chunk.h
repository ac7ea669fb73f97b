/* chunk.h - cuts a document's text into chunks that the model can see whole.
 *
 * A chunk is a run of whole sentences of about `chars` characters (UTF-8 characters, not bytes),
 * begins at a heading where there is one near, repeats at most `overlap` characters of the one
 * before (whole sentences of the same section and page), and never has more tokens than the model
 * takes, counted by its tokenizer (or guessed, text/tokens.h): 9 to 22 % of plain 1,000-character
 * windows of filings exceed it and their tails would be invisible.
 *
 *   heading    starts a chunk when the one before has half its size, or when the section above it
 *              ends; small sections of one parent share a chunk; never the last line of one
 *   few words  before a heading (a twelfth of a chunk, no heading among them) go with that heading
 *   section's  tail of a fifth of a chunk goes with what is before it instead of standing alone
 *   sentence   longer than the model's limit or two chunks: cut between words, in equal parts
 *   row        of a table: a sentence; a cut table keeps its head row in the first part only
 *   page       no chunk has text of two pages, so that a source names the page it is on
 *
 * Every character that is not white space is in a chunk, chunks are in order, and the same text
 * and settings give the same chunks.
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "extract/extract.h"

struct wordpiece;

#define CHUNK_CHARS_MAX         100000
#define CHUNK_TOKENS_MIN        16 /* a model that takes fewer is none we can use */
#define CHUNKS_PER_DOCUMENT_MAX 100000

struct chunk_settings {
    size_t chars; /* 0: the whole document is one chunk however long; the model sees its start */
    size_t overlap;
    size_t max_tokens; /* of the model, with [CLS], [SEP] and the document prefix taken off */
};

struct chunk {
    uint32_t start, end; /* bytes in the document's text; end > start */
    int32_t page;        /* 0 when there are no pages */
    struct str heading;  /* "Part > Section" where the chunk begins, or of the heading that its few
                          * first words go with; in `mem`, "" when none */
};

/* ERR_ARGUMENT or ERR_LIMIT for settings that cannot be. */
int chunk_settings_check(const struct chunk_settings *s);

/* tokenizer NULL: tokens are guessed. Chunks in `mem`; none for a text of white space. ERR_LIMIT
 * over CHUNKS_PER_DOCUMENT_MAX. */
int chunk_document(const struct extracted *doc, const struct chunk_settings *s,
                   const struct wordpiece *tokenizer, struct arena *mem, struct chunk **out,
                   size_t *n);
