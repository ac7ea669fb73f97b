/* fuzz_claims.c - an answer, then the passages it is checked against: each sentence has a verdict,
 * and what is copied from a passage is borne out by it. */
#include "base/err.h"
#include "fuzz/fuzz.h"
#include "generate/claims.h"
#include "generate/cues.h"
#include "generate/follow_up.h"

#define SOURCES_MAX 4

static struct word_analyzer *words;

static void make_words(void)
{
    struct word_settings s = {"english", true};

    FUZZ_TRUE(word_analyzer_new(&words, &s) == ERR_OK);
}

static void check(struct str answer, const struct claim *v, size_t n)
{
    uint32_t at = 0;

    FUZZ_TRUE(n <= CLAIMS_MAX);
    for (size_t i = 0; i < n; i++) {
        FUZZ_TRUE(v[i].span.start >= at && v[i].span.start < v[i].span.end);
        FUZZ_TRUE(v[i].span.end <= answer.n);
        FUZZ_TRUE(claim_verdict_name(v[i].verdict));
        FUZZ_TRUE(claim_is_supported(v[i].verdict) || v[i].reason);
        at = v[i].span.end;
    }
}

FUZZ_TARGET(claims)
{
    struct str answer = fuzz_utf8(fuzz_part(&in), mem), texts[SOURCES_MAX];
    struct claim_source sources[SOURCES_MAX];
    struct claim *claims = NULL;
    size_t n = 0, n_claims = 0;

    FUZZ_ONCE(make_words());
    for (; n < SOURCES_MAX && in.n; n++) {
        texts[n] = fuzz_utf8(fuzz_part(&in), mem);
        sources[n] = (struct claim_source){(uint32_t)n + 1, STR_LIT(""), texts[n]};
    }
    claims_check(words, answer, sources, n, mem, &claims, &n_claims);
    check(answer, claims, n_claims);
    (void)cue_names_missing(answer, texts, n);
    (void)cue_negates(answer);
    (void)follow_up_reason(answer);
    if (n)
        (void)cue_defines(answer, texts[0]);
}
