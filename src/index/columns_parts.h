/* columns_parts.h - what columns.c and columns_file.c share; nobody outside includes it. */
#pragma once
#include <stdbool.h>

#include "index/columns.h"
#include "index/dict.h"

/* A row is a document, or a chunk for what differs inside a document. */
struct entry {
    uint32_t row, value;
};

/* A distinct value is kept as bytes: its type, then the string, the double or the bool. */
struct column {
    bool by_chunk;
    struct dict *values;
    struct entry *entries; /* rows ascending */
    size_t n, cap;
};

struct columns {
    size_t n_documents, n_chunks;
    uint32_t *first_chunk; /* [n_documents + 1] */
    size_t cap_first;
    struct dict *names; /* the id is the column's place */
    struct column *v;
    size_t cap_columns;
    bool mapped; /* the arrays belong to a file */
};
