/* routing.h - which language model answers a question: the fast one or the best one.
 *
 * Rules, each with points and a reason; those of the rules that hold are added up, and at
 * ROUTE_POINTS_BEST the question goes to the best model. Nothing is learned and nothing is hidden:
 * the reply carries the reasons. The words are English; a question in another language is judged by
 * its length, its question marks and its retrieval.
 *
 *   points  rule      holds when
 *   2       compute   "calculate", "percentage change", "average", "ratio ... defined as", CAGR
 *   2       compare   "compare", "difference between", "versus", "higher than", "which ... more"
 *   2       reason    "explain", "why", "how does X affect", "what drove", "implications"
 *   2       trend     "trend", "over time", "increase or decrease", "from 2021 to 2022"
 *   2       judge     "does it look healthy", "is this capital-intensive", "should we"
 *   2       parts     two question marks, "and what/how/why/when", "(a) ... (b)", "if not, ..."
 *   1       long      ROUTE_WORDS_LONG words or more
 *   1       weak      the best passage's cosine is under ROUTE_COSINE_WEAK
 *   1       flat      the best passages are of ROUTE_DOCUMENTS_MANY documents and as good as equal
 *   1       few       fewer than ROUTE_PASSAGES_FEW passages were found
 *   1       history   it needs the turns before it (follow_up.h), of which there are some
 *   any     tenant    the hook's points, of either sign
 *
 * docs/answers.md has what they do to the questions of five sets.
 *
 * Threads  free of state; the hook is called on the caller's thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "index/retriever.h"

#define ROUTE_POINTS_BEST    2
#define ROUTE_WORDS_LONG     30
#define ROUTE_COSINE_WEAK    0.35
#define ROUTE_COSINE_FLAT    0.03 /* between the first and the last of the best */
#define ROUTE_DOCUMENTS_MANY 4    /* of the best ROUTE_BEST passages */
#define ROUTE_BEST           5
#define ROUTE_PASSAGES_FEW   2

enum route { ROUTE_FAST, ROUTE_BEST_MODEL };
const char *route_name(enum route r); /* "fast", "best" */

enum route_rule {
    RULE_COMPUTE,
    RULE_COMPARE,
    RULE_REASON,
    RULE_TREND,
    RULE_JUDGE,
    RULE_PARTS,
    RULE_LONG,
    RULE_WEAK,
    RULE_FLAT,
    RULE_FEW,
    RULE_HISTORY,
    RULE_TENANT,
    N_ROUTE_RULES,
};
const char *route_rule_name(enum route_rule r); /* "compute", ... */

struct route_question {
    struct str text;
    const char *tenant;             /* for the hook */
    size_t n_history;               /* turns before it */
    const struct passage *passages; /* [n_passages] by rank; neighbours do not count */
    size_t n_passages;
    bool searched; /* false: nothing is known of the passages yet, their rules do not hold */
};

struct route_rules {
    /* Points of the tenant's own, 0 for none; `reason` is for a human and outlives the reply. A
     * tenant who always gets the best has ROUTE_POINTS_BEST, one who never does -100. */
    int (*tenant)(void *arg, const struct route_question *q, const char **reason);
    void *arg;
};

struct route_choice {
    enum route route;
    int points;
    unsigned rules;     /* bit 1 << enum route_rule: it holds */
    const char *reason; /* in `mem` or static: "asks for a comparison (+2), is long (+1)" */
};

/* rules NULL: no tenant's. */
struct route_choice route_choose(const struct route_question *q, const struct route_rules *rules,
                                 struct arena *mem);
