/* extract.h - bytes of a file in, documents with plain text out.
 *
 * Kinds: txt, md, html, pdf, docx, csv, json, jsonl. PDF, HTML and DOCX are read in a child
 * process (this program as `ragd --extract-helper`, reused across files) with limits on time,
 * memory and output, because parsers of others may hang or eat memory on hostile files. Text comes
 * out as valid UTF-8 with \n line ends; blocks are separated by blank lines, tables stay rows with
 * " | " between cells, headings stay lines of their own and are listed.
 *
 * Errors   ERR_FORMAT, ERR_LIMIT, ERR_TIMEOUT with a reason a human can act on: "password
 *          protected", "no text (scanned images?)", "not UTF-8, UTF-16 or Latin-1 text".
 * Threads  an extractor is confined; use one per ingest.
 */
#pragma once
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum file_kind {
    KIND_UNKNOWN,
    KIND_TXT,
    KIND_MD,
    KIND_HTML,
    KIND_PDF,
    KIND_DOCX,
    KIND_CSV,
    KIND_JSON,
    KIND_JSONL
};

/* By the name's ending, without case. */
enum file_kind kind_of(const char *name);
const char *kind_name(enum file_kind k);

struct page_mark {
    uint32_t start; /* byte in text where this page begins */
    int32_t page;   /* from 1 */
};

struct heading_mark {
    uint32_t start, end; /* the heading's own bytes in text */
    int32_t level;       /* from 1 */
};

struct extracted {
    struct str id;    /* json and jsonl records: their id; "" otherwise */
    struct str title; /* "" when the format tells none */
    struct str uri;   /* records may carry one */
    struct str text;
    json_t *metadata; /* object or NULL (front matter, record); owned by extracted_done */
    struct page_mark *pages;
    size_t n_pages;
    struct heading_mark *headings;
    size_t n_headings;
};

struct extracted_list {
    struct extracted *v;
    size_t n, cap;
    char **problems; /* records that were refused, each "line 7: ..." ; mem_free'd by done */
    size_t n_problems, cap_problems;
};
void extracted_list_done(struct extracted_list *l);

/* Of one file; 0 takes the default. */
struct extract_limits {
    int64_t timeout_ms;   /* 10 s of processor time, and three times that by the clock */
    int64_t memory_bytes; /* 768 MiB for the helper, half of it for pdftotext */
    int64_t text_bytes;   /* 64 MiB; at most UINT32_MAX, because offsets are 32 bits */
    int64_t file_bytes;   /* 64 MiB */
};

struct extractor;
/* `limits` NULL: all defaults. The helper starts with the first file that needs it. */
int extractor_new(struct extractor **out, const struct extract_limits *limits);
void extractor_free(struct extractor *x); /* ends the child */

/* Appends the documents of one file (one for most kinds) to `out`, text in `mem`. */
int extract(struct extractor *x, enum file_kind kind, const char *name, struct str bytes,
            struct arena *mem, struct extracted_list *out);

/* The child's main: reads requests on fd 0, answers on fd 1. For cli/main.c. */
int extract_helper_main(void);
