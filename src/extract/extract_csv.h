/* extract_csv.h - CSV (RFC 4180) to one line of text a row.
 *
 *   name,ratio            name: Tier 1 | ratio: 6 %
 *   Tier 1,6 %      ->    name: Total | ratio: 8 %
 *   Total,8 %
 *
 * Every row repeats the names of its columns, because a chunk shows a few rows only: without them
 * neither a search nor a reader could know what "6 %" is. The separator is the one of , ; tab |
 * that splits the first rows most evenly. A first row with an empty or purely numeric cell is data
 * and the columns have no names.
 *
 * Limits   CSV_COLUMNS_MAX, CSV_CELL_MAX. Threads  free of state.
 */
#pragma once
#include "base/str.h"
#include "extract/textout.h"

#define CSV_COLUMNS_MAX 1000
#define CSV_CELL_MAX    ((size_t)1 << 20)

int extract_csv(struct str text, struct textout *out);
