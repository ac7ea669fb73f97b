/* jobs.h - work that a client does not wait for: queued, run, told, kept for a while.
 *
 *   queued -> running -> done | failed | cancelled
 *         \-> cancelled
 *
 * A scope is who asked (a key): others' jobs are not there for it. Bounds and turns are a tenant's,
 * however many keys it has: its jobs run one after another, those of JOBS_THREADS tenants beside
 * each other, so that nobody's long one holds up all. In memory: a restart forgets them, and what
 * was committed stays.
 *
 * Limits   JOBS_WAITING jobs and JOBS_WAITING_BYTES of what they hold, a half of each for one
 *          tenant; JOBS_KEPT ended ones, JOBS_KEPT_TENANT a tenant; JOBS_REFUSED_BYTES of
 *          refusals a job (all are counted).
 * Threads  locked; `run` is called on a thread of ours, of low priority.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define JOBS_THREADS       2
#define JOBS_WAITING       32
#define JOBS_WAITING_BYTES (256u << 20)
#define JOBS_KEPT          256
#define JOBS_KEPT_TENANT   64
#define JOBS_REFUSED_BYTES 65536
#define JOB_ID_BYTES       40 /* "job_", 32 hex digits, NUL */

struct job;
struct jobs;
struct ingest_report;

struct job_work {
    int (*run)(struct job *job, void *arg); /* ERR_CANCELLED when it stopped because it was told */
    void (*free)(void *arg);                /* after it, or instead */
    void *arg;
    size_t total; /* documents or files */
    size_t bytes; /* what it holds while it waits */
};

struct jobs *jobs_new(void);
/* Nothing more begins; what runs is told to stop and waited for. Afterwards jobs_add fails. */
void jobs_stop(struct jobs *js);
void jobs_free(struct jobs *js);

/* Takes the work, also when it fails: ERR_BUSY over the bounds, ERR_CANCELLED after jobs_stop. */
int jobs_add(struct jobs *js, const char *tenant, struct str scope, const struct job_work *w,
             char id[JOB_ID_BYTES]);

/* After ERR_BUSY: in how many milliseconds one may leave the queue; a guess, by what jobs took
 * lately, or the one that runs has taken so far. */
int64_t jobs_room_ms(struct jobs *js);

/* The job as a JSON object. *ended: nothing of it will change. ERR_NOT_FOUND. */
int jobs_write(struct jobs *js, struct str scope, struct str id, struct buf *out, bool *ended);
/* {"jobs":[...]}, newest first, without their lists of refusals. */
void jobs_list(struct jobs *js, struct str scope, struct buf *out);
/* A running one stops between two documents; one that has ended stays as it is. ERR_NOT_FOUND. */
int jobs_cancel(struct jobs *js, struct str scope, struct str id);

/* ---- for `run` ---- */

const atomic_bool *job_cancel(const struct job *job);
/* `done` of the total is settled, and the report says how. It only grows from one call to the next
 * within a job; skipped counts as refused. */
void job_tell(struct job *job, size_t done, const struct ingest_report *report);
