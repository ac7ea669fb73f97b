#include "engine/config_table.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"

Test(config_table, every_default_is_within_its_own_bounds)
{
    struct config c;

    config_defaults(&c);
    for (size_t i = 0; i < n_settings; i++)
        cr_expect_eq(config_set(&c, settings[i].name, settings[i].fallback, "test"), ERR_OK, "%s",
                     err_text());
}

Test(config_table, every_setting_has_help_and_a_place_of_its_own)
{
    for (size_t i = 0; i < n_settings; i++) {
        const struct setting *s = &settings[i];

        cr_expect_gt(strlen(s->help), 5, "%s", s->name);
        cr_expect_lt(strlen(s->name), SETTING_NAME_BYTES, "%s", s->name);
        cr_expect_leq(s->offset + s->size, sizeof(struct config), "%s", s->name);
        for (size_t k = 0; k < i; k++)
            cr_expect(settings[k].offset + settings[k].size <= s->offset ||
                          s->offset + s->size <= settings[k].offset,
                      "%s and %s", settings[k].name, s->name);
    }
}

Test(config_table, a_section_is_in_one_piece)
{
    for (size_t i = 1; i < n_settings; i++) {
        size_t n = strcspn(settings[i].name, ".");

        if (!settings[i].name[n] || strncmp(settings[i - 1].name, settings[i].name, n + 1) == 0)
            continue;
        for (size_t k = 0; k < i; k++)
            cr_expect_neq(strncmp(settings[k].name, settings[i].name, n + 1), 0, "%s after %s",
                          settings[i].name, settings[i - 1].name);
    }
}

Test(config_table, each_is_found_by_its_whole_name)
{
    for (size_t i = 0; i < n_settings; i++)
        cr_expect_eq(setting_find(settings[i].name), &settings[i]);
    cr_expect_null(setting_find("cache"));
    cr_expect_null(setting_find(""));
}
