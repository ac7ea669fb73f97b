/* config_llm.h - the list of language models in the configuration.
 *
 *   llm = ( { name = "fast"; url = "https://HOST/v1"; model = "small"; key_env = "LLM_KEY"; },
 *           { name = "best"; url = "https://HOST/v1"; model = "large"; key_file = "/run/key";
 *             timeout_ms = 60000; first_token_ms = 10000; price_in = 2.5; price_out = 10.0; } );
 *
 * name, url and model are required; prices are of a million tokens. Keys are never in the
 * configuration: key_env names a variable, key_file a file.
 *
 * Errors   ERR_ARGUMENT and ERR_LIMIT naming file, line and what would be right.
 * Threads  as config.h says.
 */
#pragma once
#include "base/buf.h"
#include "base/jsonw.h"
#include "engine/config.h"

struct config_setting_t;

#define CONFIG_LLM_TIMEOUT_MS     60000
#define CONFIG_LLM_FIRST_TOKEN_MS 10000

/* A list of the file `path`, names that differ and URLs of servers; replaces what was there. */
int config_llm_read(struct config *c, const struct config_setting_t *list, const char *path);

/* The one that writes summaries is there, with prices if it has a budget. */
int config_llm_check(const struct config *c);

/* As it could be read again; nothing without models. */
void config_llm_print(const struct config *c, struct buf *out);

/* Adds the member "llm" to an object that is open. */
void config_llm_json(const struct config *c, struct jsonw *w);
