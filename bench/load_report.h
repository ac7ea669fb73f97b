/* load_report.h - what a load found, for people and for programs. */
#pragma once
#include "base/buf.h"
#include "load.h"

/* A table with a line a class, and one for each status and failure below it. */
void load_report_text(const struct load *l, struct buf *out);

/* One line:
 *   {"seconds":..,"cpu_us_a_reply":.., "classes":{NAME:{"sent","replies","per_s","good_per_s",
 *    "bytes_a_reply",
 *    "failed":{"timeout","closed","broken","unsent"},"refused":..,"ms":DELAYS,"first_byte_ms":DELAYS,
 *    "late":{"over_1ms","p99_ms","max_ms"},
 *    "status":{"200":{"n","ms":DELAYS},"429":{"n","ms":DELAYS,"retry_after":{"n","min","max"}}}}}}
 * DELAYS: {"p50","p90","p99","p99.9","max","mean"}, ms. per_s: replies within the measured time. */
void load_report_json(const struct load *l, struct buf *out);
