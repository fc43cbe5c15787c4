/*
 * The decision: the steps in their order, and the search for applicable statements in one set. Everything
 * that a request needs in another spelling lives on the stack.
 */
#include "policy/decide.h"

#include "policy/index.h"

enum { LISTS = 6 }; /* three buckets, two effects */

/* A request, prepared once for all sets. */
typedef struct probe {
    const pl_request *request;
    bool explain;
    pl_str action;  /* in lower case */
    pl_str service; /* head of `action` */
    pl_str name;    /* tail of `action` */
    bool resource_ready;
    bool folded; /* the resource ignores case: so do the patterns */
    size_t spelling_count;
    pl_str spellings[2]; /* the resource, and the same with `*` and empty region exchanged */
    char action_bytes[PL_REQUEST_MAX_ACTION];
    char resource_bytes[2][PL_REQUEST_MAX_RESOURCE + 1];
} probe;

/* ---- the resource ---- */

/* Views of the region and what stands before and behind it; false when the text is no ARN. */
static bool split_region(pl_str arn, pl_str *before, pl_str *region, pl_str *behind) {
    size_t service = pl_str_find_char(arn, ':');
    if (service == PL_NOT_FOUND || !pl_str_is(pl_str_head(arn, service), "acs"))
        return false;
    size_t second = pl_str_find_char(pl_str_skip(arn, service + 1), ':');
    if (second == PL_NOT_FOUND)
        return false;
    size_t from = service + second + 2;
    size_t length = pl_str_find_char(pl_str_skip(arn, from), ':');
    if (length == PL_NOT_FOUND)
        return false;
    *before = pl_str_head(arn, from);
    *region = pl_str_of(arn.p + from, length);
    *behind = pl_str_skip(arn, from + length);
    return true;
}

/* The same ARN with `*` for an empty region or the other way round (reference/policy-language.md, 2.3). */
static pl_str respell(char *bytes, pl_str before, pl_str region, pl_str behind) {
    memcpy(bytes, before.p, before.n);
    size_t n = before.n;
    if (region.n == 0)
        bytes[n++] = '*';
    memcpy(bytes + n, behind.p, behind.n);
    return pl_str_of(bytes, n + behind.n);
}

static void prepare_resource(probe *p) {
    pl_str arn = p->request->resource, before, region, behind;
    p->resource_ready = true;
    p->folded = arn.n >= 8 && pl_str_eq_fold(pl_str_head(arn, 8), PL_STR("acs:ram:"));
    if (p->folded)
        arn = pl_fold_into(p->resource_bytes[0], arn);
    p->spellings[p->spelling_count++] = arn;
    if (split_region(arn, &before, &region, &behind) && (region.n == 0 || pl_str_is(region, "*")))
        p->spellings[p->spelling_count++] = respell(p->resource_bytes[1], before, region, behind);
}

static bool pattern_matches(const probe *p, const pl_resource_pattern *pattern) {
    const pl_glob *glob = p->folded ? &pattern->folded : &pattern->exact;
    for (size_t i = 0; i < p->spelling_count; i++)
        if (pl_glob_match(glob, p->spellings[i]))
            return true;
    return false;
}

static bool resource_matches(probe *p, const pl_compiled_statement *statement) {
    if (statement->any_resource)
        return !statement->source->not_resource;
    if (!p->resource_ready)
        prepare_resource(p);
    bool matched = false;
    for (size_t i = 0; i < statement->resource_count && !matched; i++)
        matched = pattern_matches(p, &statement->resources[i]);
    return matched != statement->source->not_resource;
}

/* ---- the principal of trust policies ---- */

static bool principal_value_matches(const pl_request_principal *principal, pl_principal_type type,
                                    pl_str value) {
    bool identity = principal->kind <= PL_CALLER_SERVICE_LINKED_ROLE;
    if (type == PL_PRINCIPAL_SERVICE)
        return principal->kind == PL_CALLER_SERVICE && pl_str_eq_fold(principal->arn, value);
    if (type == PL_PRINCIPAL_FEDERATED)
        return principal->kind == PL_CALLER_FEDERATED && pl_str_eq_fold(principal->arn, value);
    static const pl_str prefix = PL_STR_INIT("acs:ram::"), root = PL_STR_INIT(":root");
    if (identity && pl_str_ends(value, root) && value.n == prefix.n + principal->account_id.n + root.n &&
        pl_str_starts(pl_str_skip(value, prefix.n), principal->account_id))
        return true;
    return identity && pl_str_eq_fold(principal->arn, value);
}

