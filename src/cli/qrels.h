/* qrels.h - which documents answer which question, from a file of judgements.
 *
 * Lines of "question<TAB>document<TAB>grade", perhaps a head line first; grades of 0 and less say
 * nothing.
 *
 * Errors   ERR_FORMAT naming file and line. Limits QRELS_MAX bytes, RELEVANT_MAX documents.
 * Threads  confined; immutable once read.
 */
#pragma once
#include <stddef.h>

#include "base/map.h"

#define QRELS_MAX    ((size_t)1 << 30)
#define RELEVANT_MAX 1000 /* documents of one question */

struct relevant {
    char *document;
    int grade;
};

struct judgement { /* of one question */
    char *id;
    struct relevant *v;
    size_t n, cap;
};

struct qrels {
    struct judgement *v;
    size_t n, cap;
    struct map *by_id; /* question id -> index into v */
};

/* Relevant documents come with the highest grade first. What was read before a failure is freed by
 * qrels_done too. */
int qrels_read(struct qrels *q, const char *path);
void qrels_done(struct qrels *q);
