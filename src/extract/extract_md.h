/* extract_md.h - Markdown (CommonMark with tables) to text.
 *
 * Front matter becomes metadata and title. Headings are marked; links and images keep their text;
 * code stays as it is; lists are "- item" lines; tables are rows of cells. Raw HTML tags are left
 * out.
 *
 * Threads  free of state.
 */
#pragma once
#include "base/str.h"
#include "extract/textout.h"

int extract_md(struct str text, struct textout *out);
