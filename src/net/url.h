/* url.h - addresses of other servers: what a setting may be, and what of it may be shown.
 *
 * Secrets  a URL is shown without user, password, query and fragment.
 * Threads  free of state.
 */
#pragma once

/* Whether a setting can be the URL of a server: http or https, a host, no user or password, no
 * query, no fragment. ERR_ARGUMENT says what is wrong with it. */
int url_check(const char *url);

/* The URL as it may be shown; "(not a URL)" when it is none. mem_free it. */
char *url_shown(const char *url);

/* "base/path" of a path that begins with the slash; mem_free it. */
char *url_join(const char *base, const char *path);

/* ERR_ARGUMENT when a key cannot be sent in a header; NULL is fine. The key is not in the text. */
int url_check_key(const char *key);
