/*
 * All that has a say in one call, gathered from principal, session and directory, and held while it is
 * decided. Internal to the room.
 */
#ifndef IDENTITY_DECISION_H
#define IDENTITY_DECISION_H

#include "identity/internal.h"
#include "org/org.h"

enum { IDENTITY_CONTEXT_MAX = 128 };

typedef struct identity_authority {
    pl_authority sides;
    pl_request request;
    identity_principal *principal; /* NULL for the root identity */
    pl_policy_set *session;
    const org_view *view; /* NULL without resource directories */
    org_levels levels;    /* of the account whose control policies bind the call */
    pl_context_entry context[IDENTITY_CONTEXT_MAX];
    pl_str values[IDENTITY_CONTEXT_MAX];
    identity_seen_tags tags[IDENTITY_RESOURCES_LOGGED]; /* of the request's resources, for the log */
    bool overflow;                                      /* a key found no room: everything is denied */
} identity_authority;

/*
 * Gathers what binds the caller. `owner_id` is the account that owns the resource: its control policies apply
 * (reference/policy-language.md, section 6.3). Closed by the caller in every case.
 */
int identity_authority_open(identity_authority *a, identity *room, pl_arena *arena,
                            const identity_caller *caller, pl_str owner_id, pl_error *error);
void identity_authority_close(identity_authority *a);

/* The keys that every call has (reference/policy-language.md, section 3.3), and those of this request. */
void identity_authority_add_keys(identity_authority *a, pl_arena *arena, const identity_caller *caller,
                                 const identity_request *request);

/* The compiled trust policy of the role with this ARN, released by the caller; NULL: there is no such role.
 */
int identity_trust_of(identity *room, pl_arena *arena, pl_str role_arn, pl_policy_set **trust,
                      pl_error *error);

/* Adds the condition keys that the parameters bring. The texts are not copied. Too many deny the call. */
void identity_authority_add_facts(identity_authority *a, const identity_fact *facts, size_t count);

/* Whether the tags of resources may matter for the decision. */
bool identity_authority_reads_tags(const identity_authority *a);

/* Decides about one resource; -1 with a denial when the request is over a limit (pl_decide). */
int identity_authority_decide(identity_authority *a, pl_str resource, pl_decision *decision, pl_error *error);

/* Fills the denial of a decision, with the sealed message that DecodeDiagnosticMessage opens. */
void identity_authority_explain(identity_authority *a, identity *room, pl_arena *arena,
                                const identity_caller *caller, const pl_decision *decision, int64_t now,
                                identity_denial *denial);

#endif
