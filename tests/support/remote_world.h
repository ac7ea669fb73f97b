/* remote_world.h - a data folder whose texts a fake server embeds; needs no model. */
#pragma once
#include "support/fake_embed.h"
#include "support/world.h"

struct remote_world {
    struct world w;
    struct fake_embed server;
};

/* A world that is not opened yet, so that a test can set more. */
static inline void remote_world_prepare(struct remote_world *r, const char *kind)
{
    struct config *c = &r->w.config;
    char url[128];

    memset(&r->w, 0, sizeof r->w);
    fake_embed_start(&r->server);
    snprintf(r->w.dir, sizeof r->w.dir, "/tmp/ragd-test-XXXXXX");
    cr_assert_not_null(mkdtemp(r->w.dir));
    config_defaults(c);
    snprintf(c->data, sizeof c->data, "%s/data", r->w.dir);
    cr_assert_eq(config_set(c, "embed.kind", kind, "test"), ERR_OK, "%s", err_text());
    cr_assert_eq(config_set(c, "embed.url", fake_url(&r->server.http, "", url), "test"), ERR_OK);
    cr_assert_eq(config_set(c, "embed.model", "fake/words", "test"), ERR_OK);
}

static inline void remote_world_open(struct remote_world *r, const char *kind)
{
    remote_world_prepare(r, kind);
    world_reopen(&r->w);
}

static inline void remote_world_close(struct remote_world *r)
{
    world_close(&r->w);
    fake_embed_stop(&r->server);
}
