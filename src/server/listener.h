/* listener.h - a bound socket from which a loop takes its connections.
 *
 *   open -> accept while there are some -> no descriptor or memory for one more: rests until tick
 *        -> refuse: takes only those whose handshake has begun
 *        -> close
 *
 * While it rests, those who wait stay in the kernel's queue, unanswered and not reset, and the loop
 * does not turn for nothing; libuv's own listener would accept and close them one by one, and spin
 * when it cannot do even that.
 *
 * Threads  confined to the loop's thread.
 */
#pragma once
#include <stdbool.h>
#include <uv.h>

struct loop;

struct listener {
    uv_poll_t poll;
    struct loop *loop;
    int fd;
    bool local; /* DIR/ragd.sock */
    bool is_open, rests;
};

/* `fd` is bound, and taken. ERR_IO. */
int listener_open(struct listener *x, struct loop *l, int fd, bool local);

/* From now on nobody begins a handshake. Those under way end, and are accepted. Safe when it is not
 * open, and twice. */
void listener_refuse(struct listener *x);

/* All that wait now are accepted first: a listener that closes resets those it still has, and those
 * whose handshake is under way, so it has refused for a while before. Safe when it is not open. */
void listener_close(struct listener *x);

void listener_tick(struct listener *x);
