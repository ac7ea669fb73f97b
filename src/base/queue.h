/* queue.h - bounded queue of pointers between threads, urgent ones first, flows taking turns.
 *
 * Two lanes: QUEUE_URGENT (questions) leaves before QUEUE_BULK (ingest). Each lane has its own
 * bound, so bulk work cannot take the room of questions. Within a lane the flows (a tenant's work
 * is one) take turns, and each has its share of the room (base/fair_queue.h). A full share is an
 * answer (ERR_BUSY), not a longer wait.
 *
 * Threads  locked: any number of producers and consumers.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum queue_lane { QUEUE_URGENT, QUEUE_BULK, N_QUEUE_LANES };

#define QUEUE_NO_FLOW 0 /* nobody's: the process's own work */

struct queue;

struct queue *queue_new(size_t cap_per_lane);
void queue_free(struct queue *q); /* what is still in it is not freed */

/* ERR_BUSY: the flow has no room; ERR_CANCELLED. */
int queue_try_push(struct queue *q, enum queue_lane lane, uint64_t flow, void *item);
/* Of no flow; waits for room. ERR_CANCELLED. */
int queue_push(struct queue *q, enum queue_lane lane, void *item);

/* For an item that was in before and goes to the end of its flow: ERR_OK however full that is, or
 * ERR_CANCELLED. So a lane may be longer than its bound by as many as are taken out and come back.
 */
int queue_put_back(struct queue *q, enum queue_lane lane, uint64_t flow, void *item);

/* Waits for an item; false when the queue is closed and empty. */
bool queue_pop(struct queue *q, void **item);
bool queue_try_pop(struct queue *q, void **item);

/* Nothing more goes in; what is in still comes out. */
void queue_close(struct queue *q);

size_t queue_depth(struct queue *q);

/* How many items leave before the flow has room for one more: 0, there is. */
size_t queue_turns(struct queue *q, enum queue_lane lane, uint64_t flow);
size_t queue_waiting(struct queue *q, enum queue_lane lane); /* in one lane */
