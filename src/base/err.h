/* err.h - error codes, and the reason behind the last one.
 *
 * Every function that can fail returns ERR_OK, a count, or a negative ERR_*. FAIL() keeps a
 * sentence for a human beside the code; TRY() passes both up. Whoever answers a human (a route, a
 * command) prints err_text() once; code below returns errors and does not log them.
 *
 * Threads  the text belongs to the thread that failed. A job that changes threads copies it
 *          (err_text) and sets it again on the other side (err_set).
 * Limits   a text is cut at ERR_TEXT_MAX bytes. What is quoted in it and is no text shows as '?',
 *          a control character as a blank.
 */
#pragma once
#include <stdarg.h>

enum {
    ERR_OK = 0,
    ERR_IO = -1,           /* the operating system refused */
    ERR_FORMAT = -2,       /* bytes that are not what they should be */
    ERR_ARGUMENT = -3,     /* the caller asked for something that does not exist or is ill-typed */
    ERR_LIMIT = -4,        /* over a named limit */
    ERR_NOT_FOUND = -5,    /* no such document, collection, file */
    ERR_EXISTS = -6,       /* clashes with what is there */
    ERR_BUSY = -7,         /* a queue is full, the folder has another owner */
    ERR_TIMEOUT = -8,      /* a deadline passed */
    ERR_CANCELLED = -9,    /* nobody waits for the result any more */
    ERR_DATABASE = -10,    /* SQLite failed */
    ERR_UNAVAILABLE = -11, /* a part (model, helper, upstream) is not there */
    ERR_GONE = -12,        /* a row vanished between search and fetch: run again */
    ERR_UNSUPPORTED = -13, /* known, but not in this version */
    ERR_NO_SPACE = -14,    /* disk or memory budget is used up */
    ERR_SYSTEM = -15,      /* a bug of ours that was caught */
    ERR_FORBIDDEN = -16,   /* there, or not, but not for whoever asks */
    ERR_MISMATCH = -17,    /* the name was given to something else before */
};

#define ERR_TEXT_MAX 1024

/* A sentence that may quote bytes of a damaged file, or of somebody who would move a terminal's
 * cursor: what is no UTF-8 becomes '?', control characters but line feed and tab become spaces.
 * err_set does it. */
void err_make_readable(char *s);

/* Keeps the sentence and returns `code`, so that `return FAIL(...)` reads as one thing. */
int err_set(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the sentence that is there; returns `code`. */
int err_context(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The sentence of this thread's last failure; "" before the first one. Borrowed until the next. */
const char *err_text(void);

/* A short stable word for a code: "io", "format", "limit", ... */
const char *err_name(int code);

#define FAIL(code, ...) err_set((code), __VA_ARGS__)

/* Needs `int rc` and a label `out:`. Leaves rc alone on success, counts included. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        int try_rc_ = (expr);                                                                      \
        if (try_rc_ < 0) {                                                                         \
            rc = try_rc_;                                                                          \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)
