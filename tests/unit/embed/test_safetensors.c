#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "embed/safetensors.h"

static char path[] = "/tmp/ragd-weights-XXXXXX";

/* A file of this header and n_data bytes 0, 1, 2, ... after it. */
static void write_file(const char *header, size_t n_data)
{
    struct buf b;
    uint64_t n = strlen(header);

    buf_init(&b);
    buf_add(&b, &n, sizeof n);
    buf_add_str(&b, header);
    for (size_t i = 0; i < n_data; i++)
        buf_add_char(&b, (char)i);
    cr_assert_eq(file_write_atomic(path, b.p, b.n), ERR_OK);
    buf_done(&b);
}

static void make_path(void)
{
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    close(fd);
}

static void remove_path(void)
{
    unlink(path);
}

TestSuite(safetensors, .init = make_path, .fini = remove_path);

/* Refused with this code, and with this word in the reason. */
static void expect_refused(const char *header, size_t n_data, int code, const char *reason)
{
    struct safetensors *st = NULL;
    int rc;

    write_file(header, n_data);
    rc = safetensors_open(&st, path);
    cr_expect_eq(rc, code, "%s: %d (%s)", header, rc, err_text());
    cr_expect(rc >= 0 || strstr(err_text(), reason), "%s: '%s' lacks '%s'", header, err_text(),
              reason);
    cr_expect_null(st);
    safetensors_close(st);
}

Test(safetensors, finds_a_tensor_with_its_shape_and_place)
{
    struct safetensors *st = NULL;
    const struct tensor *t;

    write_file("{\"__metadata__\":{\"format\":\"pt\"},"
               "\"b\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[12,20]},"
               "\"a\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]}}",
               20);
    cr_assert_eq(safetensors_open(&st, path), ERR_OK, "%s", err_text());
    cr_expect_eq(safetensors_count(st), 2);
    t = safetensors_find(st, "a");
    cr_assert_not_null(t);
    cr_expect(t->rank == 2 && t->shape[0] == 2 && t->shape[1] == 3 && t->n == 6);
    cr_expect(t->dtype == DTYPE_BF16 && t->n_bytes == 12 && t->data[1] == 1);
    cr_expect_null(safetensors_find(st, "c"));
    cr_expect_null(safetensors_find(st, "__metadata__"));
    safetensors_close(st);
}

Test(safetensors, an_empty_tensor_and_a_single_number_are_tensors)
{
    struct safetensors *st = NULL;

    write_file("{\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]},"
               "\"one\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
               4);
    cr_assert_eq(safetensors_open(&st, path), ERR_OK, "%s", err_text());
    cr_expect_eq(safetensors_find(st, "none")->n, 0);
    cr_expect_eq(safetensors_find(st, "one")->n, 1);
    safetensors_close(st);
}

Test(safetensors, refuses_a_file_that_was_cut)
{
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", 15,
                   ERR_FORMAT, "cut");
}

Test(safetensors, refuses_a_header_longer_than_the_file)
{
    struct safetensors *st = NULL;
    unsigned char huge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}'};

    cr_assert_eq(file_write_atomic(path, huge, sizeof huge), ERR_OK);
    cr_expect_eq(safetensors_open(&st, path), ERR_FORMAT);
    cr_assert_eq(file_write_atomic(path, huge, 7), ERR_OK);
    cr_expect_eq(safetensors_open(&st, path), ERR_FORMAT);
    cr_assert_eq(file_write_atomic(path, huge, 0), ERR_OK);
    cr_expect_eq(safetensors_open(&st, path), ERR_FORMAT);
    cr_expect_eq(safetensors_open(&st, "/nowhere/model.safetensors"), ERR_NOT_FOUND);
    cr_expect_null(st);
}

Test(safetensors, refuses_headers_that_are_not_objects_of_tensors)
{
    expect_refused("", 0, ERR_FORMAT, "JSON");
    expect_refused("[]", 0, ERR_FORMAT, "object");
    expect_refused("{\"a\":1}", 0, ERR_FORMAT, "dtype");
    expect_refused("{\"a\":{}}", 0, ERR_FORMAT, "dtype");
    expect_refused("{\"a\":{\"dtype\":\"F32\"}}", 0, ERR_FORMAT, "shape");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, ERR_FORMAT, "data_offsets");
    expect_refused("{\"a\":{\"dtype\":\"F3\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
                   ERR_UNSUPPORTED, "F3");
    expect_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
                   "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
                   1, ERR_FORMAT, "duplicate");
}

