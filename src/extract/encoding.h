/* encoding.h - bytes of a text file to UTF-8, or a refusal.
 *
 * Decided in this order:
 *   1. a byte order mark: UTF-8, UTF-16 LE/BE, UTF-32 is refused
 *   2. zeros at nearly every odd (even) place of the beginning: UTF-16 without a mark
 *   3. a zero byte: binary, refused
 *   4. the charset that the document itself declares (HTML)
 *   5. well-formed UTF-8
 *   6. nearly well-formed UTF-8 (at least as many good characters beyond ASCII as bad bytes, or
 *      under one bad byte in 10,000 in a file with good ones): kept; bad bytes become U+FFFD
 *      where the text is cleaned
 *   7. Windows-1252, which contains Latin-1, if the bytes look like text of the west: hardly any
 *      control characters and under a third beyond ASCII
 *   8. refused: "not UTF-8, UTF-16 or Latin-1 text"
 *
 * Threads  free of state.
 */
#pragma once
#include "base/buf.h"
#include "base/str.h"

/* *text is a part of `bytes` when nothing had to be converted, else of `scratch`. It may hold
 * ill-formed bytes (6). `declared` is the document's own charset, NULL for none. */
int encoding_decode(struct str bytes, const char *declared, struct buf *scratch, struct str *text);
