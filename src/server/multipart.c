#include "server/multipart.h"

#include "base/err.h"
#include "base/utf8.h"

/* Cuts off what stands before `sep` and sep itself. False when sep is not there. */
static bool cut(struct str *rest, struct str sep, struct str *before)
{
    const char *at = rest->n >= sep.n ? memmem(rest->p, rest->n, sep.p, sep.n) : NULL;

    if (!at)
        return false;
    *before = str_sub(*rest, 0, (size_t)(at - rest->p));
    *rest = str_sub(*rest, before->n + sep.n, rest->n);
    return true;
}

/* ---- parameters: ;name=token or ;name="quoted" ---- */

/* Reads a value at the start of *s. In a quoted one \" and \\ are unescaped, and so is %22, which
 * browsers write for a quote. */
static int read_value(struct str *s, struct arena *mem, struct str *out)
{
    char *p = arena_alloc(mem, s->n + 1);
    size_t n = 0, i = 0;
    bool quoted = s->n && s->p[0] == '"';

    for (i = quoted; i < s->n; i++) {
        char c = s->p[i];

        if (quoted ? c == '"' : c == ';')
            break;
        if (quoted && c == '\\' && i + 1 < s->n)
            c = s->p[++i];
        else if (quoted && i + 2 < s->n && memcmp(s->p + i, "%22", 3) == 0)
            c = '"', i += 2;
        p[n++] = c;
    }
    if (quoted && i == s->n)
        return FAIL(ERR_FORMAT, "multipart: a quoted parameter does not end");
    *out = quoted ? (struct str){p, n} : str_trim((struct str){p, n});
    *s = str_sub(*s, i + quoted, s->n);
    return ERR_OK;
}

/* The parameter `name` of "type; a=b; name=value"; *out untouched when it is not there. */
static int parameter(struct str value, const char *name, struct arena *mem, struct str *out)
{
    int rc = ERR_OK;
    struct str before, key, v;

    while (cut(&value, STR_LIT(";"), &before)) {
        if (!cut(&value, STR_LIT("="), &key))
            break;
        TRY(read_value(&value, mem, &v));
        if (str_eq_nocase(str_trim(key), str_of(name))) {
            *out = v;
            break;
        }
    }
out:
    return rc;
}

static int find_boundary(struct str content_type, struct arena *mem, struct str *delimiter)
{
    int rc = ERR_OK;
    struct str boundary = {NULL, 0};

    TRY(parameter(content_type, "boundary", mem, &boundary));
    if (boundary.n == 0 || boundary.n > MULTIPART_BOUNDARY)
        return FAIL(ERR_FORMAT, "multipart: the boundary must have 1 to %d bytes",
                    MULTIPART_BOUNDARY);
    *delimiter = str_of(arena_printf(mem, "\r\n--%.*s", STR_ARGS(boundary)));
    if (delimiter->n != boundary.n + 4)
        return FAIL(ERR_FORMAT, "multipart: a NUL in the boundary");
out:
    return rc;
}

/* ---- the head of a part ---- */

static bool is_clean(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return utf8_valid(s.p, s.n);
}

static int read_disposition(struct str value, struct arena *mem, struct part *p)
{
    int rc = ERR_OK;

    if (value.n < 9 || !str_eq_nocase(str_sub(value, 0, 9), STR_LIT("form-data")))
        return FAIL(ERR_FORMAT, "multipart: Content-Disposition must be form-data");
    TRY(parameter(value, "name", mem, &p->name));
    TRY(parameter(value, "filename", mem, &p->filename));
    if (p->name.n > MULTIPART_NAME_MAX || p->filename.n > MULTIPART_NAME_MAX)
        return FAIL(ERR_LIMIT, "multipart: a name is over the limit of %d bytes",
                    MULTIPART_NAME_MAX);
    if (!is_clean(p->name) || !is_clean(p->filename))
        return FAIL(ERR_FORMAT, "multipart: a name must be UTF-8 without control characters");
out:
    return rc;
}

