#include "text/analyzers.h"

#include <pthread.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

struct analyzers {
    struct word_settings settings;
    pthread_mutex_t mu; /* guards the fields below */
    struct word_analyzer **idle;
    size_t n, cap;
};

int analyzers_new(struct analyzers **out, const struct word_settings *s)
{
    struct word_analyzer *first = NULL;
    struct analyzers *p;
    int rc = word_analyzer_new(&first, s);

    if (rc < 0)
        return rc;
    p = mem_calloc(1, sizeof *p);
    p->settings = *s;
    pthread_mutex_init(&p->mu, NULL);
    analyzers_put(p, first);
    *out = p;
    return ERR_OK;
}

void analyzers_free(struct analyzers *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        word_analyzer_free(p->idle[i]);
    mem_free(p->idle);
    pthread_mutex_destroy(&p->mu);
    mem_free(p);
}

struct word_analyzer *analyzers_get(struct analyzers *p)
{
    struct word_analyzer *a = NULL;

    pthread_mutex_lock(&p->mu);
    if (p->n)
        a = p->idle[--p->n];
    pthread_mutex_unlock(&p->mu);
    if (!a)
        CHECK(word_analyzer_new(&a, &p->settings) == ERR_OK); /* it worked the first time */
    return a;
}

void analyzers_put(struct analyzers *p, struct word_analyzer *a)
{
    pthread_mutex_lock(&p->mu);
    p->idle = mem_grow(p->idle, &p->cap, p->n + 1, sizeof *p->idle);
    p->idle[p->n++] = a;
    pthread_mutex_unlock(&p->mu);
}
