/* prune.h - removes documents whose file is gone under the folders named in this run.
 *
 * Refused without force, with the reason, when a folder is empty of documents, could not be looked
 * into everywhere, or would lose more than half of what it gave: then a disk is more likely to be
 * missing than the documents. (A folder that is not there at all fails before anything is done.)
 *
 * Threads  confined.
 */
#pragma once
#include "ingest/run.h"
#include "ingest/walk.h"

/* `unsure`: a file that may hold many documents was refused, so its records are not known. */
int prune_folder(struct run *run, const struct walk *walk, bool unsure);
