/* tokens.h - the tokens of a text, counted or, where the model's tokenizer is not here, guessed.
 *
 * A model on another machine has its tokenizer there. The guess is meant to be too high rather
 * than too low: a token for every three bytes of a word, for each punctuation mark, and for each
 * character of three bytes (CJK and its like; two for one of four). English comes to about a
 * token and a half for each of WordPiece. Guessed tokens, like real ones, end at white space and
 * around CJK, so those of two pieces cut there add up.
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>

#include "base/str.h"
#include "text/wordpiece.h"

/* Appends all tokens with their bytes; w NULL: guessed, their ids mean nothing. */
void tokens_all(const struct wordpiece *w, struct str text, struct tokens *out);

size_t tokens_count(const struct wordpiece *w, struct str text);

/* The text up to the end of its `max`th token; all of it when there are no more than that. */
struct str tokens_first(const struct wordpiece *w, struct str text, size_t max);
