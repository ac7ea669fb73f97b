/* pairs.h - pairs of question and document from files, for `tune`.
 *
 *   FILE.jsonl   {"question":"...","document":"..."[,"chunk":"..."]} a line
 *   other        question<TAB>document[<TAB>chunk] a line; a head line "question<TAB>document..."
 *                is passed over
 *
 * or questions with ids and judgements of them, as `eval` reads them. Blank lines are passed over.
 *
 * Errors   ERR_FORMAT naming file and line. Limits TUNE_PAIRS_MAX, PAIRS_FILE_MAX bytes.
 * Threads  confined; immutable once read.
 */
#pragma once
#include <stddef.h>

#include "base/arena.h"
#include "query/tune.h"

#define PAIRS_FILE_MAX ((size_t)1 << 30)

struct pairs {
    struct tune_pair *v;
    size_t n, cap;
    struct arena *mem; /* texts */
};

void pairs_init(struct pairs *p);
void pairs_done(struct pairs *p);

int pairs_read(struct pairs *p, const char *path);

/* Questions without a judgement, and judgements without a question, give no pair. */
int pairs_from_qrels(struct pairs *p, const char *questions_path, const char *qrels_path);
