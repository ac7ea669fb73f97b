/* access_log.h - a line for each request, never with what was asked.
 *
 *   {"time":"...","level":"info","event":"request","method":"POST","route":"/query","status":200,
 *    "ms":0.123,"bytes_in":41,"bytes_out":1530,"request_id":"...","trace_id":"...",
 *    "tenant":"default","key":"web","cache":"hit"}
 *
 * trace_id where the request is of a trace that is recorded or that others know of, key (its name)
 * where one was shown, cache where it is a question. The same form as base/log.h, but it is the one
 * line that every cached reply pays for: what it shares with the line before (the second, route and
 * status; the caller) is copied, and lines wait for each other (server/loop.h).
 *
 * Threads  confined to the loop.
 */
#pragma once
#include <stdint.h>
#include <time.h>

#include "base/buf.h"

struct caller;
struct request;
struct route;

#define ACCESS_LOG_HEAD_BYTES 192

struct access_log {
    struct buf lines; /* to be written by access_log_flush */
    /* All below is access_log.c's. */
    int64_t wall_offset_ns; /* from clock_ns to 1970; of the last flush */
    struct {
        time_t second;
        const struct route *route;
        struct str method;
        int status;
        char text[ACCESS_LOG_HEAD_BYTES]; /* [n]: up to the milliseconds that it took */
        size_t n;                         /* 0: nothing is kept */
    } head;
    struct {
        int64_t key;
        struct buf tenant; /* with its NUL */
        struct buf text;   /* "tenant" and "key" */
    } caller;
};

void access_log_init(struct access_log *l);
void access_log_done(struct access_log *l); /* writes what waits */

/* Adds the line of a request that was answered at `end_ns`; nothing when LOG_INFO is not wanted. */
void access_log_add(struct access_log *l, const struct request *r, uint64_t end_ns);

void access_log_flush(struct access_log *l);
