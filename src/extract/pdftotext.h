/* pdftotext.h - runs poppler's pdftotext over bytes in memory.
 *
 * The PDF lies in a memory file that the tool opens as /dev/stdin; no name, no shell, no disk. Its
 * output comes back through a pipe and is cut at a limit; what it says on standard error becomes
 * the reason of a refusal.
 *
 * Errors   ERR_FORMAT ("password protected", "damaged PDF: ..."), ERR_LIMIT, ERR_UNAVAILABLE.
 * Threads  free of state; uses fork, so call it where there is one thread only.
 */
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct pdftotext_limits {
    uint64_t memory_bytes, output_bytes;
    uint32_t timeout_ms;
};

/* `out` gets what `pdftotext -layout -htmlmeta` writes. */
int pdftotext_run(struct str pdf, const struct pdftotext_limits *limits, struct buf *out);
