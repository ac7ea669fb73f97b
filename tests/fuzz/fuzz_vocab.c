/* fuzz_vocab.c - a model folder's tokenizer: vocab.txt, tokenizer.json, tokenizer_config.json. An
 * empty part is a file that is not there. What was opened is frozen and thawed again. */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "fuzz/tokens_check.h"

static void put(const char *name, struct str *in)
{
    struct str part = fuzz_part(in);

    fuzz_dir_put(name, part.n ? part : (struct str){NULL, 0});
}

static void check_frozen(const struct wordpiece *w, struct str text)
{
    struct buf bytes;
    struct digest one = wordpiece_digest(w), two;
    struct wordpiece *thawed = NULL;
    char *aligned;

    buf_init(&bytes);
    wordpiece_freeze(w, &bytes);
    aligned = mem_alloc_aligned(bytes.n);
    memcpy(aligned, bytes.p, bytes.n);
    FUZZ_TRUE(wordpiece_thaw(&thawed, (struct str){aligned, bytes.n}) == ERR_OK);
    two = wordpiece_digest(thawed);
    FUZZ_TRUE(digest_eq(&one, &two));
    FUZZ_TRUE(wordpiece_count(thawed, text) == wordpiece_count(w, text));
    wordpiece_close(thawed);
    mem_free(aligned);
    buf_done(&bytes);
}

FUZZ_TARGET(vocab)
{
    static const char sample[] = "a the THE [SEP] \xc3\xa9t\xc3\xa9 \xe4\xb8\xad, 1.5 un##able";
    struct wordpiece *w = NULL;
    struct str text;

    (void)mem;
    put("vocab.txt", &in);
    put("tokenizer.json", &in);
    put("tokenizer_config.json", &in);
    if (wordpiece_open(&w, fuzz_dir()) < 0)
        return;
    text = in.n ? in : str_of(sample);
    check_tokens(w, text);
    check_frozen(w, text);
    wordpiece_close(w);
}
