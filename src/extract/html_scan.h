/* html_scan.h - what must be known about HTML before it is parsed: its charset and its depth.
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>

#include "base/str.h"

#define HTML_CHARSET_MAX 40

/* The charset of <meta charset> or <meta http-equiv>, in the first 4 KiB; NULL when none. */
const char *html_charset(struct str bytes, char out[HTML_CHARSET_MAX]);

/* ERR_LIMIT when more than `max` elements are open at once. Elements whose end tag may be left
 * out (p, li, td, ...) do not count: their containers do. An end tag counts where an element of
 * that name is open. What is deep by other means (<div/>, <rt><rt>) is for the helper's time limit.
 */
int html_check_depth(struct str text, size_t max);
