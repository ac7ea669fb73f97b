/* feed.h - reads and extracts the next files while the present one is embedded.
 *
 *   feed thread: read -> hash -> unchanged? -> extract -> queue of FEED_AHEAD files -> the ingest
 *
 * Extraction of PDF, HTML and DOCX waits for a child process, embedding keeps every core busy:
 * side by side they cost the longer of the two.
 *
 * Threads  a feed belongs to the ingest's thread; its own thread lives from open to close.
 */
#pragma once
#include "ingest/run.h"
#include "ingest/source.h"
#include "ingest/walk.h"

#define FEED_AHEAD 2

struct fed_file {
    size_t i_walk; /* which of the walks */
    const struct walk *walk;
    const struct walk_file *file;
    int rc;                /* < 0: refused, or for all */
    char *reason;          /* when rc < 0 */
    bool unchanged;        /* nothing was extracted */
    bool unwanted;         /* nothing was looked at */
    struct source *source; /* else; a reference */
    struct digest hash;
    uint64_t n_bytes;
};

struct feed;
int feed_open(struct feed **out, const struct run *run, struct walk *const *walks, size_t n_walks);

/* The next file in order; NULL after the last. */
struct fed_file *feed_next(struct feed *f);
void fed_file_free(struct fed_file *file);

/* Stops the thread, after the file it is at. */
void feed_close(struct feed *f);
