/* origins.h - the list of web pages that may call: the setting server.cors_origins.
 *
 *   ""                                        none
 *   "https://a.example, http://b.example:81"  those, byte for byte as a browser names them
 *   "*"                                       all
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>

#include "base/str.h"

/* ERR_ARGUMENT: something in it is no origin (RFC 6454: scheme, host, port; small letters). */
int origins_check(const char *list);

bool origins_are_all(const char *list);
bool origins_have(const char *list, struct str origin);
