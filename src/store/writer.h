/* writer.h - the one thread that writes, and its group commit.
 *
 *   BEGIN
 *     SAVEPOINT  fn 1  RELEASE
 *     SAVEPOINT  fn 2  ROLLBACK TO      it failed: its caller gets its error, the others go on
 *     SAVEPOINT  fn 3  RELEASE
 *   COMMIT                              one fsync for all; if it fails, all of them fail
 *   published 1, published 3            in order, before anybody is told
 *   callers 1, 2, 3 go on
 *   checkpoint                          when the log is long, or nobody has come for a while
 *
 * The log (ragd.db-wal) is emptied when idle: deleted text must not live on in it.
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

int writer_run(struct writer *w, store_write_fn fn, store_published_fn published, void *arg);
