/* extract_json.h - JSON and JSON lines to documents.
 *
 * A record is an object with a string `text` and perhaps `id`, `title`, `uri` (strings; an integer
 * id is taken as its digits) and `metadata` (object). A .json file is one record, a list of
 * records, or anything else, which becomes one document of "path: value" lines. A .jsonl file has
 * one record a line; bad lines become problems and the rest goes on.
 *
 * Errors   ERR_FORMAT, ERR_LIMIT. Threads  free of state.
 */
#pragma once
#include "base/arena.h"
#include "base/str.h"
#include "extract/extract.h"

#define JSON_VALUES_MAX    2000000 /* in one text: they cost some 250 bytes each */
#define JSONL_PROBLEMS_MAX 1000    /* kept; more are left out */

int extract_json(struct str text, size_t text_max, struct arena *mem, struct extracted_list *out);
int extract_jsonl(struct str text, size_t text_max, struct arena *mem, struct extracted_list *out);
