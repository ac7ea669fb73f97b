/* fuzz_txt.c - a text file of whatever encoding. */
#include "fuzz/extracted_check.h"

FUZZ_TARGET(txt)
{
    check_file(KIND_TXT, in, mem);
}
