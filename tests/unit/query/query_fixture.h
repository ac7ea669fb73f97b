/* query_fixture.h - two documents that some questions are about. */
#pragma once
#include "support/world.h"

static const char capital[] = "{\"question\":\"What is the minimum CET1 ratio?\"}";

static inline void fill(struct world *w)
{
    world_put(w, "capital.md",
              "# Capital\n\nThe minimum CET1 ratio is 4.5 percent of risk-weighted assets. The "
              "minimum total capital ratio is 8 percent.",
              "{\"year\":2024,\"topic\":\"capital\"}");
    world_put(w, "reports.md",
              "Copies of suspicious activity reports are kept for five years from the date of "
              "filing. A report is due within 30 calendar days.",
              "{\"year\":2019,\"topic\":\"aml\"}");
}
