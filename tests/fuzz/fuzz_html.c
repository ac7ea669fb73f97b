/* fuzz_html.c - HTML as the helper process reads it. */
#include "extract/extract_html.h"
#include "fuzz/extracted_check.h"

FUZZ_TARGET(html)
{
    check_extract(extract_html, in, mem);
}
