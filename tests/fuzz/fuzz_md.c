/* fuzz_md.c - Markdown, front matter and entities included. The text has a NUL behind it, as what
 * is read from files has: md4c finds line ends by strcspn, of which the sanitizer wants that. */
#include "fuzz/extracted_check.h"

FUZZ_TARGET(md)
{
    const char *text = fuzz_cstr(in);

    check_file(KIND_MD, (struct str){text, in.n}, mem);
}
