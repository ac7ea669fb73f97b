/* peers.h - how many connections each address has open (limits.connections_per_address).
 *
 * An address is an IPv4 address, or the /64 of an IPv6 one: whoever has one address of those has
 * them all.
 *
 * Memory   an entry an address that has a connection.
 * Threads  locked.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct peers;

struct peer {
    uint8_t b[8];
    bool counted;
};

struct peers *peers_new(int64_t max);
void peers_free(struct peers *p); /* NULL is fine */

/* One more of this address, however many it has: *out is for peers_leave. False: it is over the
 * bound now. What is neither IPv4 nor IPv6 is not counted. */
bool peers_enter(struct peers *p, const struct sockaddr *from, struct peer *out);
void peers_leave(struct peers *p, const struct peer *peer); /* one that is not counted is fine */
