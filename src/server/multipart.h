/* multipart.h - multipart/form-data (RFC 7578) in one piece of memory, read strictly.
 *
 *   --BOUNDARY CRLF  fields CRLF CRLF  bytes  CRLF --BOUNDARY ... CRLF --BOUNDARY-- CRLF
 *
 * CRLF alone ends a line, nothing stands before the first boundary, the last one is there, a part
 * has a name, no part is encoded (Content-Transfer-Encoding other than binary or 8bit). Parts are
 * views into the body: nothing is copied but names with escapes.
 *
 * Errors   ERR_FORMAT, ERR_LIMIT with what would be right.
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

#define MULTIPART_PARTS_MAX 1000
#define MULTIPART_HEAD_MAX  4096
#define MULTIPART_NAME_MAX  1024
#define MULTIPART_BOUNDARY  70 /* RFC 2046 */

struct part {
    struct str name;
    struct str filename; /* {NULL, 0} for a field that is not a file */
    struct str bytes;
};

/* content_type: "multipart/form-data; boundary=...". */
int multipart_parse(struct str content_type, struct str body, struct arena *mem,
                    struct part **parts, size_t *n);
