/* load_link.h - one connection of a load: a request out, its reply in, again.
 *
 *   DOWN --open--> CONNECTING --LINK_UP--> IDLE --send--> BUSY --LINK_REPLIED--> IDLE
 *     ^----------------LINK_LOST, LINK_BROKEN---------------------------/
 *
 * Threads  confined.
 */
#pragma once
#include <http_parser.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/str.h"

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_IDLE, LINK_BUSY };

enum link_event {
    LINK_NOTHING, /* more has to come */
    LINK_UP,      /* connected */
    LINK_REPLIED, /* the reply is whole; DOWN when the server wants no more on this one */
    LINK_LOST,    /* closed or refused by the other side; DOWN */
    LINK_BROKEN,  /* what came is not HTTP, or more than was asked for; DOWN */
};

struct link_reply {
    int status;             /* 0: no head yet */
    double retry_after_s;   /* below 0: none, or not a number of seconds */
    uint64_t first_byte_ns; /* when the body began, 0: it did not; clock_ns */
    uint64_t n_bytes;       /* head and body */
    bool whole;
};

struct link {
    int fd;
    enum link_state state;
    struct link_reply reply; /* of the last request */
    struct str unsent;       /* of the request, borrowed */
    http_parser parser;
    bool in_retry_after; /* the value of that field comes next */
    bool keep;           /* the other side keeps the connection */

    /* the caller's */
    struct load_client *client;
    uint64_t due_ns; /* of the request under way */
    uint64_t at_ns;  /* IDLE: since when; DOWN: when to open it again */
    bool counted;    /* the request under way is in the measured time */
    TAILQ_ENTRY(link) idle;
};

/* Begins to connect, watched by `epoll` with the link as data. ERR_UNAVAILABLE when it is refused
 * at once, ERR_IO when there is no room for another descriptor; DOWN after either. */
int link_open(struct link *c, const struct sockaddr_in *to, int epoll);
void link_close(struct link *c); /* DOWN; harmless when it is */

/* `request` is borrowed until its end. A failure comes later, as an event. */
void link_send(struct link *c, struct str request);
enum link_event link_on_event(struct link *c, uint32_t events);