static bool principal_matches(const pl_request_principal *principal, const pl_policy_statement *statement) {
    for (size_t i = 0; i < statement->principal_count; i++) {
        const pl_policy_principal *named = &statement->principals[i];
        for (size_t j = 0; j < named->values.count; j++)
            if (principal_value_matches(principal, named->type, named->values.items[j].text))
                return true;
    }
    return false;
}

/* ---- one set ---- */

static bool applies(probe *p, const pl_compiled_statement *statement) {
    const pl_request *request = p->request;
    bool named = statement->source->principal_count
                     ? principal_matches(&request->principal, statement->source)
                     : resource_matches(p, statement);
    if (!named)
        return false;
    for (size_t i = 0; i < statement->clause_count; i++)
        if (!pl_clause_holds(&statement->clauses[i], request->context, request->context_count))
            return false;
    return true;
}

static bool entry_matches(const pl_index_entry *entry, pl_str text) {
    for (size_t i = 0; i < entry->glob_count; i++)
        if (pl_glob_match(&entry->globs[i], text))
            return !entry->except;
    return entry->except || entry->glob_count == 0;
}

/* A walk through the lists that may know the action, merged into the order of statements. */
typedef struct cursor {
    const pl_index_entry *next;
    const pl_index_entry *end;
    pl_str text; /* what the entries' patterns are about */
} cursor;

typedef struct search {
    cursor cursors[LISTS];
    size_t count;
} search;

static void search_add(search *s, const pl_index_bucket *bucket, pl_effect effect, pl_str text) {
    const pl_index_list *list = &bucket->by_effect[effect];
    if (list->count)
        s->cursors[s->count++] = (cursor){list->entries, list->entries + list->count, text};
}

typedef struct buckets {
    const pl_index_bucket *exact;   /* NULL: the action is named by no statement */
    const pl_index_bucket *service; /* NULL: so is the service */
    const pl_index_bucket *everywhere;
} buckets;

static void search_open(search *s, const probe *p, const buckets *b, pl_effect effect) {
    if (b->exact)
        search_add(s, b->exact, effect, p->action);
    if (b->service)
        search_add(s, b->service, effect, p->name);
    search_add(s, b->everywhere, effect, p->action);
}

/* The next statement whose action block matches; false at the end. */
static bool search_next(search *s, uint32_t *statement) {
    for (;;) {
        bool found = false, matched = false;
        uint32_t least = UINT32_MAX;
        for (size_t i = 0; i < s->count; i++)
            if (s->cursors[i].next < s->cursors[i].end && s->cursors[i].next->statement <= least) {
                least = s->cursors[i].next->statement;
                found = true;
            }
        if (!found)
            return false;
        for (size_t i = 0; i < s->count; i++) {
            cursor *c = &s->cursors[i];
            if (c->next < c->end && c->next->statement == least)
                matched |= entry_matches(c->next++, c->text);
        }
        *statement = least;
        if (matched)
            return true;
    }
}

static void note(pl_decision *decision, const pl_policy_set *set, const pl_compiled_statement *statement,
                 pl_decider step, size_t level) {
    if (decision->matched_count < PL_DECISION_MAX_MATCHED)
        decision->matched[decision->matched_count++] = (pl_matched_statement){
            step, statement->source->effect, level, set, statement->policy, statement->statement};
    decision->matched_total++;
}

/* First applicable statement of the effect, noted; true when there is one. */
static bool find_first(probe *p, const pl_policy_set *set, const buckets *b, pl_effect effect,
                       pl_decision *decision, pl_decider step, size_t level) {
    search s = {.count = 0};
    uint32_t index;
    search_open(&s, p, b, effect);
    while (search_next(&s, &index))
        if (applies(p, &set->statements[index])) {
            note(decision, set, &set->statements[index], step, level);
            return true;
        }
    return false;
}

static pl_ruling find_all(probe *p, const pl_policy_set *set, const buckets *b, pl_decision *decision,
                          pl_decider step, size_t level) {
    search s = {.count = 0};
    uint32_t index;
    bool found[2] = {false, false};
    search_open(&s, p, b, PL_EFFECT_DENY);
    search_open(&s, p, b, PL_EFFECT_ALLOW);
    while (search_next(&s, &index)) {
        const pl_compiled_statement *statement = &set->statements[index];
        if (!applies(p, statement))
            continue;
        found[statement->source->effect] = true;
        note(decision, set, statement, step, level);
    }
    return found[PL_EFFECT_DENY] ? PL_EXPLICIT_DENY : found[PL_EFFECT_ALLOW] ? PL_ALLOW : PL_IMPLICIT_DENY;
}

