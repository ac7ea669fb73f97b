/* fuzz_pdf.c - pages as pdftotext draws them, read back as paragraphs, rows and columns. */
#include "extract/extract_pdf.h"
#include "fuzz/extracted_check.h"

static int read_drawn(struct str in, struct textout *out)
{
    return extract_drawn(in, out);
}

FUZZ_TARGET(pdf)
{
    const char *drawn = fuzz_cstr(in);

    check_extract(read_drawn, (struct str){drawn, in.n}, mem);
}
