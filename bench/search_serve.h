/* search_serve.h - an index as a child that is told what to run, so that it and others take turns.
 *
 * A line in, a line out, on standard input and output; bench/peers/serve_search.py speaks the same
 * for the others. A reply is "ok ..." or "error WHY"; the first line, unasked, is "ready WORDS".
 * Files are those of scripts/bench-data; a turn is "WALL:CPU" in nanoseconds over all queries, one
 * after the other.
 *
 *   vectors, on one thread but for building
 *     base FILE N THREADS        the first N rows     ok TURN BYTES (resident, a vector)
 *     open                       from a file          ok NS
 *     queries NAME FILE EXACT    as many as EXACT has ok N
 *     allow FILE                 a filter             ok
 *     run NAME EF TIMES                               ok RECALL TURN ...
 *     run-allowed NAME EF TIMES  walking the graph    ok RECALL TURN ...
 *     scan-allowed NAME TIMES    by a scan            ok RECALL TURN ...
 *   words, from the question's text to the ten best rows
 *     texts FILE N               the first N lines    ok TURN
 *     questions FILE GOLD                             ok N
 *     run TIMES                                       ok GOLD_IN_TEN WALL:CPU:P50:P99 ...
 *
 * Limits   SERVE_SETS_MAX names of queries, SERVE_TIMES_MAX runs a line.
 * Threads  confined.
 */
#pragma once
#include <stdio.h>

#define SERVE_SETS_MAX  8
#define SERVE_TIMES_MAX 1000
#define SERVE_PATH_MAX  4095
#define SERVE_K         10

/* Answers one line: writes what comes after "ok" to `out`, or fails. */
typedef int (*serve_fn)(void *state, const char *line, FILE *out);

/* Answers until `in` ends. */
void search_serve(serve_fn answer, void *state, FILE *in, FILE *out);

struct serve_vectors *serve_vectors_new(void);
void serve_vectors_free(struct serve_vectors *v);
int serve_vectors_answer(void *state, const char *line, FILE *out);

struct serve_words *serve_words_new(void);
void serve_words_free(struct serve_words *w);
int serve_words_answer(void *state, const char *line, FILE *out);

/* A stretch of time by both clocks. */
struct stretch {
    unsigned long long wall, cpu;
};
struct stretch stretch_begin(void);
struct stretch stretch_since(struct stretch begin);
