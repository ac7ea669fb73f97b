#include "embed_serve.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "simd/simd.h"

struct named_case {
    char name[32];
    struct embed_case c;
};

struct serve {
    struct encoder *en;
    FILE *in, *out;
    char *line; /* getline's */
    size_t cap;
    struct named_case cases[SERVE_CASES_MAX];
    size_t n_cases;
};

/* The next line without its end, or false. */
static bool next_line(struct serve *s)
{
    ssize_t n = getline(&s->line, &s->cap, s->in);

    if (n < 0)
        return false;
    if (n > 0 && s->line[n - 1] == '\n')
        s->line[n - 1] = 0;
    return true;
}

static int find_case(struct serve *s, const char *name, struct embed_case **out)
{
    for (size_t i = 0; i < s->n_cases; i++) {
        if (strcmp(s->cases[i].name, name) == 0) {
            *out = &s->cases[i].c;
            return ERR_OK;
        }
    }
    return FAIL(ERR_NOT_FOUND, "no case '%s'", name);
}

static int read_texts(struct serve *s, char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!next_line(s))
            return FAIL(ERR_FORMAT, "%zu texts were promised, %zu came", n, i);
        texts[i] = mem_strdup(s->line);
    }
    return ERR_OK;
}

static int add_case(struct serve *s, const char *name, size_t n)
{
    int rc = ERR_OK;
    struct named_case *slot = &s->cases[s->n_cases];
    char **texts = mem_calloc(n, sizeof *texts);

    TRY(read_texts(s, texts, n));
    snprintf(slot->name, sizeof slot->name, "%s", name);
    case_init(&slot->c, s->en, texts, n);
    s->n_cases++;
    fprintf(s->out, "ok %zu %.0f %.0f\n", slot->c.n_tokens, slot->c.product_operations,
            slot->c.attention_operations);
out:
    for (size_t i = 0; i < n; i++)
        mem_free(texts[i]);
    mem_free(texts);
    return rc;
}

static int on_case(struct serve *s, const char *name, long n)
{
    if (n < 1 || n > SERVE_TEXTS_MAX)
        return FAIL(ERR_LIMIT, "%ld texts; a case has 1 to %d", n, SERVE_TEXTS_MAX);
    if (s->n_cases == SERVE_CASES_MAX)
        return FAIL(ERR_LIMIT, "there are already %d cases", SERVE_CASES_MAX);
    return add_case(s, name, (size_t)n);
}

static int on_run(struct serve *s, const char *name, long n_times)
{
    int rc = ERR_OK;
    struct embed_case *c = NULL;
    struct nanoseconds took[SERVE_TIMES_MAX];

    if (n_times < 1 || n_times > SERVE_TIMES_MAX)
        return FAIL(ERR_LIMIT, "%ld runs; a line asks for 1 to %d", n_times, SERVE_TIMES_MAX);
    TRY(find_case(s, name, &c));
    for (long i = 0; i < n_times; i++)
        TRY(case_run(c, s->en, &took[i]));
    fputs("ok", s->out);
    for (long i = 0; i < n_times; i++)
        fprintf(s->out, " %llu:%llu", (unsigned long long)took[i].wall,
                (unsigned long long)took[i].cpu);
    fputc('\n', s->out);
out:
    return rc;
}

static int on_vectors(struct serve *s, const char *name)
{
    int rc = ERR_OK;
    struct embed_case *c = NULL;

    TRY(find_case(s, name, &c));
    fprintf(s->out, "ok %zu\n", c->n);
    for (size_t i = 0; i < c->n; i++) {
        for (size_t j = 0; j < embedder_info(s->en->e)->dim; j++)
            fprintf(s->out, "%.7g ", (double)c->items[i].vector[j]);
        fputc('\n', s->out);
    }
out:
    return rc;
}

static int on_peak(struct serve *s)
{
    fputs("ok", s->out);
    for (int i = 0; i < PEAK_N; i++)
        fprintf(s->out, " %.4g", peak_operations((enum peak_type)i));
    fputc('\n', s->out);
    return ERR_OK;
}

static int on_bandwidth(struct serve *s, long n_bytes)
{
    if (n_bytes < 4096 || n_bytes > 1L << 30)
        return FAIL(ERR_LIMIT, "%ld bytes; 4096 to %ld can be read", n_bytes, 1L << 30);
    fprintf(s->out, "ok %.4g\n", peak_bandwidth((size_t)n_bytes));
    return ERR_OK;
}

static int answer(struct serve *s)
{
    char name[32];
    long n;

    if (sscanf(s->line, "case %31s %ld", name, &n) == 2)
        return on_case(s, name, n);
    if (sscanf(s->line, "run %31s %ld", name, &n) == 2)
        return on_run(s, name, n);
    if (sscanf(s->line, "vectors %31s", name) == 1)
        return on_vectors(s, name);
    if (sscanf(s->line, "bandwidth %ld", &n) == 1)
        return on_bandwidth(s, n);
    if (strcmp(s->line, "peak") == 0)
        return on_peak(s);
    return FAIL(ERR_ARGUMENT, "'%s' is none of case, run, vectors, peak, bandwidth", s->line);
}

void embed_serve(struct encoder *en, FILE *in, FILE *out)
{
    struct serve s = {.en = en, .in = in, .out = out};

    fprintf(out, "ready ragd %s, level %s, processor %s\n", peak_name(en->precision),
            simd_level_name(simd_get()->level), cpu_model_name());
    fflush(out);
    while (next_line(&s)) {
        if (answer(&s) < 0)
            fprintf(out, "error %s\n", err_text());
        fflush(out);
    }
    for (size_t i = 0; i < s.n_cases; i++)
        case_done(&s.cases[i].c);
    free(s.line);
}
