/* thread.h - threads without which a part cannot work at all.
 *
 * When the system gives none, the process stops with a message, as when memory runs out (mem.h):
 * whoever would have been told could not be served either. Where fewer threads will do, or a
 * request can be refused, pthread_create is called and its error told instead.
 *
 * Threads  free of state.
 */
#pragma once
#include <pthread.h>

#define THREAD_STOP_CODE 70 /* the exit code, mem.h's too */

/* Name: what the system shows of it, cut at 15 bytes; NULL: the program's. */
void thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg);
