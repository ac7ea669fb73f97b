/* fuzz_safetensors.c - a checkpoint: every tensor that is handed out lies in the file. */
#include <string.h>

#include "base/err.h"
#include "embed/safetensors.h"
#include "fuzz/fuzz.h"

#define READ_MAX 4096 /* elements */

static void check(const struct safetensors *st, const char *name)
{
    const struct tensor *t = safetensors_find(st, name);
    struct file_map all = safetensors_bytes(st);
    float out[READ_MAX];
    size_t n = 1;

    if (!t)
        return;
    FUZZ_TRUE(strcmp(t->name, name) == 0 && t->rank <= SAFETENSORS_RANK_MAX);
    for (size_t i = 0; i < t->rank; i++)
        n *= t->shape[i];
    FUZZ_TRUE(n == t->n);
    FUZZ_TRUE(t->n_bytes == 0 ||
              (t->data >= all.p && t->n_bytes <= all.n - (size_t)(t->data - all.p)));
    (void)tensor_in_place(t);
    if (t->n <= READ_MAX)
        (void)tensor_read(t, out);
}

FUZZ_TARGET(safetensors)
{
    struct safetensors *st = NULL;

    (void)mem;
    if (safetensors_open(&st, fuzz_file(in)) < 0)
        return;
    FUZZ_TRUE(safetensors_count(st) <= SAFETENSORS_TENSORS_MAX);
    check(st, "a");
    check(st, "b");
    check(st, "weight");
    safetensors_close(st);
}
