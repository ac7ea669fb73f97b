/* config_print.h - a configuration as people and programs see it.
 *
 * As a file that could be read again, each setting with its help, where it came from and whether a
 * running server takes a change of it; or as JSON. Nothing that is shown is a secret: the password
 * in a Redis URL is left out.
 *
 * Threads  as config.h says.
 */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "engine/config.h"

void config_print(const struct config *c, bool json, struct buf *out);
