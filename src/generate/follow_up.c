#include "generate/follow_up.h"

#include <ctype.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "text/words.h"

#define WORDS_MAX          64 /* of a question; a longer one has its nouns in it */
#define FRAGMENT_WORDS_MAX 6

struct question_words {
    struct str v[WORDS_MAX];
    size_t n;
};

/* Runs of letters and digits, with apostrophes inside. */
static void cut_words(struct str s, struct question_words *w)
{
    size_t i = 0;

    w->n = 0;
    while (w->n < WORDS_MAX) {
        size_t start;

        while (i < s.n && !isalnum((unsigned char)s.p[i]) && (unsigned char)s.p[i] < 0x80)
            i++;
        start = i;
        while (i < s.n && (isalnum((unsigned char)s.p[i]) || (unsigned char)s.p[i] >= 0x80 ||
                           s.p[i] == '\'' || s.p[i] == '-'))
            i++;
        if (i == start)
            break;
        w->v[w->n++] = str_sub(s, start, i);
    }
}

/* `list` has words between single spaces. */
static bool among(struct str word, const char *list)
{
    while (*list) {
        size_t n = strcspn(list, " ");

        if (str_eq_nocase(word, (struct str){list, n}))
            return true;
        list += n + (list[n] == ' ');
    }
    return false;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (isalpha((unsigned char)s.p[i]) || (unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static bool is_stop(struct str word)
{
    char lower[WORD_MAX];

    if (word.n > sizeof lower)
        return false;
    for (size_t i = 0; i < word.n; i++)
        lower[i] = (char)tolower((unsigned char)word.p[i]);
    return word_is_stop((struct str){lower, word.n});
}

static const char ASKING[] = "what which who whom whose when where why how";
static const char AUXILIARIES[] = "is are was were am be been do does did has have had can could "
                                  "will would shall should may might must isn't aren't wasn't "
                                  "weren't doesn't didn't don't won't can't";
static const char AMOUNTS[] = "many much long often far old big";
static const char REQUESTS[] = "explain compare describe list name give show define tell summarize "
                               "summarise calculate compute state find";
static const char PREPOSITIONS[] = "in for at by from with on of to under as during since about "
                                   "per after before between within without until";
static const char TIMES[] = "year quarter month week day century decade period time";

/* ---- what the question refers to ---- */

/* A word that a pronoun after it may stand for: not the noun that is asked for ("What year did
 * they ...", "How many employees does it ..."), nor a request ("Compare it"). */
static bool may_be_meant(const struct question_words *w, size_t i)
{
    if (is_stop(w->v[i]) || is_number(w->v[i]) || among(w->v[i], AUXILIARIES))
        return false;
    if (i == 0)
        return isupper((unsigned char)w->v[0].p[0]) && !among(w->v[0], REQUESTS);
    return !among(w->v[i - 1], ASKING) && !among(w->v[i - 1], AMOUNTS) && !among(w->v[i], AMOUNTS);
}

static bool has_noun_before(const struct question_words *w, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (may_be_meant(w, k))
            return true;
    return false;
}

/* "Is it legal to", "how long does it take to", "what does it mean that". */
static bool stands_for_a_clause(const struct question_words *w, size_t i)
{
    for (size_t k = i + 1; k < w->n && k <= i + 4; k++)
        if (among(w->v[k], "to that if for") ||
            (among(w->v[k], "when") && !among(w->v[k - 1], "and")))
            return true;
    return false;
}

/* "this year" is no reference; "this regulation" and "this one" are. */
static bool points(const struct question_words *w, size_t i)
{
    return i + 1 >= w->n || !among(w->v[i + 1], TIMES);
}

static const char *reference(const struct question_words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (has_noun_before(w, i))
            return NULL;
        if (among(w->v[i], "he she him her his hers they them their theirs its he's she's they're"))
            return "a pronoun without its noun";
        if (among(w->v[i], "it it's") && !stands_for_a_clause(w, i))
            return "a pronoun without its noun";
        if (among(w->v[i], "this these that those") && points(w, i))
            return "refers to something said before";
    }
    return NULL;
}

/* Nothing, or a verb, so that the word before is what the question is about. */
static bool is_done(const struct question_words *w, size_t i)
{
    return i >= w->n || among(w->v[i], AUXILIARIES);
}

/* "Which one is higher?", "and the other two?", "the former". */
static bool leaves_the_noun_out(const struct question_words *w)
{
    for (size_t i = 0; i + 1 < w->n; i++) {
        if (among(w->v[i], "which the this that first second last latter other") &&
            among(w->v[i + 1], "one ones"))
            return is_done(w, i + 2);
        if (among(w->v[i], "the") &&
            among(w->v[i + 1], "latter former above same other others rest") && is_done(w, i + 2))
            return true;
    }
    return false;
}

/* ---- how it begins ---- */

static bool begins(const struct question_words *w, const char *first, const char *second)
{
    return w->n >= 2 && among(w->v[0], first) && among(w->v[1], second);
}

static bool goes_on(const struct question_words *w)
{
    if (among(w->v[0], "and but or so then also plus"))
        return true;
    if (begins(w, "what how", "about") || begins(w, "what why how", "else then so"))
        return true;
    return begins(w, "same", "for in with question") || begins(w, "now", "for in the do");
}

static bool asks_for_more(const struct question_words *w)
{
    return begins(w, "tell", "me")
               ? w->n <= 4 && among(w->v[w->n - 1], "more why how")
               : begins(w, "go", "on") || begins(w, "are", "you") ||
                     begins(w, "more", "details detail") ||
                     (w->n <= 5 &&
                      among(w->v[w->n - 1], "more elaborate further sure details example"));
}

/* Nothing in it to search for. */
static bool has_no_content(const struct question_words *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (!is_stop(w->v[i]) && !is_number(w->v[i]) && !among(w->v[i], "please exactly really"))
            return false;
    return true;
}

static bool has_verb(const struct question_words *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (among(w->v[i], AUXILIARIES) || among(w->v[i], ASKING))
            return true;
    return false;
}

const char *follow_up_reason(struct str question)
{
    struct question_words w;

    cut_words(question, &w);
    if (w.n == 0)
        return NULL;
    if (goes_on(&w))
        return "goes on from what was asked before";
    if (asks_for_more(&w))
        return "asks for more";
    if (has_no_content(&w))
        return "says too little by itself";
    if (w.n <= FRAGMENT_WORDS_MAX && among(w.v[0], PREPOSITIONS) && !has_verb(&w))
        return "a piece of a sentence";
    if (leaves_the_noun_out(&w))
        return "leaves out what it is about";
    return reference(&w);
}

/* ---- what is searched ---- */

static struct str first_bytes(struct str s)
{
    return s.n <= FOLLOW_UP_BYTES_MAX ? s
                                      : str_sub(s, 0, utf8_floor(s.p, s.n, FOLLOW_UP_BYTES_MAX));
}

struct str follow_up_text(struct str question, const struct chat_message *history, size_t n_history,
                          struct arena *mem)
{
    struct str before[FOLLOW_UP_QUESTIONS_MAX], text;
    size_t n = 0;
    struct buf b;

    if (!follow_up_reason(question))
        return question;
    for (size_t i = n_history; i-- > 0 && n < FOLLOW_UP_QUESTIONS_MAX;) {
        if (history[i].role != CHAT_USER)
            continue;
        before[n++] = first_bytes(history[i].text);
        if (!follow_up_reason(history[i].text))
            break;
    }
    if (n == 0)
        return question;
    buf_init(&b);
    while (n-- > 0)
        buf_addf(&b, "%.*s ", STR_ARGS(before[n]));
    buf_add_view(&b, question);
    text = (struct str){arena_strndup(mem, b.p, b.n), b.n};
    buf_done(&b);
    return text;
}
