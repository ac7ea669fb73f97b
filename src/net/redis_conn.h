/* redis_conn.h - one connection to a Redis: a command out, its reply in, within a time.
 *
 * hiredis connects, writes and reads the protocol; the waiting is ours, because its time-outs are
 * of single reads: a server that sends a byte now and then would hold its caller for ever.
 *
 * Replies  a text, a number, a status, nothing, or an error of the server's. Lists are refused
 *          before they take memory: no command here has one. REDIS_VALUE_MAX bytes at most.
 * Errors   ERR_UNAVAILABLE, which names the server, never the password. The connection is then of
 *          no more use, but for an error that the server told.
 * Threads  confined: one thread at a time.
 * Limits   a host's name is looked up by the system's resolver, in its own time; an address is not.
 */
#pragma once
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "net/redis.h"
#include "net/redis_url.h"

struct redis_conn;

/* Connects, logs in, chooses the database. `shown` is what messages call it; both are borrowed for
 * the connection's life. until_ms: of clock_ns, in milliseconds. */
int redis_conn_open(struct redis_conn **out, const struct redis_url *url, const char *shown,
                    int64_t until_ms);
void redis_conn_close(struct redis_conn *c);

/* Sends the words and reads what comes back; freeReplyObject gives it back. An error that the
 * server told is a reply, too (REDIS_REPLY_ERROR). */
int redis_conn_call(struct redis_conn *c, const struct str *words, size_t n, int64_t until_ms,
                    redisReply **out);

/* Whether it can be used again: still open, and nothing has come that nobody asked for. */
bool redis_conn_is_idle(struct redis_conn *c);

int64_t redis_now_ms(void); /* the clock of until_ms */
