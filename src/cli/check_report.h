/*
 * The output formats of `plumbline check`. A report is written in pieces: a head, one piece per deviation in
 * the order of the input, and an end. Pieces are made by worker threads into buffers of their own.
 */
#ifndef CLI_CHECK_REPORT_H
#define CLI_CHECK_REPORT_H

#include "cli/check_line.h"
#include "cli/check_rules.h"

#include <stdatomic.h>

typedef enum check_format {
    CHECK_TABLE,
    CHECK_JSON,
    CHECK_LINES,
    CHECK_CSV,
    CHECK_JUNIT,
    CHECK_SARIF
} check_format;

/* False on a word that names no format. */
bool check_format_parse(const char *word, check_format *format);

/* True when the report has a place for the evaluated tree (--explain). */
bool check_format_explains(check_format format);

/* True when the report tells the number of each deviation's line. */
bool check_format_numbers(check_format format);

/* True when the report begins with counts, which are known only when all pieces are made. */
bool check_format_counts_first(check_format format);

/*
 * The parts of a JSON object that are the same for every deviation under a rule from a resource of one type.
 * All have PL_BUF_BLOCK bytes behind them.
 */
typedef struct check_rule_text {
    pl_str head;                           /* up to the members of the place */
    pl_str verdicts[PL_VERDICT_ERROR + 1]; /* from behind them to the annotation */
} check_rule_text;

/* One resource that is not plainly compliant under one rule. Views live until the piece is written. */
typedef struct check_deviation {
    const check_rule *rule;
    const check_rule_text *text;
    pl_verdict verdict; /* PL_VERDICT_ERROR is reported as INSUFFICIENT_DATA with the reason */
    const check_line *line;
    pl_str place;      /* check_report_place_members of the line */
    pl_str annotation; /* JSON object text, or empty */
    pl_str context;    /* evaluated tree as JSON text; absent when not asked for */
    const char *file;
} check_deviation;

typedef struct check_counts {
    uint64_t resources, evaluations, ignored_types;
    uint64_t results[PL_VERDICT_ERROR + 1];
} check_counts;

/* False without memory. */
bool check_report_rule_text(pl_arena *arena, const check_rule *rule, pl_str type, check_rule_text *out);

/*
 * The members of a JSON object that are the same for every deviation of a resource, behind its type.
 * PL_BUF_BLOCK bytes behind them may be read.
 */
void check_report_place_members(pl_buf *out, const check_line *line);

/* A piece of JSON and SARIF begins with a comma, which the writer of the very first one leaves out. */
void check_report_begin(pl_buf *out, check_format format, const check_rules *rules);
/*
 * The head of a format that counts first, with a passed case for each rule that is not `violated` (one entry
 * for each rule); `started` in milliseconds since 1970.
 */
void check_report_begin_counted(pl_buf *out, const check_counts *counts, const check_rules *rules,
                                const atomic_bool *violated, int64_t started, double seconds);
void check_report_deviation(pl_buf *out, check_format format, const check_deviation *deviation);
void check_report_end(pl_buf *out, check_format format);

/* One line for people with the counts and the time taken. */
void check_report_summary(pl_buf *out, const check_counts *counts, size_t rules, double seconds);

#endif
