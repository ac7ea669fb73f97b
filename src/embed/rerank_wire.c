#include "embed/rerank_wire.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"

/* An entry with the white space of a pretty printer, and what stands around them. */
#define ENTRY_BYTES  512
#define REPLY_AROUND ((size_t)64 << 10)

void rerank_ask_write(const struct rerank_ask *a, struct buf *out)
{
    struct jsonw w = jsonw_to(out);
    bool tei = a->kind == RERANK_TEI;

    jsonw_open(&w, '{');
    if (!tei && *a->model)
        jsonw_key(&w, "model"), jsonw_cstr(&w, a->model);
    jsonw_key(&w, "query"), jsonw_str(&w, a->question);
    jsonw_key(&w, tei ? "texts" : "documents");
    jsonw_open(&w, '[');
    for (size_t i = 0; i < a->n; i++)
        jsonw_str(&w, a->texts[i]);
    jsonw_close(&w, ']');
    if (tei) {
        jsonw_key(&w, "raw_scores"), jsonw_bool(&w, a->raw);
        jsonw_key(&w, "truncate"), jsonw_bool(&w, true);
    } else {
        jsonw_key(&w, "top_n"), jsonw_int(&w, (int64_t)a->n);
    }
    jsonw_close(&w, '}');
}

/* Some servers give the texts back though nobody asked; a byte may be six in JSON. */
size_t rerank_reply_max(size_t n, size_t sent)
{
    return REPLY_AROUND + n * ENTRY_BYTES + 6 * sent;
}

/* ---- the reply ---- */

/* The entry's text, which must come once. */
static int read_index(const json_t *entry, size_t i, size_t n, const float *scores, size_t *out)
{
    const json_t *index = json_object_get(entry, "index");
    json_int_t at = json_is_integer(index) ? json_integer_value(index) : -1;

    if (at < 0 || at >= (json_int_t)n)
        return FAIL(ERR_FORMAT, "entry %zu has no \"index\" from 0 to %zu", i, n - 1);
    if (!isnan(scores[at]))
        return FAIL(ERR_FORMAT, "\"index\" %lld comes twice", (long long)at);
    *out = (size_t)at;
    return ERR_OK;
}

static int read_entry(const json_t *entry, const char *key, size_t i, size_t n, float *scores)
{
    int rc = ERR_OK;
    const json_t *v = json_object_get(entry, key);
    size_t at = 0;
    float score;

    TRY(read_index(entry, i, n, scores, &at));
    if (!json_is_number(v))
        return FAIL(ERR_FORMAT, "entry %zu: its \"%s\" is not a number", i, key);
    score = (float)json_number_value(v);
    if (!isfinite(score))
        return FAIL(ERR_FORMAT, "entry %zu: its \"%s\" is not a finite number", i, key);
    scores[at] = score;
out:
    return rc;
}

static int read_entries(const json_t *list, const char *key, size_t n, float *scores)
{
    int rc = ERR_OK;

    if (!json_is_array(list))
        return FAIL(ERR_FORMAT, "there is no list of scores");
    if (json_array_size(list) != n)
        return FAIL(ERR_FORMAT, "%zu scores for %zu texts", json_array_size(list), n);
    for (size_t i = 0; i < n; i++)
        TRY(read_entry(json_array_get(list, i), key, i, n, scores));
out:
    return rc;
}

int rerank_reply_read(enum rerank_kind kind, struct str reply, size_t n, float *out)
{
    int rc = ERR_OK;
    json_t *tree = NULL;
    float *scores = mem_calloc(n, sizeof *scores);

    for (size_t i = 0; i < n; i++)
        scores[i] = NAN;
    rc = json_parse(&tree, reply, "the reply");
    if (rc < 0) {
        rc = ERR_FORMAT; /* also what is nested too deep */
        goto out;
    }
    if (kind == RERANK_TEI)
        TRY(read_entries(tree, "score", n, scores));
    else
        TRY(read_entries(json_object_get(tree, "results"), "relevance_score", n, scores));
    memcpy(out, scores, n * sizeof *out);
out:
    json_decref(tree);
    mem_free(scores);
    return rc;
}
