#include "net/redis_url.h"

#include <string.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define FORMS "redis://[user:password@]host[:port][/database], or the path of a socket"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_of(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Printable ASCII: nothing that a terminal obeys or a resolver cuts. */
static int check_bytes(struct str s)
{
    if (s.n > REDIS_URL_MAX)
        return FAIL(ERR_ARGUMENT, "the URL has %zu bytes, over the limit of %d", s.n,
                    REDIS_URL_MAX);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return FAIL(ERR_ARGUMENT, "the URL has a space or another character that must be "
                                      "written %%XX");
    return ERR_OK;
}

/* Where a character stands, or the end. */
static size_t find_char(struct str s, char c)
{
    const char *p = s.n ? memchr(s.p, c, s.n) : NULL;

    return p ? (size_t)(p - s.p) : s.n;
}

static size_t find_last(struct str s, char c)
{
    const char *p = s.n ? memrchr(s.p, c, s.n) : NULL;

    return p ? (size_t)(p - s.p) : s.n;
}

static int number_of(struct str s, int max, const char *what, int *out)
{
    int v = 0;

    if (s.n == 0)
        return FAIL(ERR_ARGUMENT, "the %s of the URL is empty", what);
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i]) || (v = v * 10 + (s.p[i] - '0')) > max)
            return FAIL(ERR_ARGUMENT, "the %s of the URL must be a number up to %d", what, max);
    }
    *out = v;
    return ERR_OK;
}

/* %XX made plain. A NUL would end the word before its end. */
static int decode(struct str s, const char *what, char **out)
{
    char *text = mem_calloc(s.n + 1, 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? hex_of(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_of(s.p[i + 2]) : -1;

        if (s.p[i] != '%') {
            text[n++] = s.p[i];
        } else if (low >= 0 && high * 16 + low != 0) {
            text[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            explicit_bzero(text, s.n);
            mem_free(text);
            return FAIL(ERR_ARGUMENT,
                        "the %s of the URL has a %% that is not followed by two"
                        " hexadecimal digits",
                        what);
        }
    }
    *out = text;
    return ERR_OK;
}

/* "user:password", "user:", ":password"; what is empty stays NULL. */
static int read_login(struct redis_url *u, struct str s)
{
    int rc = ERR_OK;
    size_t colon = find_char(s, ':');

    if (colon + 1 >= s.n)
        return FAIL(ERR_ARGUMENT, "the URL has a user but no password: user:password@ or "
                                  ":password@");
    if (find_char(str_sub(s, colon + 1, s.n), ':') != s.n - colon - 1)
        return FAIL(ERR_ARGUMENT, "a : within the URL's password is written %%3A");
    if (colon > 0)
        TRY(decode(str_sub(s, 0, colon), "user", &u->user));
    TRY(decode(str_sub(s, colon + 1, s.n), "password", &u->password));
out:
    return rc;
}

static bool is_host(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]) && !is_letter(s.p[i]) && !strchr(".-_", s.p[i]))
            return false;
    return s.n > 0 && s.n <= 253;
}

static bool is_ipv6(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (hex_of(s.p[i]) < 0 && s.p[i] != ':' && s.p[i] != '.')
            return false;
    return s.n >= 2 && s.n <= 45 && find_char(s, ':') < s.n;
}

/* "host", "host:port", "[::1]:port" */
static int read_host(struct redis_url *u, struct str s)
{
    int rc = ERR_OK;
    bool bracket = str_starts(s, STR_LIT("["));
    size_t end = bracket ? find_char(s, ']') : find_char(s, ':');
    struct str host = bracket ? str_sub(s, 1, end) : str_sub(s, 0, end), rest;

    if (bracket && end == s.n)
        return FAIL(ERR_ARGUMENT, "the URL has a [ without its ]");
    if (!(bracket ? is_ipv6(host) : is_host(host)))
        return FAIL(ERR_ARGUMENT, "the URL names no host that can be; %s", FORMS);
    rest = str_sub(s, bracket ? end + 1 : end, s.n);
    if (rest.n > 0 && rest.p[0] != ':')
        return FAIL(ERR_ARGUMENT, "after the URL's ] comes nothing but :port");
    if (rest.n > 0)
        TRY(number_of(str_sub(rest, 1, rest.n), 65535, "port", &u->port));
    if (u->port == 0)
        return FAIL(ERR_ARGUMENT, "the port of the URL must be 1 to 65535");
    u->host = mem_calloc(host.n + 1, 1);
    memcpy(u->host, host.p, host.n);
out:
    return rc;
}

