/* redis_url.h - reads where a Redis is, strictly.
 *
 *   redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]    HOST a name, an address or [an IPv6 one]
 *   unix://[[USER]:PASSWORD@]/PATH, or just /PATH       a socket of this machine
 *
 * A user name without a password is refused. Characters that a URL reserves are written %XX in user
 * and password, and nowhere else. What is not read is an error: no query, no fragment, no spaces.
 *
 * Secrets  messages repeat nothing of a URL, because a wrong one may have its password anywhere.
 * Errors   ERR_ARGUMENT says what is wrong; ERR_UNSUPPORTED for rediss:// (TLS), with a way out.
 * Threads  free of state.
 * Limits   REDIS_URL_MAX bytes.
 */
#pragma once

#define REDIS_URL_MAX      1024
#define REDIS_PORT         6379
#define REDIS_DATABASE_MAX 65535

struct redis_url {
    char *host; /* NULL: a socket */
    char *path; /* NULL: a host */
    char *user; /* NULL: none, or the default one */
    char *password;
    int port, database;
};

/* Fills `out`, which stays untouched when the call fails. */
int redis_url_read(struct redis_url *out, const char *text);
void redis_url_done(struct redis_url *u); /* overwrites the password */

/* The URL as it may be shown, without user and password. mem_free it. */
char *redis_url_shown(const struct redis_url *u);
