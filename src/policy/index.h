/*
 * Inside of a policy set, for set.c and decide.c only: compiled statements and the index by action.
 *
 * A statement is found by three ways: its literal actions in `exact`; its actions with a literal service and
 * wildcards behind the colon in `services`; everything else (`*`, `*:Get*`, NotAction) in `everywhere`. A
 * bucket holds a statement at most once, in the order of statements, apart by effect.
 */
#ifndef PL_POLICY_INDEX_H
#define PL_POLICY_INDEX_H

#include "base/map.h"
#include "policy/clause.h"

#include <stdatomic.h>

/* A resource pattern as written, and in lower case for ARNs that ignore case. */
typedef struct pl_resource_pattern {
    pl_glob exact;
    pl_glob folded;
} pl_resource_pattern;

typedef struct pl_compiled_statement {
    const pl_policy_statement *source;
    uint32_t policy;
    uint32_t statement; /* within the policy */
    bool any_resource;  /* `"Resource": "*"` */
    const pl_resource_pattern *resources;
    size_t resource_count;
    const pl_clause *clauses;
    size_t clause_count;
} pl_compiled_statement;

/* A statement in a bucket, with the patterns that still decide; no patterns: the bucket's key has decided. */
typedef struct pl_index_entry {
    uint32_t statement; /* within the set */
    bool except;        /* NotAction: holds when no pattern matches */
    pl_glob *globs;
    size_t glob_count;
    size_t glob_capacity;
} pl_index_entry;

typedef struct pl_index_list {
    pl_index_entry *entries;
    size_t count;
    size_t capacity;
} pl_index_list;

typedef struct pl_index_bucket {
    pl_index_list by_effect[2];
} pl_index_bucket;

struct pl_policy_set {
    atomic_size_t references;
    pl_arena arena;
    const pl_policy **policies;
    pl_str *names;
    size_t policy_count;
    pl_compiled_statement *statements;
    size_t statement_count;
    pl_map exact;    /* "ecs:startinstance" to bucket */
    pl_map services; /* "ecs" to bucket; its patterns are about what follows the colon */
    pl_index_bucket everywhere;
    bool reads_resource_tags; /* some condition asks for acs:ResourceTag/<key> */
};

#endif
