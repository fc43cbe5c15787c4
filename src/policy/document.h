/*
 * A policy document, read and checked: RAM policies, session policies, trust policies, control policies.
 *
 * Reading is strict: unknown, missing, doubled and ill-typed members, wrong operators and values are errors
 * that name their byte offset and their JSON path (reference/policy-language.md, section 1).
 * INVARIANT: a pl_policy that was returned holds at least one statement, every statement at least one action,
 * and every condition value is of the form that its operator needs.
 */
#ifndef PL_POLICY_DOCUMENT_H
#define PL_POLICY_DOCUMENT_H

#include "base/arena.h"
#include "base/error.h"
#include "json/tape.h"

typedef enum pl_policy_kind {
    PL_POLICY_IDENTITY, /* custom RAM policy */
    PL_POLICY_SYSTEM,   /* RAM or control policy that Plumbline ships: no vendor limit on its length */
    PL_POLICY_SESSION,  /* `Policy` of AssumeRole */
    PL_POLICY_TRUST,    /* who may assume a role: Principal instead of Resource */
    PL_POLICY_CONTROL   /* of a resource directory */
} pl_policy_kind;

typedef enum pl_effect { PL_EFFECT_DENY, PL_EFFECT_ALLOW } pl_effect;

/* The 21 condition operators (reference/policy-language.md, section 3.1). */
typedef enum pl_policy_operator {
    PL_STRING_EQUALS,
    PL_STRING_NOT_EQUALS,
    PL_STRING_EQUALS_IGNORE_CASE,
    PL_STRING_NOT_EQUALS_IGNORE_CASE,
    PL_STRING_LIKE,
    PL_STRING_NOT_LIKE,
    PL_NUMERIC_EQUALS,
    PL_NUMERIC_NOT_EQUALS,
    PL_NUMERIC_LESS_THAN,
    PL_NUMERIC_LESS_THAN_EQUALS,
    PL_NUMERIC_GREATER_THAN,
    PL_NUMERIC_GREATER_THAN_EQUALS,
    PL_DATE_EQUALS,
    PL_DATE_NOT_EQUALS,
    PL_DATE_LESS_THAN,
    PL_DATE_LESS_THAN_EQUALS,
    PL_DATE_GREATER_THAN,
    PL_DATE_GREATER_THAN_EQUALS,
    PL_BOOL,
    PL_IP_ADDRESS,
    PL_NOT_IP_ADDRESS,
    PL_POLICY_OPERATOR_COUNT
} pl_policy_operator;

typedef enum pl_principal_type {
    PL_PRINCIPAL_RAM,
    PL_PRINCIPAL_SERVICE,
    PL_PRINCIPAL_FEDERATED
} pl_principal_type;

/* A text of the document and its place: the index of its word on the tape. */
typedef struct pl_policy_text {
    pl_str text;
    uint32_t place;
} pl_policy_text;

typedef struct pl_policy_texts {
    const pl_policy_text *items;
    size_t count;
} pl_policy_texts;

/* One operator with one key: `"IpAddress": {"acs:SourceIp": [...]}`. */
typedef struct pl_policy_clause {
    pl_policy_operator op;
    pl_policy_text key;
    pl_policy_texts values; /* at least one */
} pl_policy_clause;

typedef struct pl_policy_principal {
    pl_principal_type type;
    pl_policy_texts values;
} pl_policy_principal;

typedef struct pl_policy_statement {
    pl_effect effect;
    bool not_action;   /* the actions are exceptions */
    bool not_resource; /* the resources are exceptions */
    pl_policy_texts actions;
    pl_policy_texts resources;             /* empty in trust policies */
    const pl_policy_principal *principals; /* trust policies only */
    size_t principal_count;
    const pl_policy_clause *clauses; /* all must hold */
    size_t clause_count;
    uint32_t place;
} pl_policy_statement;

typedef struct pl_policy {
    pl_policy_kind kind;
    pl_str text; /* the document as submitted; not owned */
    pl_json root;
    const pl_policy_statement *statements;
    size_t statement_count;
} pl_policy;

/*
 * Reads a document into the arena; `text` must outlive the policy. -1 with
 *   InvalidParameter.PolicyDocument.Length (RAM 400, control policy 409), InvalidParameter.PolicySize
 *     (session), InvalidParameter.AssumeRolePolicyDocument.Length (trust) when it is too long;
 *   MalformedPolicyDocument (400, control policy 409) or InvalidParameter.PolicyGrammar (session) otherwise,
 *     with the byte offset in `error->position` and the JSON path in the message.
 * Update operations whose parameter has another name replace the length code by their own.
 */
int pl_policy_parse(pl_arena *arena, pl_policy_kind kind, pl_str text, const pl_policy **policy,
                    pl_error *error);

/* Byte offset in `policy->text` of a place. */
size_t pl_policy_offset(const pl_policy *policy, uint32_t place);

/* Appends the JSON path of a place, as `$.Statement[2].Condition.Bool["acs:SecureTransport"]`. */
void pl_policy_path(pl_buf *out, const pl_policy *policy, uint32_t place);

/* The name of an operator, and the operator of an exact name (false: there is none). */
pl_str pl_policy_operator_name(pl_policy_operator op);
bool pl_policy_operator_from_name(pl_str name, pl_policy_operator *op);

#endif
