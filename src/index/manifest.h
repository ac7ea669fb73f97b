/* manifest.h - which segment files make up a collection's index at one epoch, and what of them is
 * dead: a snapshot on disk.
 *
 *   DIR/index/7-3f0c.manifest      DIR/index/7-91b2.segment  7-0a44.segment
 *     about, name.0, dead.0 ...  ->  (index/segment_file.h)
 *
 * 7 is the collection's number in the store, the rest is random. The store says which manifest
 * counts (store_tx_index_is) in the same transaction that forgets the changes it covers, so between
 * a crash and the next start the database and its index files always fit; files that the current
 * manifest does not name are left over and removed.
 *
 * The recipe says what the index was made with: the embedding's fingerprint, how words are cut, the
 * formula's constants, the layout. An index of another recipe is as good as none.
 *
 * Threads  free of state.
 * Errors   ERR_FORMAT, ERR_IO, ERR_NO_SPACE.
 */
#pragma once
#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"

#define MANIFEST_NAME_MAX 48 /* of a file in the index folder, with its zero */

struct manifest_view {
    const char *file;               /* name in the same folder */
    const uint64_t *dead_documents; /* bitmap; NULL: none */
    size_t n_documents;
};

struct manifest {
    struct digest recipe;
    uint64_t epoch;
    struct manifest_view *views; /* [n_views] */
    size_t n_views;
};

/* A name for a new file of a collection, ending in `.kind`. */
void manifest_new_name(char out[MANIFEST_NAME_MAX], int64_t collection, const char *kind);

int manifest_write(const char *path, const struct manifest *m);

/* Everything in `mem`. */
int manifest_read(const char *path, struct arena *mem, struct manifest *out);

/* Removes the collection's files in `dir` but those that `m` names and `manifest_file` itself;
 * m NULL: all of them. Best effort: what is left is removed the next time. */
void manifest_sweep(const char *dir, int64_t collection, const char *manifest_file,
                    const struct manifest *m);
