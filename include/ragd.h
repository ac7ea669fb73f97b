/* ragd.h - question answering over your own documents, as a library.
 *
 *   struct ragd *r;
 *   if (ragd_open(&r, "./ragd-data", "models/all-MiniLM-L6-v2") < 0)
 *       die(ragd_error());
 *   ragd_ingest_path(r, "docs/", NULL, NULL);
 *   ragd_query(r, "What is CET1?", NULL, print_piece, NULL, NULL);
 *   ragd_close(r);
 *
 * Errors   functions return 0, a count, or a negative RAGD_E*; ragd_error() then tells this
 *          thread what was wrong, where, and what would be right.
 * Threads  a struct ragd may be used by any number of threads at once. One process owns a data
 *          folder; a second one gets RAGD_EBUSY.
 * Text     UTF-8. Strings that are passed in are borrowed for the call.
 * Linking  pkg-config --cflags --libs ragd
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RAGD_VERSION_MAJOR 0
#define RAGD_VERSION_MINOR 1

enum {
    RAGD_EIO = -1,
    RAGD_EFORMAT = -2,
    RAGD_EARGUMENT = -3,
    RAGD_ELIMIT = -4,
    RAGD_ENOTFOUND = -5,
    RAGD_EEXISTS = -6,
    RAGD_EBUSY = -7,
    RAGD_ETIMEOUT = -8,
    RAGD_ECANCELLED = -9,
    RAGD_EDATABASE = -10,
    RAGD_EUNAVAILABLE = -11,
    RAGD_EGONE = -12, /* what was found kept being replaced; ask again */
    RAGD_EUNSUPPORTED = -13,
    RAGD_ENOSPACE = -14,
    RAGD_ESYSTEM = -15,
};

/* A data folder, its model and its indexes, opened. */
struct ragd;

/* "0.1.0" */
const char *ragd_version(void);

/* Why this thread's last call failed; "" before the first failure. Borrowed until its next call. */
const char *ragd_error(void);

/* Opens a data folder, made if it is not there.
 *   data_dir   NULL: as ragd.conf and the environment say, else "./ragd-data"
 *   model_dir  folder of a BERT-class model; NULL: as configured, else that of the documents, else
 *              models/all-MiniLM-L6-v2. Refused when it is not the one that the documents are
 *              embedded with: `ragd reembed` changes them over */
int ragd_open(struct ragd **out, const char *data_dir, const char *model_dir);
void ragd_close(struct ragd *r); /* NULL is fine */

/* What an ingest did. */
struct ragd_ingest_report {
    size_t documents; /* new or changed */
    size_t chunks;
    size_t unchanged;
    size_t removed;
    size_t skipped; /* files of a kind that is not read */
    size_t refused; /* files that are read, but were bad; ragd_error() names the first */
    double seconds;
};

/* A file or a folder with everything below it. Bad files are counted and do not stop the others.
 *   collection  NULL: "default"
 *   report      may be NULL; zero it first                                                     */
int ragd_ingest_path(struct ragd *r, const char *path, const char *collection,
                     struct ragd_ingest_report *report);

/* One document by its id; the same id again replaces it. Durable and searchable on return.
 *   metadata_json  an object, or NULL
 *   returns        how many chunks it has now, or an error                                     */
int ragd_ingest_text(struct ragd *r, const char *collection, const char *id, const char *title,
                     const char *text, const char *metadata_json);

/* Removes a document. RAGD_ENOTFOUND when it is not there. */
int ragd_delete(struct ragd *r, const char *collection, const char *id);

/* Called with the answer's text, piece by piece (the quoting answerer gives one piece); a non-zero
 * return stops it. */
typedef int (*ragd_piece_fn)(void *arg, const char *text, size_t n);

/* Answers a question.
 *   options_json  members of POST /query but the question ({"k":5,"mode":"hybrid",...}), or NULL
 *   piece, arg    may be NULL
 *   reply         the reply of POST /query as JSON, to be freed with ragd_free; may be NULL
 *   returns       1 when it was answered, 0 when the documents do not answer it, or an error    */
int ragd_query(struct ragd *r, const char *question, const char *options_json, ragd_piece_fn piece,
               void *arg, char **reply);

/* Finds passages.
 *   options_json  members of POST /search but the question, or NULL
 *   reply         the reply of POST /search as JSON, to be freed with ragd_free
 *   returns       how many hits, or an error                                                   */
int ragd_search(struct ragd *r, const char *question, const char *options_json, char **reply);

/* The embedding of a text: unit length, ragd_dimension floats into `out`, the caller's. */
size_t ragd_dimension(const struct ragd *r);
int ragd_embed(struct ragd *r, const char *text, float *out);

void ragd_free(void *p);

#ifdef __cplusplus
}
#endif
