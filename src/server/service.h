/* service.h - what all parts of the server share.
 *
 * Threads  fields are immutable after server_new unless they are atomic.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

#include "server/gate.h"
#include "server/metrics.h"
#include "server/server.h"

struct engine;
struct exporter;
struct idempotency;
struct jobs;
struct loop;
struct peers;
struct pool;

struct service {
    struct engine *engine;
    struct server_options options;
    struct gate_limits gate_tcp, gate_local;
    struct metrics *metrics;
    struct exporter *exporter; /* of traces; NULL: none are sent */
    struct pool *io;           /* what waits for the writer or reads the database */
    struct jobs *jobs;
    struct idempotency *idempotency;
    struct loop *loops;
    int n_loops;
    struct peers *peers; /* NULL: addresses have no bound of their own */
    atomic_int stopping; /* how often it was asked to: 1 drains, more is at once */
    atomic_int n_connections;
    atomic_int n_commands; /* running for other processes */
};
