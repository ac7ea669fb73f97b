/* extract_pdf.h - PDF to text, by pdftotext. Runs in the helper process: see extract_wire.h.
 *
 * Errors   "password protected", "no text (scanned images?)", "damaged PDF: ...".
 * Threads  one: it forks.
 */
#pragma once
#include <stdint.h>

#include "base/str.h"
#include "extract/textout.h"

int extract_pdf(struct str bytes, uint64_t memory_bytes, uint32_t timeout_ms, struct textout *out);

/* Its second half: what pdftotext wrote, NUL-terminated. For who has that already. */
int extract_drawn(struct str drawn, struct textout *out);
