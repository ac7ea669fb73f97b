/* walk.h - the files below a folder, or one file.
 *
 * Everything is named once: files to read, and what is not read, with the reason. The order is
 * that of the keys' bytes, so two runs over the same folder do the same.
 *
 *   hidden (".git")           skipped, with all that is in it
 *   a kind we do not read     skipped
 *   link to a file inside     read, under the link's name
 *   link to a folder          skipped: what it holds is read where it lies
 *   link that leads out       refused: files are opened with openat2(RESOLVE_BENEATH), so nothing
 *                             outside is read even when a link is changed while we look
 *   FIFO, socket, device      refused, never opened for reading
 *   no permission             refused
 *
 * Limits   WALK_FILES_MAX files, WALK_DEPTH_MAX folders deep.
 * Threads  immutable once opened; walk_read from any thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "extract/extract.h"

#define WALK_FILES_MAX 1000000
#define WALK_DEPTH_MAX 64

#define UNKNOWN_KIND_REASON "not a kind that is read (txt, md, html, pdf, docx, csv, json, jsonl)"

enum walk_fate { WALK_READ, WALK_SKIP, WALK_REFUSE };

struct walk_file {
    char *key;   /* path relative to the root; the name of a single file */
    char *shown; /* as the user would write it */
    enum walk_fate fate;
    enum file_kind kind;
    bool link;
    char *reason; /* SKIP, REFUSE */
};

struct walk;

/* `path` names a folder or a file; ERR_NOT_FOUND, ERR_IO when it cannot be opened. */
int walk_open(struct walk **out, const char *path);
void walk_close(struct walk *w);

/* The folder that `path` was, without files: for pruning by force what it once gave. */
int walk_open_gone(struct walk **out, const char *path);

const char *walk_root(const struct walk *w); /* absolute, links resolved; a file's folder */
bool walk_is_folder(const struct walk *w);   /* false: a single file was named */
bool walk_is_whole(const struct walk *w);    /* false: a folder below could not be looked into */
size_t walk_count(const struct walk *w);
const struct walk_file *walk_at(const struct walk *w, size_t i);

/* Of a kind that may hold many documents: which ones is known when it is read. */
bool walk_holds_records(const struct walk_file *f);

/* Appends the file's bytes. ERR_LIMIT over `max`, ERR_IO with the system's reason. */
int walk_read(const struct walk *w, const struct walk_file *f, size_t max, struct buf *out);
