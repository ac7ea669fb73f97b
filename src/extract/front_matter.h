/* front_matter.h - the "---" header of a Markdown file as metadata.
 *
 *   ---
 *   title: "Capital rules"        a string, quoted or not
 *   year: 2024                    a number
 *   effective: 2024-01-01         dates stay strings
 *   public: true                  a boolean
 *   tags: [capital, "tier 1"]     a list; also as "- item" lines below the key
 *   # a comment
 *   ---
 *
 * The part of YAML that people put there: one level of keys. What is not understood (nested
 * objects, anchors, block text) is kept as a string, never an error: metadata must not cost the
 * document.
 *
 * Threads  free of state.
 */
#pragma once
#include <jansson.h>

#include "base/str.h"

#define FRONT_MATTER_MAX      65536
#define FRONT_MATTER_KEYS_MAX 256

/* The text behind the front matter, or all of it when there is none. *metadata is an object with
 * at least one member, owned by the caller, or NULL. */
struct str front_matter_read(struct str text, json_t **metadata);
