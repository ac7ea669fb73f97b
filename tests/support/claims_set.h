/* claims_set.h - passages of our own, with sentences that say what they say in other words, and
 * sentences in which one number, name or negation is wrong. */
#pragma once
#include "generate/claims.h"

static const struct claim_source claims_sources[] = {
    {1, STR_LIT("Harbor Bank annual report 2022 Capital"),
     STR_LIT(
         "Harbor Bank closed 2022 with a common equity tier 1 (CET1) ratio of 12.4 percent, up "
         "from "
         "11.9 percent a year earlier. The regulatory minimum is 4.5 percent, to which a capital "
         "conservation buffer of 2.5 percent is added. Risk-weighted assets grew by $3.2 billion "
         "to "
         "$41.7 billion. The board did not declare a special dividend.")},
    {2, STR_LIT("Harbor Bank annual report 2022 Results"),
     STR_LIT(
         "Net interest income rose 8 percent to $1,496.5 million. Fee income fell to $310 million "
         "because the bank sold its payments unit to Kestrel Group in March 2022. Maria Lindqvist, "
         "the chief financial officer, said that costs were not expected to fall before 2024.")},
    {3, STR_LIT("Handbook Reporting of cash"),
     STR_LIT(
         "A bank must file a currency transaction report for each cash transaction of more than "
         "$10,000 within 15 calendar days. Reports are sent to the Financial Crimes Enforcement "
         "Network (FinCEN). Several transactions of one customer on the same day count as one. "
         "Phase II exempt customers are not reported. Copies are kept for five years.")},
    {4, STR_LIT("Handbook Liquidity"),
     STR_LIT(
         "The liquidity coverage ratio requires a bank to hold enough high-quality liquid assets "
         "to "
         "survive 30 days of stress. The ratio must never fall below 100 percent. Assets that are "
         "pledged cannot be counted. The treasurer reports the ratio to the board every month.")},
    {5, STR_LIT("The bridge at Oldhaven"),
     STR_LIT("The bridge at Oldhaven was designed by Ingrid Sole and built between 1911 and 1914. "
             "It is "
             "640 metres long and carries two tracks and four lanes. Nearly 1,200 workers took "
             "part, of "
             "whom 17 lost their lives. The bridge was not damaged in the flood of 1953, but the "
             "station "
             "at Norwick was destroyed.")},
    {6, STR_LIT("Sales by segment"),
     STR_LIT(
         "The table shows sales (in millions):\n\nSegment | 2021 | 2022\nIndustrial | 1,205.3 | "
         "1,310.8\nMedical | 744.0 | 702.6\nTotal | 1,949.3 | 2,013.4")},
    {7, STR_LIT("Travel policy"),
     STR_LIT("Employees may book first class only with the approval of a director. Meals are "
             "refunded up "
             "to 45 euros a day. Receipts must be handed in within two weeks of the return. The "
             "company "
             "does not pay for minibars. Trips to Geneva are booked through the Zurich office.")},
    {8, STR_LIT("Heat pump manual"),
     STR_LIT("The pump works down to an outside temperature of 20 degrees below zero. The filter "
             "has to "
             "be cleaned every three months. Do not open the housing while the pump is connected "
             "to the "
             "mains. The compressor is guaranteed for ten years, the electronics for two. Error E7 "
             "means "
             "that the sensor has no contact.")},
};

/* True, in other words. */
static const char *const claims_true[] = {
    "Harbor Bank's CET1 ratio was 12.4 % at the end of 2022 [1].",
    "At the end of 2022, the bank had a common equity tier 1 ratio of 12.4 percent.",
    "The CET1 ratio improved from 11.9% to 12.4% during the year [1].",
    "Banks need at least 4.5 % and a conservation buffer of 2.5 % on top [1].",
    "Including the capital conservation buffer of 250 basis points, the minimum is higher than "
    "4.5%.",
    "Risk-weighted assets increased by 3.2 billion dollars [1].",
    "Risk-weighted assets amounted to $41,700 million [1].",
    "No special dividend was declared by the board [1].",
    "The board declared no special dividend.",
    "Net interest income was about $1.5 billion, 8% more than before [2].",
    "Net interest income rose to $1.4965 billion [2].",
    "Fee income dropped to 310 million dollars after the payments unit was sold to Kestrel Group "
    "[2].",
    "The payments unit went to Kestrel Group in March of 2022 [2].",
    "In 2022 Harbor Bank sold its payments unit.",
    "According to the CFO, Maria Lindqvist, costs would not fall before 2024 [2].",
    "Lindqvist expects no fall in costs before 2024.",
    "Cash transactions over $10,000 must be reported within fifteen days [3].",
    "A currency transaction report is due within 15 calendar days [3].",
    "The reports go to FinCEN [3].",
    "Banks send the reports to the Financial Crimes Enforcement Network.",
    "If one customer makes several transactions on a day, they count as a single transaction [3].",
    "Customers that are Phase II exempt need not be reported [3].",
    "Copies of the reports have to be kept for 5 years [3].",
    "The bank must keep copies for five years.",
    "The LCR makes banks hold high-quality liquid assets for 30 days of stress [4].",
    "Enough liquid assets must be held to survive a stress of thirty days.",
    "The liquidity coverage ratio may not fall below 100 % [4].",
    "Pledged assets do not count [4].",
    "Pledged assets can't be counted toward the ratio.",
    "Each month the treasurer reports the ratio to the board [4].",
    "Ingrid Sole designed the Oldhaven bridge [5].",
    "The bridge was built from 1911 to 1914 [5].",
    "Its length is 640 metres, and it carries four lanes and two tracks [5].",
    "Seventeen of the almost 1,200 workers lost their lives [5].",
    "The flood of 1953 destroyed the station at Norwick but did not damage the bridge [5].",
    "The bridge was undamaged in the 1953 flood [5].",
    "Industrial sales were $1,310.8 million in 2022 [6].",
    "Sales of the medical segment fell from 744.0 million in 2021 to 702.6 million in 2022 [6].",
    "Total sales reached about $2.0 billion in 2022 [6].",
    "First class may be booked only if a director approves it [7].",
    "Employees get meals refunded up to 45 euros per day [7].",
    "Receipts are to be handed in within 2 weeks after the return [7].",
    "Minibars are not paid for by the company [7].",
    "The Zurich office books trips to Geneva [7].",
    "The heat pump works at outside temperatures down to 20 degrees below zero [8].",
    "Clean the filter every 3 months [8].",
    "The housing must not be opened while the pump is connected to the mains [8].",
    "Never open the housing while the pump is connected to the mains.",
    "The guarantee is ten years for the compressor and two years for the electronics [8].",
    "E7 means the sensor doesn't have contact [8].",
    "The documents do not say who built the pump.",
    "Shall I look further?",
};

