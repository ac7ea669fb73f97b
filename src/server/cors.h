/* cors.h - what a browser must be told before a page of another site may read our replies.
 *
 * Off unless server.cors_origins names pages (engine/origins.h). Then every reply says whether the
 * asking page may read it, and a preflight is answered:
 *
 *   OPTIONS /query                       204
 *   Origin: https://a.example            Access-Control-Allow-Origin: https://a.example
 *   Access-Control-Request-Method: POST  Access-Control-Allow-Methods, -Headers, -Max-Age
 *
 * Keys go in Authorization, so credentials of the browser's own (cookies) are never allowed.
 *
 * Threads  confined to the loop.
 */
#pragma once
#include <stdbool.h>

struct request;

/* Whether the request comes from a page that the setting names. */
bool cors_allows(const struct request *r);

/* Adds the lines that go with every reply; nothing while the setting is off. */
void cors_add(struct request *r);

/* Answers a preflight by an allowed page. False: it is none. */
bool cors_answer(struct request *r);
