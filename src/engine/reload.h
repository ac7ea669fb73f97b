/* reload.h - the settings that may change while a server runs, and those that it runs with now.
 *
 *   SIGHUP -> file and environment, read and checked as a whole -> engine_reload
 *          -> engine_settings, for the next request
 *
 * What can change is the list in reload.c; everything else is read from engine->config, which stays
 * what the engine was opened with. A configuration is immutable, and each different one that was
 * ever in force is kept until the engine closes: so a reader needs neither a lock nor a reference,
 * and RELOAD_KEPT_MAX bounds what that takes (some 40 KB each). Going back to an earlier one takes
 * nothing.
 *
 * Threads  engine_reload, reload_init and reload_done belong to the engine's owner; the rest may be
 *          called from anywhere.
 */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "engine/config.h"
#include "engine/engine.h"

#define RELOAD_KEPT_MAX 256

/* Whether a change of this setting takes effect in a running server. */
bool reload_is_live(const char *name);

/* What a reload came to: names, separated by ", ". */
struct reload_report {
    struct buf changed;       /* in force now */
    struct buf needs_restart; /* not what the server was started with, and not taken */
};

/* Takes what it can from `next`, which has been checked; `first` is what the server was started
 * with, as it was read. ERR_IO, ERR_FORMAT: the prompt's template; ERR_LIMIT: there were
 * RELOAD_KEPT_MAX. Nothing has changed then. */
int engine_reload(struct engine *e, const struct config *first, const struct config *next,
                  struct reload_report *report);
void reload_report_done(struct reload_report *report);

/* ---- for the engine ---- */

/* Opens the template that the configuration names. */
int reload_init(struct engine *e);
void reload_done(struct engine *e);
