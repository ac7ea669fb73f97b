/* adapters.h - which adapter a collection's questions go through, and where it is kept.
 *
 *   model.adapter = "auto"   the collection's own, DIR/adapters/NAME.bin, if it has one
 *                   "off"    none
 *                   PATH     that file, for all collections
 *
 * A file that does not fit (another model, another collection under the old name, damaged) is a
 * line in the log and no adapter; of a PATH it is an error, as somebody asked for it by name. All
 * files are read at opening, so that asking is cheap enough for the event loop.
 *
 * An adapter is of one model for ever: who asks says which model a question is embedded with, and
 * after a change of the model (ingest/reembed.h) there is none until `ragd tune` has fitted one.
 * Back under the first model its own is in force again.
 *
 * An adapter is learnt from what users gave, and cannot be made again from the documents: a copy is
 * what `ragd tune --out` wrote, or the file itself. A backup of the store has none.
 *
 * Threads  locked.
 */
#pragma once
#include <stdbool.h>

#include "embed/adapter.h"
#include "embed/embedder.h"
#include "store/store.h"

struct adapters;

struct adapters_options {
    struct store *store;
    const struct embedder *embedder; /* in force now: who does not fit it is told of */
    const char *data_dir;
    const char *setting; /* model.adapter */
};

/* What the options name outlives it, but for the embedder, which is looked at here alone. */
int adapters_open(struct adapters **out, const struct adapters_options *o);
void adapters_close(struct adapters *s); /* NULL is fine */

/* The one for questions that `model` embeds, with a reference (adapter_unref), or NULL. */
struct adapter *adapters_get(struct adapters *s, const char *tenant, const char *collection,
                             const struct embedder *model);

/* Writes the collection's own file; with "auto" it is in force when this returns. */
int adapters_put(struct adapters *s, const char *tenant, const char *collection,
                 struct adapter *adapter);

/* The collection's own file goes; *was_there may be NULL. */
int adapters_remove(struct adapters *s, const char *tenant, const char *collection,
                    bool *was_there);

/* Grows after each change of what adapters_get says. */
uint64_t adapters_changes(const struct adapters *s);

/* Whether a collection's own adapter is used at all. */
bool adapters_are_auto(const struct adapters *s);

/* Reads a file, whichever collection it was fitted to; ERR_FORMAT also for another model's. */
int adapter_open_file(struct adapter **out, const char *path, const struct embedder *embedder);

/* The file that a collection's own adapter lies in, whether it is there or not; mem_free it. */
char *adapter_path(const char *data_dir, const char *tenant, const char *collection);
