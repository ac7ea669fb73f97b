#include "embed/static_encoder.h"

#include <criterion/criterion.h>
#include <math.h>

#include "base/err.h"

static const int32_t ids[] = {3, 5, 8};
static const float rows[] = {1, 0, 0, 0, /* 3 */ 0, 2, 0, 0, /* 5 */ 0, 0, 0.5f, 0 /* 8 */};

static struct static_encoder *small(void)
{
    struct static_origin origin = {
        .collection = 7, .epoch = 9, .n_chunks = 200, .fitted_ms = 1700000000000};

    memset(origin.fingerprint.b, 0xab, sizeof origin.fingerprint.b);
    return static_encoder_new(&origin, ids, rows, 3, 4, 10);
}

static bool encode(const struct static_encoder *s, const int32_t *text, size_t n, float out[4])
{
    struct token tokens[8] = {0};

    for (size_t i = 0; i < n; i++)
        tokens[i].id = text[i];
    return static_encoder_encode(s, tokens, n, out);
}

Test(static_encoder, sums_rows_by_the_square_root_of_the_count)
{
    struct static_encoder *s = small();
    float out[4];

    cr_assert(encode(s, (int32_t[]){3, 5, 3, 3, 3}, 5, out)); /* 2 * (1,0) + 1 * (0,2) */
    cr_expect_float_eq(out[0], (float)M_SQRT1_2, 1e-6f);
    cr_expect_float_eq(out[1], (float)M_SQRT1_2, 1e-6f);
    cr_expect_eq(out[2], 0.0f);
    static_encoder_unref(s);
}

Test(static_encoder, unknown_tokens_count_nothing)
{
    struct static_encoder *s = small();
    float with[4], without[4];

    cr_assert(encode(s, (int32_t[]){3, 4, 8, 9}, 4, with));
    cr_assert(encode(s, (int32_t[]){3, 8}, 2, without));
    cr_expect_arr_eq(with, without, sizeof with);
    static_encoder_unref(s);
}

Test(static_encoder, no_known_token_is_no_vector)
{
    struct static_encoder *s = small();
    float out[4] = {42, 42, 42, 42};

    cr_expect_not(encode(s, NULL, 0, out));
    cr_expect_not(encode(s, (int32_t[]){4, 99999, -1}, 3, out));
    cr_expect_eq(out[0], 42.0f, "nothing is written");
    static_encoder_unref(s);
}

Test(static_encoder, a_small_row_keeps_its_direction)
{
    float tiny[] = {1e-6f, -2e-6f, 0, 3e-6f}, out[4];
    struct static_origin origin = {0};
    struct static_encoder *s = static_encoder_new(&origin, ids, tiny, 1, 4, 10);

    cr_assert(encode(s, (int32_t[]){3}, 1, out));
    cr_expect_float_eq(out[0], 1 / sqrtf(14), 0.005f);
    cr_expect_float_eq(out[3], 3 / sqrtf(14), 0.005f);
    static_encoder_unref(s);
}

Test(static_encoder, comes_back_from_its_file_as_it_was)
{
    struct static_encoder *s = small(), *again = NULL;
    float a[4], b[4];
    struct buf bytes;

    buf_init(&bytes);
    static_encoder_write(s, &bytes);
    cr_expect_eq(bytes.n, 88 + 3 * (8 + 4) + 8, "as the table of bytes says");
    cr_assert_eq(static_encoder_read(&again, buf_view(&bytes), "x"), ERR_OK, "%s", err_text());
    cr_assert(encode(s, (int32_t[]){3, 5, 8}, 3, a));
    cr_assert(encode(again, (int32_t[]){3, 5, 8}, 3, b));
    cr_expect_arr_eq(a, b, sizeof a);
    cr_expect_eq(static_encoder_origin(again)->collection, 7);
    cr_expect_eq(static_encoder_origin(again)->epoch, 9);
    cr_expect_eq(static_encoder_origin(again)->n_chunks, 200);
    cr_expect_eq(static_encoder_origin(again)->fitted_ms, 1700000000000);
    cr_expect(digest_eq(&static_encoder_origin(again)->fingerprint,
                        &static_encoder_origin(s)->fingerprint));
    static_encoder_unref(again);
    static_encoder_unref(s);
    buf_done(&bytes);
}

/* Read from memory of exactly that size, so that a step beyond it is seen. */
static int read_copy(const struct buf *bytes, size_t n, struct static_encoder **out)
{
    char *copy = malloc(n ? n : 1);
    int rc;

    memcpy(copy, bytes->p, n);
    rc = static_encoder_read(out, (struct str){copy, n}, "the file");
    free(copy);
    return rc;
}

Test(static_encoder, every_flipped_bit_and_every_cut_is_a_format_error)
{
    struct static_encoder *s = small(), *out = NULL;
    struct buf bytes;

    buf_init(&bytes);
    static_encoder_write(s, &bytes);
    for (size_t i = 0; i < bytes.n; i++) {
        bytes.p[i] ^= 0x10;
        cr_expect_eq(read_copy(&bytes, bytes.n, &out), ERR_FORMAT, "byte %zu", i);
        bytes.p[i] ^= 0x10;
    }
    for (size_t n = 0; n < bytes.n; n++)
        cr_expect_eq(read_copy(&bytes, n, &out), ERR_FORMAT, "%zu bytes", n);
    cr_expect_null(out);
    cr_expect(strstr(err_text(), "the file"), "%s", err_text());
    static_encoder_unref(s);
    buf_done(&bytes);
}

static void sign(struct buf *bytes)
{
    uint64_t sum = hash64_stable(bytes->p, bytes->n - 8);

    memcpy(bytes->p + bytes->n - 8, &sum, sizeof sum);
}

Test(static_encoder, a_right_checksum_does_not_excuse_wrong_ids_or_sizes)
{
    struct static_encoder *s = small(), *out = NULL;
    struct buf bytes;
    uint32_t huge = UINT32_MAX;
    int32_t bad = 10;

    buf_init(&bytes);
    static_encoder_write(s, &bytes);
    memcpy(bytes.p + 88 + 8, &bad, sizeof bad); /* the vocabulary ends at 9 */
    sign(&bytes);
    cr_expect_eq(read_copy(&bytes, bytes.n, &out), ERR_FORMAT);
    cr_expect(strstr(err_text(), "out of order"), "%s", err_text());
    memcpy(bytes.p + 20, &huge, sizeof huge);
    sign(&bytes);
    cr_expect_eq(read_copy(&bytes, bytes.n, &out), ERR_FORMAT);
    static_encoder_unref(s);
    buf_done(&bytes);
}
