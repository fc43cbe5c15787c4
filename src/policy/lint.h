/*
 * The linter: what a policy author would want to know before attaching a well-formed policy.
 *
 * Pure: the table of known actions comes from the caller. Findings are about certainties (an action that does
 * not exist, a condition that can never hold), never about taste, save the over-broad grants.
 */
#ifndef PL_POLICY_LINT_H
#define PL_POLICY_LINT_H

#include "policy/document.h"

typedef enum pl_lint_rule {
    PL_LINT_UNKNOWN_ACTION,       /* no known operation of the service matches */
    PL_LINT_IMPOSSIBLE_CONDITION, /* clauses that cannot hold together */
    PL_LINT_SHADOWED_STATEMENT,   /* another statement makes it ineffective */
    PL_LINT_OVERBROAD_GRANT,      /* everything on everything, or everything but a few actions */
    PL_LINT_EMPTY_MATCH           /* actions and resources of different services */
} pl_lint_rule;

/* The known operations of one service; services that are not listed are not checked. */
typedef struct pl_lint_service {
    pl_str code;           /* "config" */
    const pl_str *actions; /* "GetConfigRule", without the service */
    size_t action_count;
} pl_lint_service;

typedef struct pl_lint_finding {
    pl_lint_rule rule;
    size_t offset; /* bytes in the document */
    size_t line;   /* from 1 */
    size_t column; /* from 1, characters */
    pl_str path;   /* JSON path */
    pl_str message;
} pl_lint_finding;

/* "unknown-action" and so on. */
pl_str pl_lint_rule_name(pl_lint_rule rule);

/*
 * Checks a policy; findings live in the arena, in document order. -1 only without memory
 * (ServiceUnavailable).
 */
int pl_policy_lint(pl_arena *arena, const pl_policy *policy, const pl_lint_service *services,
                   size_t service_count, const pl_lint_finding **findings, size_t *count, pl_error *error);

/* Line and column (from 1; columns in characters) of a byte offset. */
void pl_text_position(pl_str text, size_t offset, size_t *line, size_t *column);

#endif
