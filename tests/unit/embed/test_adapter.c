#include "embed/adapter.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"

#define DIM 3

/* A quarter turn of the first two, the third twice as long. */
static const float turn[DIM * DIM] = {0, -1, 0, 1, 0, 0, 0, 0, 2};

static struct adapter *small(void)
{
    struct adapter_origin origin = {
        .collection = 7,
        .fitted_ms = 1700000000000,
        .n_questions = 120,
        .vector = {0.4f, 0.5f, 0.6f, 0.7f},
        .hybrid = {0.5f, 0.6f, 0.7f, 0.8f},
    };

    memset(origin.model.b, 0xab, sizeof origin.model.b);
    return adapter_new(&origin, turn, DIM);
}

Test(adapter, multiplies_and_scales_to_length_one)
{
    struct adapter *a = small();
    float v[DIM] = {1, 0, 0}, w[DIM] = {0, (float)M_SQRT1_2, (float)M_SQRT1_2}, out[DIM];

    adapter_apply(a, v, out);
    cr_expect_float_eq(out[0], 0, 1e-6f);
    cr_expect_float_eq(out[1], 1, 1e-6f);
    adapter_apply(a, w, out);
    cr_expect_float_eq(out[0], -1 / sqrtf(5), 1e-6f);
    cr_expect_float_eq(out[2], 2 / sqrtf(5), 1e-6f);
    adapter_unref(a);
}

Test(adapter, leaves_a_vector_that_it_would_wipe_out)
{
    const float nothing[DIM * DIM] = {0};
    struct adapter_origin origin = {0};
    struct adapter *a = adapter_new(&origin, nothing, DIM);
    float v[DIM] = {0.6f, 0.8f, 0}, out[DIM];

    adapter_apply(a, v, out);
    cr_expect_arr_eq(out, v, sizeof v);
    adapter_unref(a);
}

Test(adapter, what_is_left_of_a_vector_is_of_length_one_or_the_vector)
{
    struct adapter_origin origin = {0};
    float tiny[DIM * DIM], v[DIM] = {0.6f, 0.8f, 0}, out[DIM];

    for (float scale = 1e30f; scale > 1e-30f; scale /= 10) {
        struct adapter *a;

        for (size_t i = 0; i < DIM * DIM; i++)
            tiny[i] = turn[i] * scale;
        a = adapter_new(&origin, tiny, DIM);
        adapter_apply(a, v, out);
        cr_expect_float_eq(out[0] * out[0] + out[1] * out[1] + out[2] * out[2], 1, 1e-5f,
                           "at %g: %g %g %g", scale, out[0], out[1], out[2]);
        adapter_unref(a);
    }
}

Test(adapter, is_known_by_model_and_matrix)
{
    struct adapter_origin origin = {0}, other = {.model.b = {1}}, later = {.fitted_ms = 5};
    float changed[DIM * DIM];
    struct adapter *a = adapter_new(&origin, turn, DIM), *b = adapter_new(&other, turn, DIM);
    struct adapter *c = adapter_new(&later, turn, DIM), *d;

    memcpy(changed, turn, sizeof turn);
    changed[4] = 0.001f;
    d = adapter_new(&origin, changed, DIM);
    cr_expect_not(digest_eq(adapter_fingerprint(a), adapter_fingerprint(b)), "another model");
    cr_expect(digest_eq(adapter_fingerprint(a), adapter_fingerprint(c)), "only made later");
    cr_expect_not(digest_eq(adapter_fingerprint(a), adapter_fingerprint(d)), "another matrix");
    adapter_unref(a);
    adapter_unref(b);
    adapter_unref(c);
    adapter_unref(d);
}

Test(adapter, comes_back_from_its_file_as_it_was)
{
    struct adapter *a = small(), *b = NULL;
    struct buf bytes;

    buf_init(&bytes);
    adapter_write(a, &bytes);
    cr_expect_eq(bytes.n, 104 + 4 * DIM * DIM + 8, "as the table of bytes says");
    cr_assert_eq(adapter_read(&b, buf_view(&bytes), "it"), ERR_OK, "%s", err_text());
    cr_expect(digest_eq(adapter_fingerprint(a), adapter_fingerprint(b)));
    cr_expect_eq(memcmp(adapter_origin(a), adapter_origin(b), sizeof(struct adapter_origin)), 0);
    cr_expect_eq(adapter_dim(b), DIM);
    adapter_unref(b);
    adapter_unref(adapter_ref(a));
    adapter_unref(a);
    buf_done(&bytes);
}

static void expect_refused(const struct buf *bytes, size_t n, const char *said)
{
    struct adapter *a = NULL;
    char *copy = malloc(n ? n : 1); /* its own block: reading past the end is seen */

    memcpy(copy, bytes->p, n);
    cr_expect_eq(adapter_read(&a, (struct str){copy, n}, "it"), ERR_FORMAT);
    cr_expect(strstr(err_text(), said), "'%s' does not say '%s'", err_text(), said);
    cr_expect_null(a);
    free(copy);
}

Test(adapter, a_file_with_any_byte_changed_is_refused)
{
    struct adapter *a = small();
    struct buf bytes;

    buf_init(&bytes);
    adapter_write(a, &bytes);
    for (size_t i = 0; i < bytes.n; i++) {
        bytes.p[i] ^= 0x10;
        expect_refused(&bytes, bytes.n, "it");
        bytes.p[i] ^= 0x10;
    }
    adapter_unref(a);
    buf_done(&bytes);
}

Test(adapter, a_file_cut_anywhere_is_refused)
{
    struct adapter *a = small();
    struct buf bytes;

    buf_init(&bytes);
    adapter_write(a, &bytes);
    for (size_t n = 0; n < bytes.n; n++)
        expect_refused(&bytes, n, "bytes");
    adapter_unref(a);
    buf_done(&bytes);
}

Test(adapter, numbers_that_are_none_are_refused_although_the_sum_is_right)
{
    float bad[DIM * DIM] = {1, 0, 0, 0, NAN};
    struct adapter_origin origin = {0};
    struct adapter *a = adapter_new(&origin, bad, DIM);
    struct buf bytes;

    buf_init(&bytes);
    adapter_write(a, &bytes);
    expect_refused(&bytes, bytes.n, "number 4");
    adapter_unref(a);
    buf_done(&bytes);
}
