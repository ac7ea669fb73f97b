/* extract_html.h - HTML to text. Runs in the helper process: see extract_wire.h.
 *
 * Kept: title, headings, paragraphs, "- item" lists, tables as rows, <pre> as it is, alt text of
 * pictures that have one. Left out: script, style, forms' controls, nav, footer, aside, hidden
 * elements, and a header that is not inside an article. If that leaves nothing, a page that is all
 * nav or aside, the second try keeps everything that shows. Tables used for layout (those with
 * tables, headings or lists inside, or one column) are read as blocks.
 *
 * Limits   nesting, counted before parsing, because the parser needs time quadratic in it.
 * Threads  free of state.
 */
#pragma once
#include "base/str.h"
#include "extract/textout.h"

#define HTML_DEPTH_MAX 512

int extract_html(struct str bytes, struct textout *out);
