/* lock.h - one process owns a data folder.
 *
 * flock(2) on DIR/lock; the file holds the owner's pid so that a second one can be told. The lock
 * goes with the process, so a crash leaves nothing to clean. Programs that the owner starts do not
 * inherit it; a child that is forked and goes on without exec shares it until it lets go
 * (folder_lock_release, which leaves the parent's alone) or ends.
 */
#pragma once

struct folder_lock;

/* Makes the folder if need be and takes it. ERR_BUSY names the other process's id. */
int folder_lock_take(struct folder_lock **out, const char *data_dir);
void folder_lock_release(struct folder_lock *l);
