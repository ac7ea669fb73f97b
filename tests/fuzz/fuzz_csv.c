/* fuzz_csv.c - CSV, whatever separates it. */
#include "fuzz/extracted_check.h"

FUZZ_TARGET(csv)
{
    check_file(KIND_CSV, in, mem);
}
