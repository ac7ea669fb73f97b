#include "extract/heading_guess.h"

#include "made.h"

#define LEVEL(s) heading_guess(STR_LIT(s))

Test(heading_guess, knows_parts_items_sections_and_notes)
{
    cr_expect_eq(LEVEL("PART II"), 1);
    cr_expect_eq(LEVEL("Item 1A.    Risk Factors"), 2);
    cr_expect_eq(LEVEL("\xC2\xA7 32.1 Authority, purpose and scope."), 2);
    cr_expect_eq(LEVEL("Subpart B"), 2);
    cr_expect_eq(LEVEL("Note 12 - Debt"), 3);
    cr_expect_eq(LEVEL("BUSINESS ENVIRONMENT"), 3);
}

Test(heading_guess, takes_text_for_text)
{
    cr_expect_eq(LEVEL("Part of the reason is this"), 0);
    cr_expect_eq(LEVEL("Note that rates may change"), 0);
    cr_expect_eq(LEVEL("See accompanying notes."), 0);
    cr_expect_eq(LEVEL("PART II, which goes on,"), 0);
    cr_expect_eq(LEVEL("$ 1,234 (567) USD"), 0);
    cr_expect_eq(LEVEL("AB"), 0);
    cr_expect_eq(LEVEL(""), 0);
}

Test(heading_guess, knows_captions)
{
    cr_expect(heading_is_caption(STR_LIT("Knowing the customer")));
    cr_expect(heading_is_caption(STR_LIT("What the law asks for")));
    cr_expect(heading_is_caption(STR_LIT(" Ibrance (palbociclib) ")));
    cr_expect(!heading_is_caption(STR_LIT("The rule ends here.")));
    cr_expect(!heading_is_caption(STR_LIT("Add: Income tax expense")));
    cr_expect(!heading_is_caption(STR_LIT("small letters first")));
    cr_expect(!heading_is_caption(STR_LIT("A line that ends with the")));
    cr_expect(!heading_is_caption(STR_LIT("December 31, 2022")));
    cr_expect(!heading_is_caption(STR_LIT("UNITED STATES")));
    cr_expect(!heading_is_caption(STR_LIT("")));
}
