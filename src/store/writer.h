/* writer.h - the one thread that writes, and its group commit.
 *
 *   BEGIN
 *     SAVEPOINT  fn 1  RELEASE
 *     SAVEPOINT  fn 2  ROLLBACK TO      it failed: its caller gets its error, the others go on
 *     SAVEPOINT  fn 3  RELEASE
 *   COMMIT                              one fsync for all; if it fails, all of them fail
 *   published 1, published 3            in order, before anybody is told
 *   callers 1, 2, 3 go on
 *   checkpoint                          when the log is long, nobody has come for a while, or
 *                                       something was deleted
 *
 * Deleted text must not live on in the log (ragd.db-wal): it is emptied within a second of any
 * DELETE, unless a reader's transaction that is older lasts longer.
 *
 * Threads  locked; fn and published run on the writer's thread.
 */
#pragma once
#include "store/db.h"
#include "store/store.h"

struct writer;

/* Takes the open connection. */
int writer_new(struct writer **out, struct db *taken);
void writer_free(struct writer *w); /* finishes what waits */

size_t writer_waiting(struct writer *w); /* jobs that are in no group yet */

int writer_run(struct writer *w, store_write_fn fn, store_published_fn published, void *arg);
