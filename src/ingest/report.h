/* report.h - fills in a struct ingest_report. */
#pragma once
#include "ingest/ingest.h"

/* Both copy their texts. */
void report_skip(struct ingest_report *r, const char *path, const char *reason);
void report_refuse(struct ingest_report *r, const char *path, const char *reason);
