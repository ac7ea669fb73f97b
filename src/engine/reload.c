#include "engine/reload.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "engine/config_table.h"

/* A section stands for all that is in it. */
static const char *const live[] = {
    "server.log_questions",
    "server.access_log",
    "trace.sample",
    "server.drain_s",
    "server.ready_wait_s",
    "server.cors_origins",
    "limits.body_bytes",
    "limits.documents_bytes",
    "limits.receive_s",
    "limits.documents_s",
    "limits.output_bytes",
    "limits.reply_bytes",
    "limits.connections",
    "limits.requests_per_minute",
    "limits.tokens_per_minute",
    "limits.tokens_per_day",
    "limits.concurrency",
    "stream",
    "prompt.file",
    "cache.ttl_s",
    "cache.semantic_check",
    "precompute.file",
    "precompute.top",
    "precompute.at",
    "precompute.ttl_s",
    "precompute.popular",
    "precompute.per_minute",
};

struct kept_config {
    struct config config;
    struct kept_config *older;
};

bool reload_is_live(const char *name)
{
    for (size_t i = 0; i < sizeof live / sizeof *live; i++) {
        size_t n = strlen(live[i]);

        if (strncmp(name, live[i], n) == 0 && (name[n] == '\0' || name[n] == '.'))
            return true;
    }
    return false;
}

static void add_name(struct buf *names, const char *name)
{
    buf_addf(names, "%s%s", names->n ? ", " : "", name);
}

/* ---- comparing and taking ---- */

struct taking {
    struct config *to;
    const struct config *now, *first, *next;
    struct reload_report *report;
};

static void take_one(const struct taking *t, const char *name)
{
    if (!reload_is_live(name)) {
        if (!config_is_same(t->first, t->next, name))
            add_name(&t->report->needs_restart, name);
    } else if (!config_is_same(t->now, t->next, name)) {
        add_name(&t->report->changed, name);
        config_copy(t->to, t->next, name);
    }
}

static bool same_models(const struct config *a, const struct config *b)
{
    return a->n_llm == b->n_llm && memcmp(a->llm, b->llm, sizeof a->llm) == 0;
}

/* One that was in force before, or a place in the list; NULL: it is full. */
static struct kept_config *keep(struct engine *e, const struct config *c)
{
    struct kept_config *k;
    size_t n = 0;

    for (k = e->kept_configs; k; k = k->older, n++)
        if (memcmp(&k->config, c, sizeof *c) == 0)
            return k;
    if (n == RELOAD_KEPT_MAX)
        return NULL;
    k = mem_calloc(1, sizeof *k);
    k->config = *c;
    k->older = e->kept_configs;
    e->kept_configs = k;
    return k;
}

/* ---- the template ---- */

/* The one in force when nothing has changed, or an earlier one, or a new one. */
static int take_prompt(struct engine *e, const struct config *c, const struct chat_prompt **out)
{
    int rc = ERR_OK;
    struct prompt_template *template = NULL;
    struct digest digest;
    struct chat_prompt *p;
    size_t n = 0;

    TRY(chatting_open_prompt(&template, c));
    digest = chatting_digest(e->chat_models, template);
    for (p = e->kept_prompts; p && !digest_eq(&p->digest, &digest); p = p->older)
        n++;
    if (!p && n == RELOAD_KEPT_MAX) {
        rc = FAIL(ERR_LIMIT, "%d different templates were in force: restart", RELOAD_KEPT_MAX);
        goto out;
    }
    if (!p) {
        p = mem_calloc(1, sizeof *p);
        *p = (struct chat_prompt){template, digest, e->kept_prompts};
        e->kept_prompts = p;
        template = NULL; /* handed over */
    }
    *out = p;
out:
    prompt_template_close(template);
    return rc;
}

/* ---- reloading ---- */

static void put_in_force(struct engine *e, const struct config *c, const struct chat_prompt *p)
{
    struct key_limits limits = spending_defaults(c);

    spending_set_defaults(e->spending, &limits);
    answers_set_ttl(e->answers, c->cache.ttl_s * 1000);
    alike_set_ttl(e->alike, c->cache.ttl_s * 1000);
    atomic_store(&e->prompt, p);
    atomic_store(&e->reloaded, c);
    atomic_fetch_add(&e->n_reloads, 1); /* last: who sees it sees the others */
}

int engine_reload(struct engine *e, const struct config *first, const struct config *next,
                  struct reload_report *report)
{
    int rc = ERR_OK;
    struct config *now = mem_alloc(sizeof *now);
    struct taking t = {now, engine_settings(e), first, next, report};
    const struct chat_prompt *prompt = NULL;
    const struct kept_config *kept;

    *report = (struct reload_report){0};
    *now = *t.now;
    for (size_t i = 0; i < n_settings; i++)
        take_one(&t, settings[i].name);
    if (!same_models(first, next))
        add_name(&report->needs_restart, "llm");
    TRY(take_prompt(e, now, &prompt));
    if (prompt != engine_prompt(e) && config_is_same(t.now, next, "prompt.file"))
        add_name(&report->changed, "prompt.file"); /* the file itself */
    kept = keep(e, now);
    if (!kept) {
        rc = FAIL(ERR_LIMIT, "%d different configurations were in force: restart", RELOAD_KEPT_MAX);
        goto out;
    }
    if (report->changed.n)
        put_in_force(e, &kept->config, prompt);
out:
    mem_free(now);
    if (rc < 0)
        reload_report_done(report);
    return rc;
}

void reload_report_done(struct reload_report *report)
{
    buf_done(&report->changed);
    buf_done(&report->needs_restart);
}

int reload_init(struct engine *e)
{
    int rc = ERR_OK;
    const struct chat_prompt *p;

    TRY(take_prompt(e, &e->config, &p));
    atomic_store(&e->prompt, p);
out:
    return rc;
}

void reload_done(struct engine *e)
{
    for (struct kept_config *k = e->kept_configs, *older; k; k = older) {
        older = k->older;
        mem_free(k);
    }
    for (struct chat_prompt *p = e->kept_prompts, *older; p; p = older) {
        older = p->older;
        prompt_template_close(p->template);
        mem_free(p);
    }
}
