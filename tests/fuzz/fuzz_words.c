/* fuzz_words.c - the words of the index: in order, of bytes of the text, none too long. The first
 * byte says in which language. */
#include "base/err.h"
#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "text/words.h"

struct walk {
    struct str text;
    uint32_t start;
};

static void on_word(void *arg, struct str word, uint32_t start, uint32_t end)
{
    struct walk *w = arg;

    FUZZ_TRUE(word.n > 0 && word.n <= WORD_MAX + WORD_STEM_MORE && utf8_valid(word.p, word.n));
    FUZZ_TRUE(start < end && end <= w->text.n && start >= w->start);
    w->start = start;
}

static struct word_analyzer *analyzer(uint8_t which)
{
    static const struct word_settings settings[] = {
        {"english", true}, {"german", false}, {"", false}, {"turkish", true}};
    static struct word_analyzer *made[4];

    which %= 4;
    if (!made[which])
        FUZZ_TRUE(word_analyzer_new(&made[which], &settings[which]) == ERR_OK);
    return made[which];
}

FUZZ_TARGET(words)
{
    uint8_t which = fuzz_byte(&in);
    struct walk any = {in, 0}, valid = {fuzz_utf8(in, mem), 0};

    words_each(analyzer(which), any.text, on_word, &any);
    words_each(analyzer(which), valid.text, on_word, &valid);
}
