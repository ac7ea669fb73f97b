#include "extract/entities.h"

#include "made.h"

static bool gives(const char *ref, const char *want)
{
    char out[8];
    size_t n = entity_decode(str_of(ref), out);

    return n == strlen(want) && memcmp(out, want, n) == 0;
}

Test(entities, decodes_names_and_numbers)
{
    cr_expect(gives("&amp;", "&"));
    cr_expect(gives("&sect;", "§"));
    cr_expect(gives("&#8217;", "’"));
    cr_expect(gives("&#x2019;", "’"));
}

Test(entities, leaves_the_rest_alone)
{
    cr_expect(gives("&nosuch;", ""));
    cr_expect(gives("&#;", ""));
    cr_expect(gives("&#x;", ""));
    cr_expect(gives("&#xD800;", ""));
    cr_expect(gives("&#99999999;", ""));
    cr_expect(gives("&#12a;", ""));
    cr_expect(gives("amp", ""));
}
