/* follow.h - ingest --watch: what changes is ingested until somebody says stop.
 *
 * Threads  confined.
 */
#pragma once
#include "ingest/ingest.h"
#include "ingest/watch.h"
#include "server/server.h"

struct follow {
    struct engine *engine;
    const struct command_call *call;
    struct watch *watch; /* of all paths */
    const char *const *paths;
    size_t n_paths;
    const struct ingest_options *options;
    bool quiet; /* --json: nothing is said until the end */
    /* After a pass that changed something; may be NULL. */
    int (*changed)(void *arg);
    void *arg;
};

/* Adds what each pass did to the report, and says it. A pass that fails is told; what
 * may pass is tried again after a while; ERR_NOT_FOUND when a folder is gone. ERR_OK when the call
 * is cancelled or the server ends. */
int follow_changes(const struct follow *f, struct ingest_report *total);
