/* Every function that a row of operators.def may name. */
#ifndef PL_CONDITION_OPERATORS_H
#define PL_CONDITION_OPERATORS_H

#include "condition/condition_internal.h"

/* Reading the desired text (desired.c and the operators' own files): 0, or -1 without memory. */
int prepare_nothing(pl_arena *arena, desired *d, pl_error *error);
int prepare_text(pl_arena *arena, desired *d, pl_error *error);
int prepare_folded(pl_arena *arena, desired *d, pl_error *error);
int prepare_list(pl_arena *arena, desired *d, pl_error *error);
int prepare_folded_list(pl_arena *arena, desired *d, pl_error *error);
int prepare_number(pl_arena *arena, desired *d, pl_error *error);
int prepare_count(pl_arena *arena, desired *d, pl_error *error);
int prepare_regex(pl_arena *arena, desired *d, pl_error *error);
int prepare_version(pl_arena *arena, desired *d, pl_error *error);
int prepare_days(pl_arena *arena, desired *d, pl_error *error);
int prepare_windows(pl_arena *arena, desired *d, pl_error *error);
int prepare_ports(pl_arena *arena, desired *d, pl_error *error);
int prepare_cidrs(pl_arena *arena, desired *d, pl_error *error);
int prepare_tags(pl_arena *arena, desired *d, pl_error *error);
int prepare_statement(pl_arena *arena, desired *d, pl_error *error);

/* operators_text.c */
truth test_equals_folded(const desired *d, const feature *f, environment *env);
truth test_in_folded(const desired *d, const feature *f, environment *env);
truth test_contains_folded(const desired *d, const feature *f, environment *env);
truth test_string_empty(const desired *d, const feature *f, environment *env);
truth test_string_not_empty(const desired *d, const feature *f, environment *env);
truth test_base64_contains(const desired *d, const feature *f, environment *env);
truth test_base64_contains_all(const desired *d, const feature *f, environment *env);
truth test_base64_contains_any(const desired *d, const feature *f, environment *env);
truth test_text_contains_any(const desired *d, const feature *f, environment *env);
truth test_regex(const desired *d, const feature *f, environment *env);

/* operators_number.c */
truth test_number_equals(const desired *d, const feature *f, environment *env);
truth test_number_less(const desired *d, const feature *f, environment *env);
truth test_number_less_or_equals(const desired *d, const feature *f, environment *env);
truth test_number_greater(const desired *d, const feature *f, environment *env);
truth test_number_greater_or_equals(const desired *d, const feature *f, environment *env);
truth test_version_at_least(const desired *d, const feature *f, environment *env);

/* operators_list.c */
truth test_contains(const desired *d, const feature *f, environment *env);
truth test_in(const desired *d, const feature *f, environment *env);
truth test_intersects(const desired *d, const feature *f, environment *env);
truth test_contains_all(const desired *d, const feature *f, environment *env);
truth test_contains_any(const desired *d, const feature *f, environment *env);
truth test_empty_list(const desired *d, const feature *f, environment *env);
truth test_empty(const desired *d, const feature *f, environment *env);
truth test_absent(const desired *d, const feature *f, environment *env);
truth test_length_at_least(const desired *d, const feature *f, environment *env);
truth test_length_at_most(const desired *d, const feature *f, environment *env);
truth test_distinct_at_least(const desired *d, const feature *f, environment *env);
truth test_distinct_at_most(const desired *d, const feature *f, environment *env);

/* operators_time.c */
truth test_days_until_at_least(const desired *d, const feature *f, environment *env);
truth test_days_since_at_most(const desired *d, const feature *f, environment *env);
truth test_days_since_more(const desired *d, const feature *f, environment *env);
truth test_window_in(const desired *d, const feature *f, environment *env);

/* operators_network.c */
truth test_ports_exclude(const desired *d, const feature *f, environment *env);
truth test_ports_within(const desired *d, const feature *f, environment *env);
truth test_cidrs_private(const desired *d, const feature *f, environment *env);
truth test_cidrs_contain(const desired *d, const feature *f, environment *env);
truth test_cidrs_exclude(const desired *d, const feature *f, environment *env);

/* operators_policy.c */
truth test_has_tags(const desired *d, const feature *f, environment *env);
truth test_policy_contains(const desired *d, const feature *f, environment *env);
truth test_policy_excludes(const desired *d, const feature *f, environment *env);

#endif
