/* zip_part.h - parts of an office file (a zip), with bounds against bombs.
 *
 * What the directory of the zip says is checked before anything is inflated, and inflating stops
 * at what it said.
 *
 * Limits   ZIP_PART_MAX a part; ZIP_RATIO_MAX inflated : packed for parts over 1 MiB.
 * Threads  confined.
 */
#pragma once
#include <zip.h>

#include "base/buf.h"
#include "base/str.h"

#define ZIP_PART_MAX    ((size_t)64 << 20)
#define ZIP_RATIO_MAX   200
#define ZIP_ENTRIES_MAX 20000

int zip_part_open(zip_t **out, struct str bytes);

/* ERR_NOT_FOUND when there is no such part; ERR_FORMAT ("password protected", damaged), ERR_LIMIT.
 */
int zip_part_read(zip_t *zip, const char *name, struct buf *out);
