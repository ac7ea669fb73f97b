/* model_metrics.h - the numbers of the language models, for /metrics and /stats.
 *
 *   ragd_llm_requests_total{model}, ..._retries_, _hedges_, _hedges_won_, _cancelled_
 *   ragd_llm_failures_total{model,kind}
 *   ragd_llm_routed_total{model,route}     route: fast, best, or asked for by name
 *   ragd_llm_tokens_total{model,direction} direction: in, out
 *   ragd_llm_cost_total{model}             in the money of the configured prices
 *   ragd_llm_breaker_open{model}
 *   ragd_llm_first_token_seconds{model}, ragd_llm_answer_seconds{model}
 *
 * Threads  as chat_models.h.
 */
#pragma once
#include "base/buf.h"
#include "base/jsonw.h"

struct chat_models;

/* Nothing when there are none (NULL). */
void model_metrics_write(struct chat_models *m, struct buf *out);

/* A list with one object for each; [] when there are none. */
void model_metrics_json(struct chat_models *m, struct jsonw *w);
