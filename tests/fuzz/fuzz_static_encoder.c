/* fuzz_static_encoder.c - the table that stands in for the encoder, as the file is and with its
 * checksum put right; what was read makes unit vectors and is written as it was. */
#include <math.h>

#include "base/err.h"
#include "embed/static_encoder.h"
#include "fuzz/fuzz.h"
#include "fuzz/seal.h"

static void use(const struct static_encoder *s, struct str bytes)
{
    static const struct token tokens[] = {{0, 0, 1}, {1, 1, 2}, {5, 2, 3}, {1, 3, 4}, {-1, 4, 5}};
    float v[STATIC_DIM_MAX], squares = 0;
    size_t dim = static_encoder_dim(s);
    struct buf out;

    FUZZ_TRUE(dim >= 1 && dim <= STATIC_DIM_MAX);
    if (static_encoder_encode(s, tokens, 5, v)) {
        for (size_t i = 0; i < dim; i++)
            squares += v[i] * v[i];
        FUZZ_TRUE(fabsf(squares - 1) < 1e-3f);
    }
    buf_init(&out);
    static_encoder_write(s, &out);
    FUZZ_TRUE(str_eq(buf_view(&out), bytes));
    buf_done(&out);
}

FUZZ_TARGET(static_encoder)
{
    struct str bytes = seal_end(in, mem);
    struct static_encoder *s = NULL;

    if (static_encoder_read(&s, in, "file") == ERR_OK)
        static_encoder_unref(s);
    if (static_encoder_read(&s, bytes, "file") < 0)
        return;
    use(s, bytes);
    static_encoder_unref(s);
}
