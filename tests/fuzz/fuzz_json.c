/* fuzz_json.c - JSON of others: read with bounds, written in one canonical form. */
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

static void read_members(const json_t *tree)
{
    struct str s = {NULL, 0};
    int64_t i = 5;
    double d = 0.5;
    bool b = false;

    if (json_get_str(tree, "s", &s) == ERR_OK && s.p)
        FUZZ_TRUE(s.p[s.n] == '\0');
    if (json_get_int(tree, "i", 1, 10, &i) == ERR_OK)
        FUZZ_TRUE(i >= 1 && i <= 10);
    if (json_get_real(tree, "d", 0, 1, &d) == ERR_OK)
        FUZZ_TRUE(d >= 0 && d <= 1);
    (void)json_get_bool(tree, "b", &b);
}

FUZZ_TARGET(json)
{
    json_t *tree = NULL, *again = NULL;
    char *text, *text_again;

    (void)mem;
    if (json_parse(&tree, in, "request") < 0)
        return;
    if (json_is_object(tree))
        read_members(tree);
    text = json_canonical(tree);
    FUZZ_TRUE(json_parse(&again, str_of(text), "canonical") == ERR_OK);
    text_again = json_canonical(again);
    FUZZ_TRUE(str_eq(str_of(text), str_of(text_again)));
    mem_free(text);
    mem_free(text_again);
    json_decref(tree);
    json_decref(again);
}
