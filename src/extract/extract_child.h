/* extract_child.h - the parent's side of the extraction helper.
 *
 * Starts `ragd --extract-helper` when first needed, gives it one file at a time, and kills it with
 * everything it started when a file takes too long, too much memory or gives too much; the next
 * file gets a new one.
 *
 *   found by   $RAGD_HELPER; this program, if it is called ragd; ragd beside this program or
 *              library, one folder up, or in ../bin; ragd in $PATH
 *   rights     its own process group, no descriptor but the socket, an environment of a few names
 *
 * Errors   those of the helper; ERR_TIMEOUT, ERR_LIMIT; ERR_UNAVAILABLE when there is no helper.
 * Threads  confined.
 */
#pragma once
#include "extract/extract.h"
#include "extract/textout.h"

struct extract_child;

struct extract_child *extract_child_new(const struct extract_limits *limits);
void extract_child_free(struct extract_child *c);

/* Fills `out`, which must be fresh. Limits must all be set. */
int extract_child_run(struct extract_child *c, enum file_kind kind, struct str bytes,
                      struct textout *out);
