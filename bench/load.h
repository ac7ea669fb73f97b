/* load.h - many clients of one HTTP server, and how long each had to wait.
 *
 * A class of clients has its own requests, connections and figures. With a rate it is an open loop:
 * requests are due at times that the server has no say in, and wait for a connection when all are
 * busy; a delay counts from when its request was due, so a server that stops for a second is seen
 * by every request of that second, not by one a connection. Without a rate it is a closed loop:
 * each connection asks again as soon as it was answered, and a delay counts from then.
 *
 *        due                 sent              first byte      whole
 *         |--- no connection --|------------------|--------------|     delay: due to whole
 *
 * A request that has no whole reply `timeout_s` after it was due has failed, sent or not, and so
 * has one whose connection breaks; its connection is made anew. Both count in the delays, with the
 * time that was lost. Connections are kept; one that is refused, or closed while nothing is under
 * way on it, is made again after 100 ms.
 *
 * Threads  one, the caller's; load_run returns when all is over.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "delays.h"

#define LOAD_CLASSES_MAX     16
#define LOAD_CONNECTIONS_MAX 20000 /* of all classes */
#define LOAD_STATUSES_MAX    12    /* of one class; further ones count as broken */

struct load_status {
    int status;
    struct delays delays;
    uint64_t n_retry_after; /* replies that had one, in seconds */
    double retry_after_min_s, retry_after_max_s;
};

/* Of requests that were due in the measured time, but for those named otherwise. */
struct load_figures {
    uint64_t n_sent, n_replies;
    uint64_t n_timeout, n_closed, n_broken, n_unsent; /* sent in vain three ways; never sent */
    uint64_t n_refused;                 /* connections not made or closed at rest, at any time */
    uint64_t n_in_time, n_good_in_time; /* whole within the measured time; those with 2xx */
    uint64_t n_bytes_in_time;           /* of the replies, heads too */
    struct delays all, first_byte;      /* all: failures too; first_byte: of the body */
    struct delays late; /* open loop: from due with a connection at rest to sent, our own fault */
    struct load_status *statuses; /* [n_statuses] in the order they were first seen */
    int n_statuses;
};

struct load_class {
    const char *name;
    const struct str *requests; /* [n_requests] whole ones, asked in turn, borrowed */
    size_t n_requests, first;   /* which of them is the first */
    int n_connections;
    double rate;    /* a second; 0: closed loop */
    bool poisson;   /* due at random times of that mean rate, else at equal distances */
    uint64_t n_max; /* requests in all; 0: as many as there is time for */
    struct load_figures figures; /* out; load_done frees */
};

struct load {
    struct sockaddr_in to;
    double warmup_s, seconds; /* requests due in the first do not count */
    double timeout_s;
    long pid; /* of the server, or 0: its processor time is not read */
    uint64_t seed;
    struct load_class *classes;
    int n_classes;
    double took_s; /* out: the measured time, shorter than `seconds` when n_max ended it */
    double cpu_s;  /* out: of the server in that time */
};

/* ERR_IO when the operating system has no room for the connections (not: when they are refused). */
int load_run(struct load *l);
void load_done(struct load *l);
