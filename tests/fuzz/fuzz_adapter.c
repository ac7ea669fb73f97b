/* fuzz_adapter.c - the matrix for questions, as the file is and with its checksum put right. */
#include <math.h>

#include "base/err.h"
#include "embed/adapter.h"
#include "fuzz/fuzz.h"
#include "fuzz/seal.h"

static void use(const struct adapter *a)
{
    static float v[ADAPTER_DIM_MAX], out[ADAPTER_DIM_MAX];
    size_t dim = adapter_dim(a);
    float squares = 0;

    FUZZ_TRUE(dim >= 1 && dim <= ADAPTER_DIM_MAX);
    for (size_t i = 0; i < dim; i++)
        v[i] = 1 / sqrtf((float)dim);
    adapter_apply(a, v, out);
    for (size_t i = 0; i < dim; i++)
        squares += out[i] * out[i];
    FUZZ_TRUE(fabsf(squares - 1) < 1e-3f);
}

FUZZ_TARGET(adapter)
{
    struct str bytes = seal_end(in, mem);
    struct adapter *a = NULL, *again = NULL;
    struct buf out;

    if (adapter_read(&a, in, "file") == ERR_OK)
        adapter_unref(a);
    if (adapter_read(&a, bytes, "file") < 0)
        return;
    use(a);
    buf_init(&out);
    adapter_write(a, &out);
    FUZZ_TRUE(out.n == bytes.n);
    FUZZ_TRUE(adapter_read(&again, buf_view(&out), "again") == ERR_OK);
    FUZZ_TRUE(digest_eq(adapter_fingerprint(again), adapter_fingerprint(a)));
    buf_done(&out);
    adapter_unref(a);
    adapter_unref(again);
}
