/* fuzz_rerank_wire.c - replies of reranking servers: a finite score for each text, or a refusal
 * that leaves the scores alone. The first byte says which server and how many texts were sent. */
#include <math.h>

#include "base/err.h"
#include "embed/rerank_wire.h"
#include "fuzz/fuzz.h"

#define TEXTS_MAX 4

FUZZ_TARGET(rerank_wire)
{
    uint8_t how = fuzz_byte(&in);
    size_t n = how % TEXTS_MAX + 1;
    float out[TEXTS_MAX] = {7, 7, 7, 7};
    int rc = rerank_reply_read(how & 0x80 ? RERANK_COHERE : RERANK_TEI, in, n, out);

    (void)mem;
    for (size_t i = 0; i < TEXTS_MAX; i++)
        FUZZ_TRUE(rc == ERR_OK && i < n ? isfinite(out[i]) : out[i] == 7.0f);
}
