/* json_scan.h - walks JSON of our own writing without a tree: its parts as the bytes they are.
 *
 * For replies that are taken apart again, which a parser would read number by number and write
 * anew. What others wrote goes through base/json.h: this one trusts that the text is valid, and of
 * one that is not only says that it ends.
 *
 * Threads  free of state. Views point into the text.
 */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* What is inside an object's or array's brackets, and behind it. */
struct str json_scan_open(struct str text);

/* The next member or element; *rest begins as json_scan_open has it and moves on. A key is without
 * its quotes, as it is escaped. False at the end. */
bool json_scan_member(struct str *rest, struct str *key, struct str *value);
bool json_scan_element(struct str *rest, struct str *value);

/* The value of a member of the object; {NULL, 0} when it is not there. */
struct str json_scan_get(struct str object, const char *key);

/* Adds what a string says: `quoted` with its quotes. False, and nothing added, when it is none. */
bool json_scan_text(struct str quoted, struct buf *out);
