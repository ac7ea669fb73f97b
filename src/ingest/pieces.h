/* pieces.h - a document as a row of pieces that a chunk is made of.
 *
 * A piece is a sentence, a heading, a row of a table, or a part of a sentence that is too long for
 * the model. It lies on one page and in one section, and knows its tokens, so that packing pieces
 * into chunks is adding numbers. Tokens of pieces add up exactly because pieces end where the
 * tokenizer splits anyway (white space, CJK); a cut inside a word is counted again.
 *
 * Threads  confined.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "extract/extract.h"
#include "text/tokens.h"

/* A heading path is for a human's eye and the word index; longer ones are cut here. */
#define PIECES_PATH_MAX  400
#define PIECES_DEPTH_MAX 16

struct piece {
    uint32_t start, end;           /* bytes in the text */
    uint32_t char_start, char_end; /* the same in characters */
    uint32_t n_tokens;
    uint32_t section; /* index in pieces.sections */
    int32_t page;
    bool heading;
};

struct section {
    int32_t level; /* 0: before the first heading */
    struct str path;
};

struct piece_limits {
    size_t max_tokens; /* no piece has more */
    size_t max_chars;
};

struct pieces {
    struct piece *v;
    size_t n, cap;
    struct section *sections;
    size_t n_sections, cap_sections;
};

/* tokenizer NULL: tokens are guessed. Paths in `mem`; pieces_done gives the arrays back. */
void pieces_of(const struct extracted *doc, const struct piece_limits *limits,
               const struct wordpiece *tokenizer, struct arena *mem, struct pieces *out);
void pieces_done(struct pieces *p);