static const struct {
    const char *text;
    enum claim_verdict why;
} claims_false[] = {
    {"Harbor Bank's CET1 ratio was 12.9 % at the end of 2022 [1].", CLAIM_NUMBER},
    {"The CET1 ratio improved from 11.4% to 12.4% during the year [1].", CLAIM_NUMBER},
    {"Banks need at least 6 % and a conservation buffer of 2.5 % on top [1].", CLAIM_NUMBER},
    {"Risk-weighted assets increased by 3.2 million dollars [1].", CLAIM_NUMBER},
    {"Net interest income was about $1.9 billion, 8% more than before [2].", CLAIM_NUMBER},
    {"Fee income dropped to 301 million dollars [2].", CLAIM_NUMBER},
    {"Cash transactions over $100,000 must be reported within fifteen days [3].", CLAIM_NUMBER},
    {"A currency transaction report is due within 30 calendar days [3].", CLAIM_NUMBER},
    {"The bank must keep copies for seven years.", CLAIM_NUMBER},
    {"The bridge was built from 1911 to 1915 [5].", CLAIM_NUMBER},
    {"Seventy of the almost 1,200 workers lost their lives [5].", CLAIM_NUMBER},
    {"Industrial sales were $1,310.8 billion in 2022 [6].", CLAIM_NUMBER},
    {"Total sales reached about $2.3 billion in 2022 [6].", CLAIM_NUMBER},
    {"Employees get meals refunded up to 54 euros per day [7].", CLAIM_NUMBER},
    {"Clean the filter every six months [8].", CLAIM_NUMBER},
    {"Northern Bank's CET1 ratio was 12.4 % [1].", CLAIM_NAME},
    {"The payments unit went to Falcon Group in March 2022 [2].", CLAIM_NAME},
    {"According to the CFO, Maria Lundberg, costs would not fall before 2024 [2].", CLAIM_NAME},
    {"The reports go to OFAC [3].", CLAIM_NAME},
    {"Banks send the reports to the Federal Reserve Board.", CLAIM_NAME},
    {"The bridge was designed by Ingmar Sund [5].", CLAIM_NAME},
    {"The flood of 1953 destroyed the station at Felmouth [5].", CLAIM_NAME},
    {"The Vienna office books trips to Geneva [7].", CLAIM_NAME},
    {"Trips to Paris are booked through the Zurich office [7].", CLAIM_NAME},
    {"It is error E9 that means the sensor has no contact [8].", CLAIM_NAME},
    {"The board declared a special dividend [1].", CLAIM_NEGATION},
    {"Maria Lindqvist said that costs were expected to fall before 2024 [2].", CLAIM_NEGATION},
    {"Several transactions of one customer on the same day do not count as one [3].",
     CLAIM_NEGATION},
    {"Phase II exempt customers are reported [3].", CLAIM_NEGATION},
    {"Assets that are pledged can be counted [4].", CLAIM_NEGATION},
    {"The treasurer does not report the ratio to the board every month [4].", CLAIM_NEGATION},
    {"The bridge was damaged in the flood of 1953 [5].", CLAIM_NEGATION},
    {"The company pays for minibars [7].", CLAIM_NEGATION},
    {"Meals are not refunded [7].", CLAIM_NEGATION},
    {"Open the housing while the pump is connected to the mains [8].", CLAIM_NEGATION},
    {"The compressor is not guaranteed for ten years [8].", CLAIM_NEGATION},
    {"Penguins are excellent swimmers and eat small fish [8].", CLAIM_WORDS},
    {"Inflation makes groceries dearer for most households [2].", CLAIM_WORDS},
};
