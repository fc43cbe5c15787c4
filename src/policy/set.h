/*
 * A policy set: several policies compiled into one structure that answers "which statements speak about this
 * action" without looking at statements of other services.
 *
 * Statements are pooled (reference/policy-language.md, sections 4.1 and 6.3). A set is immutable once
 * compiled, owns all it needs, is counted, and may be used by any number of threads at once.
 */
#ifndef PL_POLICY_SET_H
#define PL_POLICY_SET_H

#include "policy/document.h"

enum { PL_POLICY_SET_MAX_POLICIES = 10000, PL_POLICY_SET_MAX_STATEMENTS = 1000000 };

typedef struct pl_policy_set pl_policy_set;

/* One policy to compile. `name` is what decisions and reports call it: policy name or control policy id. */
typedef struct pl_policy_source {
    pl_policy_kind kind;
    pl_str name;
    pl_str text; /* JSON */
} pl_policy_source;

/*
 * Compiles policies into a new set with one reference, held by the caller. Name and text are copied.
 * `seed` salts the set's hash tables: random where the policies come from strangers, else 0. `*bad` (may be
 * NULL) is the index of the policy that failed. -1 with the errors of pl_policy_parse, or
 * ServiceUnavailable without memory. No policy at all gives a set that allows nothing.
 */
int pl_policy_set_compile(const pl_policy_source *sources, size_t count, uint64_t seed, pl_policy_set **set,
                          size_t *bad, pl_error *error);

/* One more reference; returns `set`. */
pl_policy_set *pl_policy_set_retain(pl_policy_set *set);

/* One reference less; the last one frees the set. NULL is accepted. */
void pl_policy_set_release(pl_policy_set *set);

/* The number of policies, and each of them with its name, from 0; they live as long as the set. */
size_t pl_policy_set_count(const pl_policy_set *set);
pl_str pl_policy_set_name(const pl_policy_set *set, size_t policy);
const pl_policy *pl_policy_set_policy(const pl_policy_set *set, size_t policy);

/* Whether a condition asks for acs:ResourceTag/<key>: tags need to be looked up only then. NULL: no. */
bool pl_policy_set_reads_resource_tags(const pl_policy_set *set);

/* Bytes that the set holds. */
size_t pl_policy_set_memory(const pl_policy_set *set);

#endif
