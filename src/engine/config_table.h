/* config_table.h - the settings: their names, kinds, defaults, bounds and places in struct config.
 *
 * A setting is one row of config_table.c, and nothing else: reading, checking, showing and
 * reloading go by the table.
 *
 * Threads  constant.
 */
#pragma once
#include <stddef.h>

#include "engine/config.h"

#define SETTING_NAME_BYTES 128

enum setting_type {
    TYPE_TEXT, /* char[size] */
    TYPE_WORD, /* char[size], one of `words` */
    TYPE_INT,  /* int64_t */
    TYPE_SIZE, /* int64_t, "256MB" in text */
    TYPE_REAL, /* double */
    TYPE_BOOL, /* bool */
};

struct setting {
    const char *name; /* "section.name", or "name" at the top */
    enum setting_type type;
    size_t offset, size; /* in struct config */
    const char *fallback;
    double min, max;   /* of numbers, inclusive */
    const char *words; /* what a WORD may be, separated by spaces */
    const char *help;
};

/* In the order in which they are shown, those of a section together. struct config keeps where the
 * i-th came from in origin[i]. */
extern const struct setting settings[];
extern const size_t n_settings; /* at most CONFIG_SETTINGS_MAX */

/* NULL: there is none. */
const struct setting *setting_find(const char *name);
