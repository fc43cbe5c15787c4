/*
 * The threads of a check: each takes a batch of lines, evaluates every item, and writes its piece of the
 * report when its turn comes, so that the report keeps the order of the input.
 */
#ifndef CLI_CHECK_WORKER_H
#define CLI_CHECK_WORKER_H

#include "cli/check_related.h"
#include "cli/check_report.h"
#include "cli/check_rules.h"
#include "cli/source.h"

#include <stdatomic.h>

typedef struct check_run {
    check_rules *rules;
    cli_source *source;
    const catalogue *catalogue;
    const check_related *related; /* NULL: no rule asks for related resources */
    check_format format;
    bool explain;
    int64_t now; /* evaluation time, Unix milliseconds */
    unsigned threads;
    int out;               /* descriptor of the report */
    atomic_bool *violated; /* of each rule: it found something; NULL: nobody asks, or CHECK_LINES */
} check_run;

/* Runs to the end of the source. -1 with the first error, which names file and line. */
int check_run_all(const check_run *run, check_counts *counts, pl_error *error);

#endif
