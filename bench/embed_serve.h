/* embed_serve.h - the encoder as a child that is told what to run, so that it and others take
 * turns.
 *
 * A line in, a line out, on standard input and output; bench/peers/serve.py speaks the same for the
 * others. A reply is "ok ..." or "error WHY"; the first line, unasked, is "ready WORDS".
 *
 *   case NAME N        then N lines, a text each
 *     ok TOKENS PRODUCT_OPERATIONS ATTENTION_OPERATIONS
 *
 *   run NAME TIMES     encodes the case TIMES times
 *     ok WALL:CPU ...  nanoseconds of each
 *
 *   vectors NAME       of the last run
 *     ok N             then N lines of numbers
 *
 *   peak
 *     ok F32 BF16 INT8 operations/s, 0: none
 *
 *   bandwidth BYTES    reading so many, again and again
 *     ok BYTES_PER_SECOND
 *
 * Limits   SERVE_CASES_MAX cases, SERVE_TEXTS_MAX texts a case, SERVE_TIMES_MAX runs a line; a name
 *          has at most 31 letters.
 */
#pragma once
#include <stdio.h>

#include "embed_case.h"

#define SERVE_CASES_MAX 32
#define SERVE_TEXTS_MAX 10000
#define SERVE_TIMES_MAX 1000

/* Answers until `in` ends. */
void embed_serve(struct encoder *en, FILE *in, FILE *out);
