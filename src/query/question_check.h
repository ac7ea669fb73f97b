/* question_check.h - whether another question's answer would have been this one's.
 *
 * Of the answers that reuse by meaning served, a share (cache.semantic_check) is made again for the
 * question that was really asked, on the compute threads when no question waits for them. Nobody
 * waits for it and nothing of it is kept but the count (cache/alike.h): ALIKE_CHECKED, and
 * ALIKE_DISAGREED when
 *
 *   quoted     one is an answer and the other is not, or no quote of the one overlaps any of the
 *              other's
 *   generated  fewer than half of the passages are the same: the language model is not asked again
 *
 * The sample is every so-manieth answer, not chance. A check that fails or finds the lane full is
 * not counted.
 *
 * Threads  locked.
 */
#pragma once

struct engine;
struct lru_value;
struct query;

/* `reply` was served for q; a reference is taken, q is copied. */
void question_check_reused(struct engine *e, const struct query *q, struct lru_value *reply);
