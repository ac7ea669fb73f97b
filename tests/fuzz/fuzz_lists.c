/* fuzz_lists.c - files of lines that a user gives: questions to answer beforehand, and the rows of
 * --meta-file. */
#include <stdio.h>

#include "base/err.h"
#include "fuzz/fuzz.h"
#include "ingest/metadata.h"
#include "query/precompute_list.h"

static void read_questions(const char *path)
{
    struct precompute_list list;

    precompute_list_init(&list);
    if (precompute_list_read(&list, path, "default", NULL) == ERR_OK)
        for (size_t i = 0; i < list.n; i++)
            FUZZ_TRUE(list.v[i].where && !list.v[i].request == !!list.v[i].reason);
    precompute_list_done(&list);
}

FUZZ_TARGET(lists)
{
    const char *path = fuzz_file(in);
    struct meta_rows *rows = NULL;
    struct str merged = {NULL, 0};
    char name[64];

    read_questions(path);
    snprintf(name, sizeof name, "%s/list.jsonl", fuzz_dir());
    fuzz_dir_put("list.jsonl", in.n ? in : STR_LIT(""));
    read_questions(name);
    if (meta_rows_open(&rows, path) < 0)
        return;
    if (metadata_merge(NULL, meta_rows_find(rows, STR_LIT("a.md")), NULL, mem, &merged) == ERR_OK)
        FUZZ_TRUE(merged.n <= METADATA_BYTES_MAX);
    meta_rows_close(rows);
}
