/* addition.h - what a POST /documents brings: read from its body, ingested, told.
 *
 *   JSON        {"documents":[{id?,uri,title,text,metadata}],"collection"?}
 *   multipart   files, and the fields collection and metadata (a JSON object for all files)
 *
 * It holds all it needs, so it may outlive the request that brought it.
 *
 * Limits   ADDITION_DOCUMENTS documents, MULTIPART_PARTS_MAX parts; the body's is the route's.
 * Threads  confined: one thread at a time.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"

#define ADDITION_DOCUMENTS 10000

struct addition;
struct engine;
struct ingest_report;

struct addition_source {
    struct str content_type;
    struct buf *body;                /* taken: empty afterwards */
    const char *tenant, *collection; /* copied; a collection in the body comes first */
};

/* content: NULL, or filled with a digest of what was brought. Of a form it is one of the parts,
 * because who sends a form again draws another boundary. ERR_ARGUMENT, ERR_FORMAT, ERR_LIMIT. */
int addition_read(struct addition **out, const struct addition_source *from,
                  struct digest *content);
void addition_free(struct addition *a);

const char *addition_collection(const struct addition *a); /* the one that it goes to */
size_t addition_count(const struct addition *a);           /* documents, or files */

struct addition_run {
    /* `done` of the count are settled; the report only grows. May be NULL. */
    void (*tell)(void *arg, size_t done, const struct ingest_report *report);
    void *arg;
    const atomic_bool *cancel; /* NULL: cannot be cancelled */
};

/* Once. ERR_OK when all that it brings is committed and visible, or refused one by one. */
int addition_ingest(struct addition *a, struct engine *e, const struct addition_run *how);

/* After addition_ingest: {"documents":[{"id","status","reason","chunks"}]}. */
void addition_write(const struct addition *a, struct buf *out);
