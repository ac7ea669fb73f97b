/* progress.h - a bar on the user's terminal for what takes longer than a second.
 *
 * Threads  confined.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *err;
    bool wanted; /* it is a terminal */
    bool shown;
    uint64_t start_ns, last_ns;
};

void progress_init(struct progress *p, FILE *err, bool terminal);

/* done of total, with a few words behind; cheap when it is too early to draw again. */
void progress_show(struct progress *p, size_t done, size_t total, const char *text);

/* Wipes the bar, so that the next line begins clean. */
void progress_done(struct progress *p);
