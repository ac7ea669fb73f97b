/* bert_load.h - from a checkpoint to a pack: finds the tensors, checks and packs them.
 *
 * The tensors may be F32, F16 or BF16, with or without "bert." before their names. The
 * configuration's sizes are believed only once the file has shown tensors of these shapes.
 */
#pragma once
#include <sys/stat.h>

#include "embed/bert_layout.h"
#include "embed/pack.h"
#include "embed/safetensors.h"

/* A pack in memory of what the file holds, and the tokenizer's bytes (may be empty). The facts
 * of the file are filled in; its place and the small files are the caller's.
 *   file  borrowed
 * Errors name the tensor and what would be right. */
int bert_load(struct pack *out, const struct safetensors *file, const struct bert_config *c,
              enum precision precision, struct str tokenizer);

/* The path and state of the folder's model.safetensors. ERR_NOT_FOUND says which other form of
 * weights is there, and how to make this one of it. */
int bert_find_weights(const char *model_dir, struct buf *path, struct stat *st);
