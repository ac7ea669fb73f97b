#include "extract/zip_part.h"

#include "base/err.h"

#define RATIO_FROM ((zip_uint64_t)1 << 20)

int zip_part_open(zip_t **out, struct str bytes)
{
    zip_error_t e;
    zip_source_t *source;
    zip_t *zip = NULL;

    zip_error_init(&e);
    source = zip_source_buffer_create(bytes.p, bytes.n, 0, &e);
    if (source)
        zip = zip_open_from_source(source, ZIP_RDONLY, &e);
    if (!zip) {
        int rc = FAIL(ERR_FORMAT, "damaged zip: %s", zip_error_strerror(&e));

        zip_source_free(source);
        zip_error_fini(&e);
        return rc;
    }
    zip_error_fini(&e);
    if (zip_get_num_entries(zip, 0) > ZIP_ENTRIES_MAX) {
        zip_discard(zip);
        return FAIL(ERR_LIMIT, "a zip of more than %d parts", ZIP_ENTRIES_MAX);
    }
    *out = zip;
    return ERR_OK;
}

static int check_size(const char *name, const zip_stat_t *st)
{
    if (!(st->valid & ZIP_STAT_SIZE) || !(st->valid & ZIP_STAT_COMP_SIZE))
        return FAIL(ERR_FORMAT, "damaged zip: '%s' has no size", name);
    if ((st->valid & ZIP_STAT_ENCRYPTION_METHOD) && st->encryption_method != ZIP_EM_NONE)
        return FAIL(ERR_FORMAT, "password protected");
    if (st->size > ZIP_PART_MAX)
        return FAIL(ERR_LIMIT, "its part '%s' of %llu bytes is over the limit of %zu", name,
                    (unsigned long long)st->size, ZIP_PART_MAX);
    if (st->size > RATIO_FROM && st->size / ZIP_RATIO_MAX > st->comp_size)
        return FAIL(ERR_LIMIT, "its part '%s' inflates more than %d times (a zip bomb?)", name,
                    ZIP_RATIO_MAX);
    return ERR_OK;
}

int zip_part_read(zip_t *zip, const char *name, struct buf *out)
{
    zip_stat_t st;
    zip_file_t *f;
    zip_int64_t got = 1;
    size_t start = out->n;
    int rc;

    if (zip_stat(zip, name, ZIP_FL_ENC_RAW, &st) < 0)
        return FAIL(ERR_NOT_FOUND, "the zip has no part '%s'", name);
    rc = check_size(name, &st);
    if (rc < 0)
        return rc;
    f = zip_fopen_index(zip, st.index, 0);
    if (!f)
        return FAIL(ERR_FORMAT, "damaged zip: '%s': %s", name, zip_strerror(zip));
    buf_reserve(out, st.size);
    while (got > 0 && out->n - start < st.size) {
        got = zip_fread(f, out->p + out->n, st.size - (out->n - start));
        out->n += got > 0 ? (size_t)got : 0;
    }
    out->p[out->n] = '\0';
    zip_fclose(f);
    if (out->n - start < st.size)
        return FAIL(ERR_FORMAT, "damaged zip: '%s' is cut short", name);
    return ERR_OK;
}