static int check_encoding(struct str value)
{
    if (str_eq_nocase(value, STR_LIT("binary")) || str_eq_nocase(value, STR_LIT("8bit")) ||
        str_eq_nocase(value, STR_LIT("7bit")))
        return ERR_OK;
    return FAIL(ERR_FORMAT, "multipart: Content-Transfer-Encoding must be binary");
}

/* `head` ends with the CRLF of its last line. */
static int read_head(struct str head, struct arena *mem, struct part *p)
{
    int rc = ERR_OK;
    struct str line, name;

    while (cut(&head, STR_LIT("\r\n"), &line)) {
        if (memchr(line.p, '\n', line.n) || memchr(line.p, '\0', line.n))
            return FAIL(ERR_FORMAT, "multipart: a part's head has a bare line feed or a NUL");
        if (!cut(&line, STR_LIT(":"), &name) || name.n == 0 || name.p[0] == ' ')
            return FAIL(ERR_FORMAT, "multipart: a line of a part's head must be 'Name: value'");
        if (str_eq_nocase(name, STR_LIT("content-disposition")))
            TRY(read_disposition(str_trim(line), mem, p));
        else if (str_eq_nocase(name, STR_LIT("content-transfer-encoding")))
            TRY(check_encoding(str_trim(line)));
    }
    if (p->name.n == 0)
        return FAIL(ERR_FORMAT, "multipart: a part has no name");
out:
    return rc;
}

/* *rest stands after a boundary. True in *last at the closing one. */
static int after_boundary(struct str *rest, bool *last)
{
    *last = str_starts(*rest, STR_LIT("--"));
    if (*last && (rest->n == 2 || str_eq(*rest, STR_LIT("--\r\n"))))
        return ERR_OK;
    if (!*last && str_starts(*rest, STR_LIT("\r\n"))) {
        *rest = str_sub(*rest, 2, rest->n);
        return ERR_OK;
    }
    return FAIL(ERR_FORMAT, "multipart: a boundary must be followed by CRLF, the last one by --");
}

static int read_part(struct str *rest, struct str delimiter, struct arena *mem, struct part *p)
{
    struct str head;

    if (!cut(rest, STR_LIT("\r\n\r\n"), &head) || head.n > MULTIPART_HEAD_MAX)
        return FAIL(ERR_FORMAT, "multipart: a part's head must end within %d bytes",
                    MULTIPART_HEAD_MAX);
    head.n += head.n ? 2 : 0; /* the CRLF of its last line */
    if (!cut(rest, delimiter, &p->bytes))
        return FAIL(ERR_FORMAT, "multipart: the last boundary is missing");
    return read_head(head, mem, p);
}

int multipart_parse(struct str content_type, struct str body, struct arena *mem,
                    struct part **parts, size_t *n)
{
    int rc = ERR_OK;
    struct part *v = ARENA_ARRAY(mem, struct part, MULTIPART_PARTS_MAX);
    struct str delimiter = {"", 0}, rest = body;
    size_t n_parts = 0;
    bool last;

    TRY(find_boundary(content_type, mem, &delimiter));
    if (!str_starts(body, str_sub(delimiter, 2, delimiter.n)))
        return FAIL(ERR_FORMAT, "multipart: the body must begin with its boundary");
    rest = str_sub(body, delimiter.n - 2, body.n);
    for (;;) {
        TRY(after_boundary(&rest, &last));
        if (last)
            break;
        if (n_parts == MULTIPART_PARTS_MAX)
            return FAIL(ERR_LIMIT, "multipart: more than %d parts", MULTIPART_PARTS_MAX);
        TRY(read_part(&rest, delimiter, mem, &v[n_parts]));
        n_parts++;
    }
    *parts = v;
    *n = n_parts;
out:
    return rc;
}
