/* pdf_layout.h - a page as pdftotext -layout draws it, read back as paragraphs, rows and columns.
 *
 * -layout puts every word where it stands on the page, by blanks. That keeps what the other modes
 * lose: rows of tables (plain mode gives them column by column), paragraphs (raw mode has no blank
 * lines) and indents. What it does not do is done here:
 *
 *   columns     a run of lines with prose on both sides of one gutter is read left, then right
 *   rows        a line with gaps of three blanks or more is a row of cells; "$" joins its number
 *   paragraphs  a line that is full, as wide as its neighbours, runs on into the next
 *   captions    a short line over wider prose is a heading, with blank lines about it or without
 *   hyphens     "informa-" + "tion" becomes one word if the document has that word elsewhere,
 *               "client-" + "driven" keeps its hyphen
 *
 * Threads  confined.
 */
#pragma once
#include "base/str.h"
#include "extract/textout.h"

struct pdf_layout;

/* `document`: all pages, borrowed; its words decide about hyphens. */
struct pdf_layout *pdf_layout_new(struct str document);
void pdf_layout_free(struct pdf_layout *l);

/* One page, without its form feed. */
void pdf_layout_page(struct pdf_layout *l, struct str page, struct textout *out);
