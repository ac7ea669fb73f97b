/* fuzz_frozen_vocab.c - bytes that claim to be a frozen tokenizer: whatever was thawed stays inside
 * them and gives ids of its own. The fixed text has what the tables branch on. */
#include "base/err.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "fuzz/tokens_check.h"

FUZZ_TARGET(frozen_vocab)
{
    static const char sample[] =
        "[CLS]a b the capital ab abc zz [SEP][MASK] \xc3\xa9\xe4\xb8\xad 1";
    char *aligned = mem_alloc_aligned(in.n + 1);
    struct wordpiece *w = NULL;

    (void)mem;
    memcpy(aligned, in.n ? in.p : "", in.n);
    if (wordpiece_thaw(&w, (struct str){aligned, in.n}) == ERR_OK) {
        check_tokens(w, str_of(sample));
        check_tokens(w, in);
        wordpiece_close(w);
    }
    mem_free(aligned);
}
