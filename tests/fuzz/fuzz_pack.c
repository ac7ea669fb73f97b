/* fuzz_pack.c - a model's packed weights, as the file is and with its checksum put right: parts of
 * other sizes than the configuration asks for are refused before a kernel reads them. */
#include <string.h>
#include <xxhash.h>

#include "base/err.h"
#include "embed/bert.h"
#include "embed/pack.h"
#include "fuzz/fuzz.h"
#include "text/wordpiece.h"

#define SUM_AT 16

static struct str sealed(struct str in, struct arena *mem)
{
    char *p = arena_dup(mem, in.n ? in.p : "", in.n);
    XXH128_canonical_t sum;

    if (in.n >= SUM_AT + sizeof sum) {
        XXH128_canonicalFromHash(&sum,
                                 XXH3_128bits(p + SUM_AT + sizeof sum, in.n - SUM_AT - sizeof sum));
        memcpy(p + SUM_AT, &sum, sizeof sum);
    }
    return (struct str){p, in.n};
}

static void open_bytes(struct str bytes)
{
    struct pack p = {0};
    struct bert *b = NULL;
    struct wordpiece *w = NULL;

    if (pack_open(&p, fuzz_file(bytes)) < 0)
        return;
    FUZZ_TRUE(pack_bytes(&p) == bytes.n);
    if (wordpiece_thaw(&w, p.tokenizer) == ERR_OK)
        wordpiece_close(w);
    if (bert_open_pack(&b, &p) == ERR_OK)
        bert_close(b);
    else
        pack_close(&p);
}

FUZZ_TARGET(pack)
{
    open_bytes(in);
    open_bytes(sealed(in, mem));
}
