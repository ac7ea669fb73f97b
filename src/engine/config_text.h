/* config_text.h - a text as a configuration file has it, in quotes.
 *
 * libconfig knows \" \\ \n \r \t \f and \xNN and takes all other bytes as they are, so JSON's way
 * with control characters and ill-formed UTF-8 would make another text of it.
 *
 * Threads  free of state.
 */
#pragma once
#include "base/buf.h"

void config_text_print(const char *text, struct buf *out);
