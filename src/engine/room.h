/* room.h - the memory budget (limits.memory): who may still take memory, and what gives it back.
 *
 * Counted is what the process has for itself: not the files that it has mapped (models, index
 * files), which the kernel takes back when it needs them. Beyond the budget documents are refused
 * and answers are not kept; what is asked is answered all the same, from what is there.
 *
 * Whoever finds it used up has memory given back first (half of what the caches hold), at most once
 * a second, so a cache never keeps a document out for long.
 *
 * Threads  locked; a look at /proc at most every ROOM_LOOK_MS.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define ROOM_LOOK_MS    100
#define ROOM_RELEASE_MS 1000

struct room;

/* limit_bytes 0: no budget. `release` frees what can be made again; borrowed until room_free. */
struct room *room_new(size_t limit_bytes, void (*release)(void *arg), void *arg);
void room_free(struct room *r);

bool room_is_short(struct room *r);

/* ERR_NO_SPACE with both figures, when it is. */
int room_check(struct room *r);

/* The same for whoever may not wait, as an event loop: gives nothing back, and is ERR_OK when it is
 * time for that, so that the next room_check does. */
int room_glance(struct room *r);
