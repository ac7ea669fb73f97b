#include "extract/html_scan.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

#define CHARSET_BYTES 4096

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == ':' || c == '.';
}

const char *html_charset(struct str bytes, char out[HTML_CHARSET_MAX])
{
    struct str s = str_sub(bytes, 0, bytes.n < CHARSET_BYTES ? bytes.n : CHARSET_BYTES);
    const char *at = s.n ? memmem(s.p, s.n, "charset", 7) : NULL;
    size_t i, n = 0;

    if (!at)
        return NULL;
    i = (size_t)(at - s.p) + 7;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '=' || s.p[i] == '"' || s.p[i] == '\''))
        i++;
    while (i < s.n && is_name(s.p[i]) && n + 1 < HTML_CHARSET_MAX)
        out[n++] = s.p[i++];
    out[n] = '\0';
    return n ? out : NULL;
}

static bool one_of(struct str name, const char *const *names)
{
    for (; *names; names++)
        if (str_eq_nocase(name, str_of(*names)))
            return true;
    return false;
}

/* "<br$>" is an element of that name, and no br. */
static bool ends_name(char c)
{
    return isspace((unsigned char)c) || c == '/' || c == '>';
}

/* No end tag, or one that is often left out. */
static bool is_uncounted(struct str name)
{
    static const char *const names[] = {
        "area", "base",  "br",     "col",   "embed", "hr",    "img",    "input",    "link",
        "meta", "param", "source", "track", "wbr",   "p",     "li",     "dt",       "dd",
        "tr",   "td",    "th",     "thead", "tbody", "tfoot", "option", "optgroup", "colgroup",
        "html", "head",  "body",   "rp",    "rt",    NULL};

    return one_of(name, names);
}

static bool is_raw_text(struct str name)
{
    static const char *const names[] = {"script", "style", "textarea", "title", "xmp", NULL};

    return one_of(name, names);
}

/* Where "</name" begins, or the end. */
static size_t raw_text_end(struct str s, size_t from, struct str name)
{
    while (from < s.n) {
        const char *lt = memchr(s.p + from, '<', s.n - from);

        if (!lt)
            return s.n;
        from = (size_t)(lt - s.p);
        if (from + 2 + name.n <= s.n && s.p[from + 1] == '/' &&
            str_eq_nocase(str_sub(s, from + 2, from + 2 + name.n), name))
            return from;
        from++;
    }
    return s.n;
}

static size_t comment_end(struct str s, size_t from)
{
    const char *end = memmem(s.p + from, s.n - from, "-->", 3);

    return end ? (size_t)(end - s.p) + 3 : s.n;
}

static size_t tag_end(struct str s, size_t from)
{
    const char *gt = memchr(s.p + from, '>', s.n - from);

    return gt ? (size_t)(gt - s.p) + 1 : s.n;
}

/* Elements that are open, by a small hash of their names: one that shares another's is closed by
 * its end. A heading is closed by any heading's. */
struct open_elements {
    size_t depth;
    uint32_t by_name[256];
};

static uint32_t *open_of(struct open_elements *o, struct str name)
{
    unsigned char h = 0;

    if (name.n == 2 && (name.p[0] | 32) == 'h' && name.p[1] >= '1' && name.p[1] <= '6')
        name.n = 1;
    for (size_t i = 0; i < name.n; i++)
        h = (unsigned char)(h * 31 + (name.p[i] | 32));
    return &o->by_name[h];
}

static size_t element_opens(struct open_elements *o, struct str name)
{
    ++*open_of(o, name);
    return ++o->depth;
}

static void element_closes(struct open_elements *o, struct str name)
{
    uint32_t *n = open_of(o, name);

    if (*n == 0)
        return;
    --*n;
    o->depth--;
}

int html_check_depth(struct str s, size_t max)
{
    struct open_elements open = {0};
    size_t at = 0;

    while (at < s.n) {
        const char *lt = memchr(s.p + at, '<', s.n - at);
        size_t name_at, i;
        bool closing;
        struct str name;

        if (!lt)
            break;
        at = (size_t)(lt - s.p);
        if (str_starts(str_sub(s, at, s.n), STR_LIT("<!--"))) {
            at = comment_end(s, at + 4);
            continue;
        }
        closing = at + 1 < s.n && s.p[at + 1] == '/';
        name_at = i = at + 1 + closing;
        while (i < s.n && (i > name_at ? !ends_name(s.p[i]) : isalpha((unsigned char)s.p[i])))
            i++;
        name = str_sub(s, name_at, i);
        at = i > name_at ? tag_end(s, i) : i;
        if (name.n == 0 || is_uncounted(name) || (!closing && at >= 2 && s.p[at - 2] == '/'))
            continue;
        if (closing)
            element_closes(&open, name);
        else if (is_raw_text(name))
            at = raw_text_end(s, at, name) + 2 + name.n;
        else if (element_opens(&open, name) > max)
            return FAIL(ERR_LIMIT, "HTML nested deeper than the limit of %zu elements", max);
    }
    return ERR_OK;
}
