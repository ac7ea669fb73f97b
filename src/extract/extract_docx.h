/* extract_docx.h - Word documents to text. Runs in the helper process: see extract_wire.h.
 *
 * A .docx is a zip of XML parts: word/document.xml is the text, word/styles.xml tells which styles
 * are headings (their names depend on the language, their built-in names do not),
 * docProps/core.xml the title, word/footnotes.xml and endnotes.xml come behind the text. Deleted
 * text of tracked changes and field codes are left out.
 *
 * XML without DTD: a document type, and with it every entity of its own, is refused.
 *
 * Threads  free of state.
 */
#pragma once
#include "base/str.h"
#include "extract/textout.h"

int extract_docx(struct str bytes, struct textout *out);
