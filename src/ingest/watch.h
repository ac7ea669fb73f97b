/* watch.h - which files below some folders have changed since (inotify).
 *
 *   kernel -> events -> changed paths -> quiet for WATCH_QUIET_MS -> watch_wait says so
 *
 * A file counts when it was closed after writing, renamed, linked, removed, or its permissions
 * changed; one that is still being written does not, so nothing is read half. Hidden names and
 * kinds that are not read count for nothing, as in ingest/walk.h. New folders are watched with all
 * that is in them. When the kernel has dropped events, everything counts as changed.
 *
 * Limits   the kernel's: fs.inotify.max_user_watches folders (ERR_LIMIT names it), 128 instances;
 *          WATCH_CHANGES_MAX paths at a time, beyond them everything counts as changed. Changes
 *          made by another machine (NFS) are not told by the kernel.
 * Threads  confined; watch_changed from any thread while nobody is in watch_wait or watch_forget.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define WATCH_QUIET_MS    300
#define WATCH_LONGEST_MS  5000 /* where it is never quiet */
#define WATCH_CHANGES_MAX 100000

struct watch;

int watch_open(struct watch **out);
void watch_close(struct watch *w);

/* A folder with all that is in it, or one file. Call it before the first look at them, so that no
 * change falls between. ERR_NOT_FOUND, ERR_IO, ERR_LIMIT. */
int watch_add(struct watch *w, const char *path);
size_t watch_count(const struct watch *w); /* folders */

/* Waits, wait_ms at most. 1: something has changed, and it is quiet now; 0: not yet.
 * ERR_NOT_FOUND: a folder that was added is gone, so it cannot be watched any more. */
int watch_wait(struct watch *w, int wait_ms);

/* Whether a file (the real path of its root, '/', its key) is among what has changed. */
bool watch_changed(const struct watch *w, const char *path);

/* What has changed so far is dealt with. */
void watch_forget(struct watch *w);
