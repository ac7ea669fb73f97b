/* fair_queue.h - items that wait, of several flows that take turns.
 *
 *   flow A  a1 a2 a3 a4        leave as  a1 b1 c1 a2 b2 a3 a4
 *   flow B  b1 b2              a flow that comes stands last in the round
 *   flow C  c1
 *
 * A flow is whoever the work is for, as a number. Each item costs the same, so a turn is one item
 * (deficit round robin with a quantum of one): whoever comes waits for one item of each other flow
 * for every item of its own before it, however many theirs are. Within a flow, and so with one flow
 * alone, first in is first out.
 *
 * A flow has room while it holds fewer than `cap` divided by the flows that wait, itself counted.
 * So one alone may fill it all; and what it holds then is not in the way of the next one, which
 * gets its share at once and not when there is room. All of n flows together hold at most
 * cap * (1 + ln n) and one each.
 *
 * Threads  confined (base/queue.h has the lock).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fair_queue;

struct fair_queue *fair_queue_new(size_t cap);
void fair_queue_free(struct fair_queue *q); /* what is still in it is not freed */

/* How many of the flow must leave before it has room for one more; 0: it has. */
size_t fair_queue_excess(const struct fair_queue *q, uint64_t flow);

/* To the end of its flow, whether that has room or not. */
void fair_queue_add(struct fair_queue *q, uint64_t flow, void *item);

/* The next one; false: nothing waits. */
bool fair_queue_take(struct fair_queue *q, void **item);

size_t fair_queue_depth(const struct fair_queue *q); /* of all flows */
size_t fair_queue_flows(const struct fair_queue *q); /* those that wait */
