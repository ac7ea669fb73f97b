#include "extract/entities.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"

struct entity {
    const char *name;
    uint32_t cp;
};

/* Those that occur in prose; the full table of HTML has 2,231. */
static const struct entity entities[] = {
    {"amp", '&'},       {"lt", '<'},        {"gt", '>'},        {"quot", '"'},
    {"apos", '\''},     {"nbsp", 0xA0},     {"sect", 0xA7},     {"para", 0xB6},
    {"copy", 0xA9},     {"reg", 0xAE},      {"trade", 0x2122},  {"deg", 0xB0},
    {"plusmn", 0xB1},   {"times", 0xD7},    {"divide", 0xF7},   {"minus", 0x2212},
    {"middot", 0xB7},   {"bull", 0x2022},   {"hellip", 0x2026}, {"ndash", 0x2013},
    {"mdash", 0x2014},  {"lsquo", 0x2018},  {"rsquo", 0x2019},  {"ldquo", 0x201C},
    {"rdquo", 0x201D},  {"laquo", 0xAB},    {"raquo", 0xBB},    {"euro", 0x20AC},
    {"pound", 0xA3},    {"yen", 0xA5},      {"cent", 0xA2},     {"dagger", 0x2020},
    {"Dagger", 0x2021}, {"permil", 0x2030}, {"le", 0x2264},     {"ge", 0x2265},
    {"ne", 0x2260},     {"frac12", 0xBD},   {"frac14", 0xBC},   {"frac34", 0xBE},
    {"sup2", 0xB2},     {"sup3", 0xB3},     {"micro", 0xB5},    {"shy", 0xAD},
    {"ensp", 0x2002},   {"emsp", 0x2003},   {"thinsp", 0x2009}, {"larr", 0x2190},
    {"rarr", 0x2192},   {"auml", 0xE4},     {"ouml", 0xF6},     {"uuml", 0xFC},
    {"Auml", 0xC4},     {"Ouml", 0xD6},     {"Uuml", 0xDC},     {"szlig", 0xDF},
    {"eacute", 0xE9},   {"egrave", 0xE8},   {"agrave", 0xE0},   {"aacute", 0xE1},
    {"ccedil", 0xE7},   {"ntilde", 0xF1},   {"oacute", 0xF3},   {"iacute", 0xED},
};

/* "#8217" or "#x2019". */
static uint32_t numeric(struct str name)
{
    char digits[12];
    int base = name.n > 1 && (name.p[1] == 'x' || name.p[1] == 'X') ? 16 : 10;
    size_t from = base == 16 ? 2 : 1;
    unsigned long cp;
    char *end;

    if (name.n <= from || name.n - from >= sizeof(digits))
        return 0;
    memcpy(digits, name.p + from, name.n - from);
    digits[name.n - from] = '\0';
    cp = strtoul(digits, &end, base);
    if (*end || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        return 0;
    return (uint32_t)cp;
}

size_t entity_decode(struct str ref, char out[8])
{
    struct str name;
    uint32_t cp = 0;

    if (ref.n < 3 || ref.p[0] != '&' || ref.p[ref.n - 1] != ';')
        return 0;
    name = str_sub(ref, 1, ref.n - 1);
    if (name.p[0] == '#')
        cp = numeric(name);
    for (size_t i = 0; !cp && i < sizeof(entities) / sizeof(entities[0]); i++)
        if (str_eq(name, str_of(entities[i].name)))
            cp = entities[i].cp;
    return cp ? utf8_encode(cp, out) : 0;
}
