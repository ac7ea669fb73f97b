/* model.h - a model folder opened: encoder and tokenizer, out of its pack where that is valid.
 *
 *   model.safetensors, config.json, vocab.txt, ... --packed once--> ragd-int8.pack
 *   ragd-int8.pack --mapped at each start--> encoder and tokenizer
 *
 * Valid    The small files are hashed at every start. model.safetensors is known by size, time of
 *          change and inode; if one differs it is hashed, and an equal hash makes the pack valid
 *          again. The file must be there: without it nobody could say what the pack was made from.
 * Damage   any bit, and a cut end, is found by the checksum; a warning, and the pack is made anew.
 * Writing  to another name, synced and renamed, so that two processes at once both succeed. A
 *          folder that cannot be written: a line in the log, and a pack in memory for this process.
 * Threads  immutable once open.
 */
#pragma once
#include <stdbool.h>

#include "embed/bert.h"
#include "embed/model_files.h"
#include "text/wordpiece.h"

struct model {
    struct bert *bert;
    struct wordpiece *tokenizer; /* its bytes are the pack's */
    struct pack_facts facts;
    char *pack_path; /* NULL: in memory only */
};

/* What was found in a folder before, all borrowed. */
struct model_folder {
    const char *dir, *name; /* the last part of dir */
    /* "auto" or NULL: beside the model; "off": in memory; else a folder, which must be there: its
     * packs have the model's name, and models of one name would replace each other's */
    const char *packs;
    const struct bert_config *config;
    const struct model_files *files;
};

/* Errors name the file and what would be right: those of bert_load, wordpiece_open and
 * quality_measure; ERR_FORMAT when encoder and tokenizer do not belong together. */
int model_open(struct model *out, const struct model_folder *folder, enum precision precision);

/* The same in the first of the precisions whose quality will do; a wish for one (embed/precision.h)
 * is fulfilled whatever its quality. */
int model_open_best(struct model *out, const struct model_folder *folder, const char *wish,
                    enum simd_level level);
void model_close(struct model *m);

/* The last part of a folder's path; mem_free it. */
char *model_name(const char *dir);
