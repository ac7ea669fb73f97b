#include "embed_case.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/wordpiece.h"

static int precision_of(const char *name, enum peak_type *out)
{
    for (int i = 0; i < PEAK_N; i++) {
        if (strcmp(peak_name((enum peak_type)i), name) == 0) {
            *out = (enum peak_type)i;
            return ERR_OK;
        }
    }
    return FAIL(ERR_ARGUMENT, "precision '%s' is none of f32, bf16, int8", name);
}

int encoder_open(struct encoder *out, const char *model_dir, const char *precision, int n_threads)
{
    int rc = ERR_OK;
    struct encoder en = {0};
    const struct embedder_options how = {.model_dir = model_dir, .precision = precision};

    TRY(precision_of(precision, &en.precision));
    TRY(embedder_open(&en.e, &how));
    if (strcmp(embedder_info(en.e)->precision, precision) != 0) {
        rc = FAIL(ERR_UNSUPPORTED, "precision %s was asked for, the encoder opened with %s",
                  precision, embedder_info(en.e)->precision);
        goto out;
    }
    en.pool =
        n_threads > 1 ? pool_new("bench", n_threads, 256) : NULL; /* the caller is one of them */
    en.mem = arena_new(0);
    *out = en;
    en = (struct encoder){0}; /* handed over */
out:
    encoder_close(&en);
    return rc;
}

void encoder_close(struct encoder *en)
{
    pool_free(en->pool);
    arena_free(en->mem);
    embedder_close(en->e);
    *en = (struct encoder){0};
}

static size_t tokens_of(const struct encoder *en, const char *text)
{
    size_t limit = embedder_info(en->e)->max_tokens, n;
    struct token *tokens = mem_calloc(limit, sizeof *tokens);

    n = wordpiece_encode(embedder_tokenizer(en->e), str_of(text), tokens, limit, NULL);
    mem_free(tokens);
    return n;
}

void case_init(struct embed_case *c, const struct encoder *en, char *const *texts, size_t n)
{
    const struct embedder_info *info = embedder_info(en->e);
    double h = (double)info->hidden, wide = (double)info->intermediate;
    double layers = (double)info->n_layers;

    *c = (struct embed_case){.items = mem_calloc(n, sizeof *c->items), .n = n};
    for (size_t i = 0; i < n; i++) {
        double t = (double)tokens_of(en, texts[i]);

        c->items[i].text = str_of(mem_strdup(texts[i]));
        c->items[i].vector = mem_calloc(info->dim, sizeof(float));
        c->n_tokens += (size_t)t;
        c->product_operations += layers * t * (8 * h * h + 4 * h * wide);
        c->attention_operations += layers * t * 4 * t * h;
    }
}

void case_done(struct embed_case *c)
{
    for (size_t i = 0; i < c->n; i++) {
        mem_free((char *)c->items[i].text.p);
        mem_free(c->items[i].vector);
    }
    mem_free(c->items);
    *c = (struct embed_case){0};
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int question(struct encoder *en, struct embed_item *item)
{
    int rc = ERR_OK;
    float *v;

    TRY(embed_query(en->e, en->pool, item->text, en->mem, &v));
    memcpy(item->vector, v, embedder_info(en->e)->dim * sizeof *v);
out:
    arena_reset(en->mem);
    return rc;
}

int case_run(struct embed_case *c, struct encoder *en, struct nanoseconds *out)
{
    int rc = ERR_OK;
    uint64_t cpu = cpu_ns(), wall = clock_ns();

    if (c->n == 1)
        return case_run_one_by_one(c, en, out);
    TRY(embed_documents(en->e, en->pool, c->items, c->n));
    out->wall = clock_ns() - wall;
    out->cpu = cpu_ns() - cpu;
out:
    return rc;
}

int case_run_one_by_one(struct embed_case *c, struct encoder *en, struct nanoseconds *out)
{
    int rc = ERR_OK;
    uint64_t cpu = cpu_ns(), wall = clock_ns();

    for (size_t i = 0; i < c->n; i++)
        TRY(question(en, &c->items[i]));
    out->wall = clock_ns() - wall;
    out->cpu = cpu_ns() - cpu;
out:
    return rc;
}

double case_floor_ms(const struct embed_case *c, enum peak_type precision, const double *peaks)
{
    double peak = peaks[precision] > 0 ? peaks[precision] : peaks[PEAK_F32];

    return 1e3 * (c->product_operations / peak + c->attention_operations / peaks[PEAK_F32]);
}
