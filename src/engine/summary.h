/* Sums over rules, accounts and days (reference/evaluation-semantics.md, sections 9 and 10). */
#ifndef ENGINE_SUMMARY_H
#define ENGINE_SUMMARY_H

#include "engine/engine.h"

enum { ENGINE_STATISTIC_DAYS = 30 };

/* What to sum up: active rules among `rules`, over the resources of `accounts`. */
typedef struct engine_summary_input {
    const engine_rule *rules;
    size_t rule_count;
    const pl_str *accounts;
    size_t account_count;
} engine_summary_input;

typedef struct engine_summary {
    pl_str account_id;
    int64_t rules; /* active ones */
    int64_t compliant_rules, non_compliant_rules;
    int64_t compliant_rules_by_risk[3], non_compliant_rules_by_risk[3]; /* high, medium, low */
    int64_t covered_resources;                                          /* by any rule that has run */
    int64_t compliant_resources, non_compliant_resources;
    int64_t by_risk[3]; /* non-compliant results of high, medium, low risk rules: once for each rule */
} engine_summary;

/* The summary of one account; `arena` is for the work. */
int engine_summarize(engine *e, store_session *session, pl_arena *arena, const engine_summary_input *in,
                     engine_summary *out, pl_error *error);

/* Results of some rules by region or by resource type; IGNORED ones count as such only. */
typedef struct engine_group_counts {
    pl_str name;
    engine_counts counts;
} engine_group_counts;

typedef enum engine_grouping { ENGINE_BY_REGION, ENGINE_BY_TYPE } engine_grouping;

/* Groups in byte order of their names; those without results are left out. */
int engine_count_grouped(engine *e, store_session *session, pl_arena *arena, const engine_summary_input *in,
                         engine_grouping grouping, engine_group_counts **groups, size_t *count,
                         pl_error *error);

/* Figures of one day. */
typedef struct engine_statistic {
    pl_str date; /* 2026-01-31, UTC+8 */
    int64_t resources, non_compliant_resources, rules, non_compliant_rules;
} engine_statistic;

/* The days that have ended, at most ENGINE_STATISTIC_DAYS, oldest first; there is room for one more. */
int engine_list_statistics(store_session *session, pl_arena *arena, const engine_group *owner, int64_t now,
                           engine_statistic **days, size_t *count, pl_error *error);

#endif
