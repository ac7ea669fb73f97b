/* conn.h - one connection, and the request that is being answered on it.
 *
 *   HEAD  bytes go through the gate                      deadline: receive_s after the first byte
 *   BODY  as many bytes as Content-Length said           deadline: the route's
 *   BUSY  a handler has the request; what arrives waits in `waiting` (pipelining), ungated
 *   LINGER  reply sent, our side shut; the rest is thrown away so that the reply is not lost
 *   CLOSED  waits for libuv to let go
 *
 * Threads  confined to the loop's thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/buf.h"
#include "server/loop.h"

struct conn;

/* ---- for the loop ---- */

/* `fd` is taken. */
void conn_accept(struct loop *l, int fd, bool local);
/* Looks at deadlines and streams; drops what is idle when draining. */
void conn_tick(struct conn *c);
void conn_abort(struct conn *c); /* closes now */
/* The server cannot wait for the request's end any more: a stream ends with an error, any other is
 * answered 503. False: there is none, or its handler has no such end. */
bool conn_end_request(struct conn *c);
struct conn *conn_next(const struct conn *c);

/* ---- for exchange.c ---- */

/* Sends bytes, now or as the socket takes them; `b` is emptied. */
void conn_send(struct conn *c, struct buf *b);
/* The same of [n] pieces, which are borrowed: what does not go out at once is copied. */
#define CONN_PIECES_MAX 4
void conn_send_pieces(struct conn *c, const struct str *pieces, size_t n);
size_t conn_unsent(const struct conn *c);
/* The request is answered: go on with the next one, or close. */
void conn_answered(struct conn *c, bool keep_alive);