static int read_tcp(struct redis_url *u, struct str s)
{
    int rc = ERR_OK;
    size_t slash = find_char(s, '/'), at = find_last(str_sub(s, 0, slash), '@');
    struct str authority = str_sub(s, 0, slash);

    if (at < authority.n) {
        TRY(read_login(u, str_sub(authority, 0, at)));
        authority = str_sub(authority, at + 1, authority.n);
    }
    u->port = REDIS_PORT;
    TRY(read_host(u, authority));
    if (slash + 1 < s.n)
        TRY(number_of(str_sub(s, slash + 1, s.n), REDIS_DATABASE_MAX, "database", &u->database));
out:
    return rc;
}

static int read_socket(struct redis_url *u, struct str s)
{
    int rc = ERR_OK;
    size_t slash = find_char(s, '/');
    struct str path = str_sub(s, slash, s.n);

    if (slash > 0) {
        if (s.p[slash - 1] != '@')
            return FAIL(ERR_ARGUMENT, "the URL's socket must be an absolute path");
        TRY(read_login(u, str_sub(s, 0, slash - 1)));
    }
    if (path.n < 2 || path.n >= sizeof((struct sockaddr_un *)0)->sun_path)
        return FAIL(ERR_ARGUMENT, "the path of the URL's socket must have 2 to %zu bytes",
                    sizeof((struct sockaddr_un *)0)->sun_path - 1);
    if (find_char(path, '?') < path.n || find_char(path, '#') < path.n)
        return FAIL(ERR_ARGUMENT, "the URL of a socket ends with its path: no ? and no #");
    u->path = mem_calloc(path.n + 1, 1);
    memcpy(u->path, path.p, path.n);
out:
    return rc;
}

int redis_url_read(struct redis_url *out, const char *text)
{
    int rc = ERR_OK;
    struct redis_url u = {0};
    struct str s = str_of(text);

    TRY(check_bytes(s));
    if (str_starts(s, STR_LIT("rediss://")))
        return FAIL(ERR_UNSUPPORTED, "rediss:// (TLS) is not spoken here: let stunnel on this"
                                     " machine carry it, and name its redis:// address");
    if (str_starts(s, STR_LIT("redis://")))
        TRY(read_tcp(&u, str_sub(s, 8, s.n)));
    else if (str_starts(s, STR_LIT("unix://")))
        TRY(read_socket(&u, str_sub(s, 7, s.n)));
    else if (str_starts(s, STR_LIT("/")))
        TRY(read_socket(&u, s));
    else
        return FAIL(ERR_ARGUMENT, "not the URL of a Redis; %s", FORMS);
    *out = u;
    u = (struct redis_url){0};
out:
    redis_url_done(&u);
    return rc;
}

void redis_url_done(struct redis_url *u)
{
    if (u->password)
        explicit_bzero(u->password, strlen(u->password));
    mem_free(u->password);
    mem_free(u->user);
    mem_free(u->host);
    mem_free(u->path);
    *u = (struct redis_url){0};
}

char *redis_url_shown(const struct redis_url *u)
{
    struct buf b;

    buf_init(&b);
    if (u->path)
        buf_addf(&b, "unix://%s", u->path);
    else if (strchr(u->host, ':'))
        buf_addf(&b, "redis://[%s]:%d/%d", u->host, u->port, u->database);
    else
        buf_addf(&b, "redis://%s:%d/%d", u->host, u->port, u->database);
    return buf_take(&b);
}
