#include "embed/pace.h"

#include "base/check.h"

/* Of the new figure in the average: some four questions decide. */
#define SHARE_OF_NEW 0.25

void pace_init(struct pace *p)
{
    *p = (struct pace){0};
    pthread_mutex_init(&p->mu, NULL);
}

void pace_done(struct pace *p)
{
    pthread_mutex_destroy(&p->mu);
}

bool pace_with_helpers(struct pace *p)
{
    bool helpers, probe;

    pthread_mutex_lock(&p->mu);
    helpers = p->token_ns[1] <= p->token_ns[0] || p->token_ns[0] == 0;
    probe = ++p->n_asked % PACE_PROBE == 0;
    pthread_mutex_unlock(&p->mu);
    return helpers != probe;
}

void pace_took(struct pace *p, bool with_helpers, size_t n_tokens, uint64_t ns)
{
    double now = (double)ns / (double)n_tokens, *average = &p->token_ns[with_helpers];

    CHECK(n_tokens > 0);
    pthread_mutex_lock(&p->mu);
    *average = *average > 0 ? *average + SHARE_OF_NEW * (now - *average) : now;
    pthread_mutex_unlock(&p->mu);
}
