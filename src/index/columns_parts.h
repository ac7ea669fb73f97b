/* columns_parts.h - what the files of columns share. */
#pragma once
#include "base/buf.h"
#include "index/columns.h"
#include "index/dict.h"

/* A row is a document, or a chunk for what differs inside a document; a value is its place among
 * the column's. */
struct entry {
    uint32_t row, value;
};

struct column {
    bool by_chunk;
    struct entry *entries; /* rows ascending */
    uint32_t *values;      /* the distinct ones: ids in columns.values */
    size_t n, n_values;
    size_t cap, cap_values;
};

/* The values of all columns are in one dictionary, as bytes: the column's number (4), the type (1),
 * then the string, the double or the bool. */
struct columns {
    size_t n_documents, n_chunks;
    uint32_t *first_chunk; /* [n_documents + 1] */
    struct dict *names;    /* the id is the column's place */
    struct dict *values;
    struct column *v;
    bool mapped; /* first_chunk and what the columns point to belong to a file */

    /* While it grows: */
    uint32_t *place; /* of a value in its column */
    struct buf key;  /* of the value that is looked up */
    size_t cap_first, cap_columns, cap_place;
};
