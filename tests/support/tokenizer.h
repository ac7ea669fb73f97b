/* tokenizer.h - a tokenizer for tests: the default model's, else a small vocabulary that gives a
 * token a letter, which is harder on whoever counts tokens. */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "text/wordpiece.h"

static inline void tokenizer_open(struct wordpiece **out)
{
    const char *model = getenv("RAGD_MODEL_PATH");
    char dir[] = "/tmp/ragd-vocab-XXXXXX", path[64];
    const char *vocab =
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\nc\ne\ni\nl\nn\no\nr\ns\nt\n##a\n##b\n##c\n"
        "##e\n##i\n##l\n##n\n##o\n##r\n##s\n##t\ncapital\nthe\n.\n|\n-\n1\n2\n";

    model = model && *model ? model : "models/all-MiniLM-L6-v2";
    if (access(model, R_OK) == 0) {
        cr_assert_eq(wordpiece_open(out, model), ERR_OK, "%s", err_text());
        return;
    }
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/vocab.txt", dir);
    cr_assert_eq(file_write_atomic(path, vocab, strlen(vocab)), ERR_OK);
    cr_assert_eq(wordpiece_open(out, dir), ERR_OK, "%s", err_text());
    unlink(path);
    rmdir(dir);
}