Test(safetensors, refuses_absurd_shapes)
{
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
                   ERR_FORMAT, "shape");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4,
                   ERR_FORMAT, "shape");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4],"
                   "\"data_offsets\":[0,4]}}",
                   4, ERR_FORMAT, "shape");
    /* the elements fit in 64 bits, their bytes do not */
    expect_refused("{\"a\":{\"dtype\":\"F64\",\"shape\":[4294967296,1073741824],"
                   "\"data_offsets\":[0,0]}}",
                   0, ERR_FORMAT, "shape");
    expect_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],"
                   "\"data_offsets\":[0,1]}}",
                   1, ERR_LIMIT, "dimensions");
}

Test(safetensors, refuses_places_that_do_not_fit)
{
    const char *overlap = "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                          "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[3,7]}}";
    const char *gap = "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                      "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[5,9]}}";

    expect_refused(overlap, 7, ERR_FORMAT, "overlaps");
    expect_refused(gap, 9, ERR_FORMAT, "gap");
    expect_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 5, ERR_FORMAT,
                   "no tensor");
    expect_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,0]}}", 4, ERR_FORMAT,
                   "bytes 4 to 0");
    expect_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,3]}}", 3, ERR_FORMAT,
                   "shape");
    expect_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[-4,0]}}", 4,
                   ERR_FORMAT, "data_offsets");
}

/* Every single-byte change of a good header is opened or refused, and nothing else happens. */
Test(safetensors, survives_any_flipped_byte)
{
    const char *good = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]}}";
    struct buf b;

    buf_init(&b);
    write_file(good, 8);
    cr_assert_eq(file_read(path, 4096, &b), ERR_OK);
    for (size_t i = 0; i < b.n - 8; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct safetensors *st = NULL;
            int rc;

            b.p[i] = (char)(b.p[i] ^ 1 << bit);
            cr_assert_eq(file_write_atomic(path, b.p, b.n), ERR_OK);
            rc = safetensors_open(&st, path);
            cr_expect_eq(rc == ERR_OK, st != NULL);
            safetensors_close(st);
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
        }
    }
    buf_done(&b);
}

static void expect_values(const char *dtype, const void *bytes, size_t n, const float *want)
{
    struct tensor t = {.name = "t", .dtype_name = dtype, .n = n, .data = bytes};
    float got[8];

    t.dtype = strcmp(dtype, "F16") == 0 ? DTYPE_F16 : DTYPE_BF16;
    cr_assert_eq(tensor_read(&t, got), ERR_OK);
    for (size_t i = 0; i < n; i++)
        cr_expect(got[i] == want[i] || (isnan(got[i]) && isnan(want[i])), "%s %zu: %g, not %g",
                  dtype, i, got[i], want[i]);
    cr_expect_null(tensor_in_place(&t));
}

Test(safetensors, reads_half_floats)
{
    uint16_t f16[] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00, 0x0400, 0x7e00};
    float want16[] = {1, -2, 65504, 0x1p-24f, -0.0f, INFINITY, 0x1p-14f, NAN};
    uint16_t bf16[] = {0x3f80, 0xc000, 0x4049, 0x7f80};
    float want_bf16[] = {1, -2, 3.140625f, INFINITY};

    expect_values("F16", f16, 8, want16);
    expect_values("BF16", bf16, 4, want_bf16);
}

Test(safetensors, refuses_to_read_integers_as_floats)
{
    struct tensor t = {.name = "ids", .dtype = DTYPE_OTHER, .dtype_name = "I64", .n = 1};
    float out = 7;

    cr_expect_eq(tensor_read(&t, &out), ERR_UNSUPPORTED);
    cr_expect(strstr(err_text(), "ids") && strstr(err_text(), "I64"));
    cr_expect_eq(out, 7.0f);
}

Test(safetensors, reads_floats_where_they_lie_only_if_aligned)
{
    float f[2] = {1, 2};
    struct tensor t = {.dtype = DTYPE_F32, .n = 1, .data = (unsigned char *)f, .n_bytes = 4};
    float out = 0;

    cr_expect_eq(tensor_in_place(&t), f);
    t.data++;
    cr_expect_null(tensor_in_place(&t));
    cr_expect_eq(tensor_read(&t, &out), ERR_OK);
}
