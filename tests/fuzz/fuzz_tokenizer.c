/* fuzz_tokenizer.c - any bytes through the tokenizer, with the default model's vocabulary where it
 * is, and through the guess that stands in for one. */
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "fuzz/tokens_check.h"
#include "text/tokens.h"
#include "unit/embed/tiny_model.h"

static struct wordpiece *w;

static void open_tokenizer(void)
{
    const char *dir = getenv("RAGD_MODEL_PATH");
    struct tiny_model m;

    dir = dir && *dir ? dir : "models/all-MiniLM-L6-v2";
    if (access(dir, R_OK) == 0) {
        FUZZ_TRUE(wordpiece_open(&w, dir) == ERR_OK);
        return;
    }
    tiny_open(&m);
    FUZZ_TRUE(wordpiece_open(&w, m.dir) == ERR_OK);
    tiny_close(&m);
}

FUZZ_TARGET(tokenizer)
{
    struct str text = fuzz_utf8(in, mem);

    FUZZ_ONCE(open_tokenizer());
    check_tokens(w, in);
    check_tokens(w, text);
    check_tokens(NULL, in);
    for (size_t max = 1; max <= 32; max *= 4) {
        struct str first = tokens_first(w, text, max);

        FUZZ_TRUE(first.p == text.p && first.n <= text.n);
        FUZZ_TRUE(tokens_count(NULL, tokens_first(NULL, text, max)) <= max + 1);
    }
}
