/* fuzz_docx.c - Word documents as the helper process reads them: as a zip when the input begins
 * like one, else its parts are put into one. */
#include <zip.h>

#include "base/mem.h"
#include "extract/extract_docx.h"
#include "fuzz/extracted_check.h"

#define ZIP_MAX (1u << 20)

static const char *const names[] = {"word/document.xml", "word/styles.xml", "docProps/core.xml",
                                    "word/footnotes.xml", "word/endnotes.xml"};

static void add_parts(zip_t *zip, struct str in)
{
    for (size_t i = 0; i < sizeof names / sizeof *names && in.n; i++) {
        struct str part = fuzz_part(&in);
        zip_source_t *bytes = zip_source_buffer(zip, part.p, part.n, 0);
        zip_int64_t at = zip_file_add(zip, names[i], bytes, 0);

        FUZZ_TRUE(bytes && at >= 0);
        FUZZ_TRUE(zip_set_file_compression(zip, (zip_uint64_t)at, ZIP_CM_STORE, 0) == 0);
    }
}

static struct str zip_of(struct str in, struct arena *mem)
{
    zip_error_t e;
    zip_source_t *out = zip_source_buffer_create(NULL, 0, 0, &e);
    zip_t *zip = zip_open_from_source(out, ZIP_TRUNCATE, &e);
    char *bytes = arena_alloc(mem, ZIP_MAX);
    zip_int64_t n;

    FUZZ_TRUE(out && zip);
    zip_source_keep(out);
    add_parts(zip, in);
    FUZZ_TRUE(zip_close(zip) == 0 && zip_source_open(out) == 0);
    n = zip_source_read(out, bytes, ZIP_MAX);
    FUZZ_TRUE(n >= 0);
    zip_source_close(out);
    zip_source_free(out);
    return (struct str){bytes, (size_t)n};
}

FUZZ_TARGET(docx)
{
    bool is_zip = str_starts(in, STR_LIT("PK"));

    if (in.n && in.n < ZIP_MAX / 2)
        check_extract(extract_docx, is_zip ? in : zip_of(in, mem), mem);
}
