/* fuzz_records.c - the same bytes as a .json and as a .jsonl file. */
#include "fuzz/extracted_check.h"

FUZZ_TARGET(records)
{
    check_file(KIND_JSON, in, mem);
    check_file(KIND_JSONL, in, mem);
}
