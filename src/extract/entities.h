/* entities.h - one HTML character reference, "&amp;" or "&#8217;", to UTF-8.
 *
 * For Markdown; HTML's own parser decodes its own. Numeric references and the names that people
 * write; an unknown name stays as it is written.
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>

#include "base/str.h"

/* `ref` with & and ; included. Returns the bytes written, 0 when it is none that we know. */
size_t entity_decode(struct str ref, char out[8]);