/* The basic evaluation of one set (section 4.1). */
static pl_ruling evaluate(probe *p, const pl_policy_set *set, pl_decision *decision, pl_decider step,
                          size_t level) {
    if (!set)
        return PL_IMPLICIT_DENY;
    buckets b = {pl_map_get(&set->exact, p->action), pl_map_get(&set->services, p->service),
                 &set->everywhere};
    if (p->explain)
        return find_all(p, set, &b, decision, step, level);
    if (find_first(p, set, &b, PL_EFFECT_DENY, decision, step, level))
        return PL_EXPLICIT_DENY;
    return find_first(p, set, &b, PL_EFFECT_ALLOW, decision, step, level) ? PL_ALLOW : PL_IMPLICIT_DENY;
}

/* ---- the steps ---- */

static pl_ruling settle(pl_decision *decision, pl_ruling verdict, pl_decider decider) {
    decision->verdict = verdict;
    decision->decided_by = decider;
    return verdict;
}

/* Section 6.2, and only for users and roles: a service that assumes a role is neither. */
static bool limited_by_control(const pl_request_principal *principal) {
    if (principal->account_role == PL_ACCOUNT_MANAGEMENT)
        return false;
    return principal->kind == PL_CALLER_USER || principal->kind == PL_CALLER_ROLE ||
           principal->kind == PL_CALLER_FEDERATED;
}

/* From the account upwards; the first level that does not allow is final (section 6.3). */
static pl_ruling control_step(probe *p, const pl_authority *authority, pl_decision *decision) {
    if (!limited_by_control(&p->request->principal))
        return PL_ALLOW;
    for (size_t level = authority->control_count; level-- > 0;) {
        const pl_control_level *node = &authority->control[level];
        pl_ruling verdict = evaluate(p, node->set, decision, PL_BY_CONTROL_POLICY, level);
        if (verdict == PL_ALLOW)
            continue;
        decision->level = level;
        decision->decided_at = node->id;
        return settle(decision, verdict, PL_BY_CONTROL_POLICY);
    }
    return PL_ALLOW;
}

/* An Allow or Deny at account level is final; else the resource group's policies decide (section 4.2, 3). */
static pl_ruling identity_step(probe *p, const pl_authority *authority, pl_decision *decision) {
    if (p->request->principal.kind == PL_CALLER_ROOT)
        return settle(decision, PL_ALLOW, PL_BY_OWNER);
    pl_ruling verdict = evaluate(p, authority->identity, decision, PL_BY_IDENTITY_POLICY, 0);
    if (verdict != PL_IMPLICIT_DENY)
        return settle(decision, verdict, PL_BY_IDENTITY_POLICY);
    verdict = evaluate(p, authority->resource_group, decision, PL_BY_RESOURCE_GROUP_POLICY, 0);
    return settle(decision, verdict,
                  verdict == PL_IMPLICIT_DENY ? PL_BY_IDENTITY_POLICY : PL_BY_RESOURCE_GROUP_POLICY);
}

/* Section 4.3: an explicit denial of either, else an implicit one of either, else Allow. */
static pl_ruling trust_step(probe *p, const pl_authority *authority, pl_ruling identity,
                            pl_decision *decision) {
    if (identity == PL_EXPLICIT_DENY)
        return identity;
    pl_ruling trust = evaluate(p, authority->trust, decision, PL_BY_TRUST_POLICY, 0);
    if (trust == PL_EXPLICIT_DENY || identity == PL_ALLOW)
        return settle(decision, trust, PL_BY_TRUST_POLICY);
    return identity;
}

static void run_steps(probe *p, const pl_authority *authority, pl_decision *decision) {
    if (p->request->principal.kind == PL_CALLER_ROOT && authority->trust_use == PL_TRUST_NONE) {
        settle(decision, PL_ALLOW, PL_BY_OWNER);
        return;
    }
    if (control_step(p, authority, decision) != PL_ALLOW)
        return;
    if (authority->session && p->request->principal.kind == PL_CALLER_ROLE) {
        pl_ruling verdict = evaluate(p, authority->session, decision, PL_BY_SESSION_POLICY, 0);
        if (settle(decision, verdict, PL_BY_SESSION_POLICY) != PL_ALLOW)
            return;
    }
    pl_ruling identity =
        authority->trust_use == PL_TRUST_ALONE ? PL_ALLOW : identity_step(p, authority, decision);
    if (authority->trust_use != PL_TRUST_NONE)
        trust_step(p, authority, identity, decision);
}

