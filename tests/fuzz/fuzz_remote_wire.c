/* fuzz_remote_wire.c - replies of embedding servers: vectors are finite and of length 1, or they
 * are refused. The first byte says which server and how many texts were sent. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "embed/remote_wire.h"
#include "fuzz/fuzz.h"

#define TEXTS_MAX 4

static void check(const float *v, size_t dim)
{
    double squares = 0;

    for (size_t i = 0; i < dim; i++)
        squares += (double)v[i] * v[i];
    FUZZ_TRUE(fabs(squares - 1) < 1e-3);
}

FUZZ_TARGET(remote_wire)
{
    static float out[TEXTS_MAX * REMOTE_DIM_MAX];
    uint8_t how = fuzz_byte(&in);
    size_t n = how % TEXTS_MAX + 1, dim = how & 0x40 ? 2 : 0;
    enum remote_kind kind = how & 0x80 ? REMOTE_TEI : REMOTE_OPENAI;
    struct wire_info info = {0};

    (void)mem;
    if (wire_reply_read(kind, in, n, &dim, out) == ERR_OK) {
        FUZZ_TRUE(dim >= 1 && dim <= REMOTE_DIM_MAX && (!(how & 0x40) || dim == 2));
        for (size_t i = 0; i < n; i++)
            check(out + i * dim, dim);
    }
    if (wire_info_read(in, &info) == ERR_OK)
        FUZZ_TRUE(strlen(info.model) < REMOTE_MODEL_MAX && info.max_tokens <= REMOTE_TOKENS_MAX);
}
