/* questions.h - questions from a file, for eval and bench.
 *
 * A .jsonl file has objects with "text" or "question" and maybe "id"; any other file has one
 * question a line. Blank lines are passed over.
 *
 * Errors   ERR_FORMAT naming file and line. Limits QUESTIONS_MAX, QUESTION_FILE_MAX bytes.
 * Threads  confined; immutable once read.
 */
#pragma once
#include <stddef.h>

#define QUESTIONS_MAX     1000000
#define QUESTION_FILE_MAX ((size_t)1 << 30)

struct question {
    char *id, *text;
};

struct questions {
    struct question *v;
    size_t n, cap;
};

int questions_read(struct questions *q, const char *path);
void questions_add(struct questions *q, const char *id, const char *text);
void questions_done(struct questions *q);