/* ---- the request ---- */

static int check_context(const pl_request *request, pl_error *error) {
    if (request->context_count > PL_REQUEST_MAX_CONTEXT)
        return pl_failf(error, PL_E_InvalidParameter, "the request context has %zu entries, more than %d",
                        request->context_count, PL_REQUEST_MAX_CONTEXT);
    for (size_t i = 0; i < request->context_count; i++)
        for (size_t j = 0; j < request->context[i].count; j++)
            if (request->context[i].values[j].n > PL_REQUEST_MAX_VALUE)
                return pl_failf(error, PL_E_InvalidParameter, "the value of %.*s has more than %d bytes",
                                PL_FMT(request->context[i].key), PL_REQUEST_MAX_VALUE);
    return 0;
}

static int prepare(probe *p, const pl_authority *authority, pl_error *error) {
    const pl_request *request = p->request;
    if (request->action.n > PL_REQUEST_MAX_ACTION)
        return pl_failf(error, PL_E_InvalidParameter, "the action has more than %d bytes",
                        PL_REQUEST_MAX_ACTION);
    size_t colon = pl_str_find_char(request->action, ':');
    if (colon == PL_NOT_FOUND || colon == 0 || colon + 1 == request->action.n)
        return pl_failf(error, PL_E_InvalidParameter, "the action \"%.*s\" is not <service>:<operation>",
                        PL_FMT(request->action));
    if (request->resource.n == 0 || request->resource.n > PL_REQUEST_MAX_RESOURCE)
        return pl_failf(error, PL_E_InvalidParameter, "the resource must have 1 to %d bytes",
                        PL_REQUEST_MAX_RESOURCE);
    if (authority->control_count > PL_DECISION_MAX_LEVELS)
        return pl_failf(error, PL_E_InvalidParameter, "%zu control-policy levels are more than %d",
                        authority->control_count, PL_DECISION_MAX_LEVELS);
    p->action = pl_fold_into(p->action_bytes, request->action);
    p->service = pl_str_head(p->action, colon);
    p->name = pl_str_skip(p->action, colon + 1);
    p->resource_ready = false;
    p->spelling_count = 0;
    return check_context(request, error);
}

static void clear(pl_decision *decision) {
    decision->verdict = PL_IMPLICIT_DENY;
    decision->decided_by = PL_BY_NOBODY;
    decision->level = 0;
    decision->decided_at = PL_STR_NONE;
    decision->matched_count = 0;
    decision->matched_total = 0;
}

static int decide(const pl_authority *authority, const pl_request *request, bool explain,
                  pl_decision *decision, pl_error *error) {
    probe p;
    p.request = request;
    p.explain = explain;
    clear(decision);
    if (prepare(&p, authority, error) != 0)
        return -1;
    run_steps(&p, authority, decision);
    return 0;
}

int pl_decide(const pl_authority *authority, const pl_request *request, pl_decision *decision,
              pl_error *error) {
    return decide(authority, request, false, decision, error);
}

int pl_decide_explained(const pl_authority *authority, const pl_request *request, pl_decision *decision,
                        pl_error *error) {
    return decide(authority, request, true, decision, error);
}

pl_str pl_ruling_name(pl_ruling verdict) {
    static const pl_str names[] = {PL_STR_INIT("ImplicitDeny"), PL_STR_INIT("ExplicitDeny"),
                                   PL_STR_INIT("Allow")};
    return names[verdict];
}

pl_str pl_decider_name(pl_decider decider) {
    static const pl_str names[] = {PL_STR_INIT("nobody"),          PL_STR_INIT("owner"),
                                   PL_STR_INIT("control policy"),  PL_STR_INIT("session policy"),
                                   PL_STR_INIT("identity policy"), PL_STR_INIT("resource group policy"),
                                   PL_STR_INIT("trust policy")};
    return names[decider];
}

pl_str pl_decider_policy_type(pl_decider decider) {
    switch (decider) {
    case PL_BY_CONTROL_POLICY: return PL_STR("ControlPolicy");
    case PL_BY_SESSION_POLICY: return PL_STR("SessionPolicy");
    case PL_BY_RESOURCE_GROUP_POLICY: return PL_STR("ResourceGroupLevelIdentityBasedPolicy");
    case PL_BY_TRUST_POLICY: return PL_STR("AssumeRolePolicy");
    default: return PL_STR("AccountLevelIdentityBasedPolicy");
    }
}
