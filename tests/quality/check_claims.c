/* check_claims.c - prints what claims_check says of sentences.
 *
 *   check_claims CLAIMS.jsonl > verdicts.tsv
 *
 * CLAIMS has {"id","answer","sources":[{"title","text"}...]} a line. A line out has: id, the
 * number of the sentence, its verdict, the reason. Input of claims.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "generate/claims.h"

static int check(struct word_analyzer *words, const json_t *row)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    const json_t *list = json_object_get(row, "sources");
    size_t n_sources = json_array_size(list), n;
    struct claim_source *sources = ARENA_ARRAY(mem, struct claim_source, n_sources);
    struct str id = {0}, answer = {0};
    struct claim *claims;

    TRY(json_get_str(row, "id", &id));
    TRY(json_get_str(row, "answer", &answer));
    for (size_t i = 0; i < n_sources; i++) {
        sources[i].n = (uint32_t)i + 1;
        TRY(json_get_str(json_array_get(list, i), "title", &sources[i].head));
        TRY(json_get_str(json_array_get(list, i), "text", &sources[i].text));
    }
    claims_check(words, answer, sources, n_sources, mem, &claims, &n);
    for (size_t i = 0; i < n; i++)
        printf("%.*s\t%zu\t%s\t%s\n", STR_ARGS(id), i, claim_verdict_name(claims[i].verdict),
               claims[i].reason ? claims[i].reason : "");
out:
    arena_free(mem);
    return rc;
}

static int check_all(const char *file)
{
    int rc = ERR_OK;
    struct word_analyzer *words = NULL;
    struct buf text;
    char *line, *rest;

    buf_init(&text);
    TRY(word_analyzer_new(&words, &(struct word_settings){"english", true}));
    TRY(file_read(file, 64 << 20, &text));
    for (line = strtok_r(text.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *row;

        TRY(json_parse(&row, str_of(line), file));
        rc = check(words, row);
        json_decref(row);
        if (rc < 0)
            goto out;
    }
out:
    word_analyzer_free(words);
    buf_done(&text);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: check_claims CLAIMS.jsonl\n");
        return 2;
    }
    if (check_all(argv[1]) < 0) {
        fprintf(stderr, "check_claims: %s\n", err_text());
        return 1;
    }
    return 0;
}
