/* helper_path.h - where the program is that can be the extraction helper.
 *
 * Threads  free of state.
 */
#pragma once

#define HELPER_PATH_MAX 4096

/* Order: see extract_child.h. ERR_UNAVAILABLE says what would help. */
int helper_path(char out[HELPER_PATH_MAX]);
