/* collection_settings.h - what a collection says for itself, as the store keeps it.
 *
 *   {"language": "german", "stop_words": false}
 *
 * language    a stemmer's name (text/words.h), "" or "none": words stay as they are
 * stop_words  whether words like 'the' are left out
 * What is not said, or null, comes from the configuration.
 *
 * Threads  pure.
 * Errors   ERR_FORMAT, ERR_ARGUMENT: names the member, and what would be right.
 */
#pragma once
#include "base/str.h"
#include "text/words.h"

/* Checks them, and gives them in one form: *canonical, mem_free it. "" is {}. */
int collection_settings_check(struct str json, char **canonical);

/* How the collection's words are cut; `usual` is the configuration's. */
int collection_settings_words(const char *json, const struct word_settings *usual,
                              struct word_settings *out);
