/*
 * The decision, slow and obvious: reads the JSON of every policy anew for every request, matches wildcards by
 * recursion, compares numbers as doubles. Shares nothing with the compiled structure but the calendar.
 */
#ifndef PL_TESTS_SLOW_EVALUATOR_H
#define PL_TESTS_SLOW_EVALUATOR_H

#include "base/clock.h"
#include "policy/decide.h"
#include "json/tape.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOW_MAX_POLICIES = 8, SLOW_TEXT = 256 };

typedef struct slow_set {
    pl_json documents[SLOW_MAX_POLICIES];
    size_t count;
} slow_set;

typedef struct slow_authority {
    slow_set levels[4];
    size_t level_count;
    slow_set session, identity, group, trust;
    bool has_session, has_group;
    pl_trust_use trust_use;
} slow_authority;

typedef struct slow_result {
    pl_ruling verdict;
    pl_decider decider;
    size_t level;
    size_t applicable; /* statements, in all steps that were reached */
} slow_result;

static bool slow_glob(pl_str p, pl_str s, bool fold) {
    if (p.n == 0)
        return s.n == 0;
    if (p.p[0] == '*')
        return slow_glob(pl_str_skip(p, 1), s, fold) || (s.n && slow_glob(p, pl_str_skip(s, 1), fold));
    if (s.n == 0)
        return false;
    size_t first = 1; /* bytes of the character that `?` stands for */
    while (first < s.n && ((unsigned char)s.p[first] & 0xc0) == 0x80)
        first++;
    if (p.p[0] == '?')
        return slow_glob(pl_str_skip(p, 1), pl_str_skip(s, first), fold);
    bool same = fold ? tolower((unsigned char)p.p[0]) == tolower((unsigned char)s.p[0]) : p.p[0] == s.p[0];
    return same && slow_glob(pl_str_skip(p, 1), pl_str_skip(s, 1), fold);
}

static bool slow_any_glob(pl_json patterns, pl_str s, bool fold) {
    if (pl_json_is_string(patterns))
        return slow_glob(pl_json_text(patterns), s, fold);
    for (size_t i = 0; i < pl_json_count(patterns); i++)
        if (slow_glob(pl_json_text(pl_json_at(patterns, i)), s, fold))
            return true;
    return false;
}

static bool slow_action(pl_json statement, pl_str action) {
    pl_json plain = pl_json_get(statement, PL_STR("Action"));
    if (pl_json_exists(plain))
        return slow_any_glob(plain, action, true);
    return !slow_any_glob(pl_json_get(statement, PL_STR("NotAction")), action, true);
}

/* The ARN with `*` and empty region exchanged; itself when its region is another. */
static pl_str slow_other_spelling(pl_str arn, char out[SLOW_TEXT]) {
    char service[81], rest[81], copy[81];
    snprintf(copy, sizeof copy, "%.*s", (int)(arn.n < 80 ? arn.n : 80), arn.p);
    if (sscanf(copy, "acs:%[^:]:*:%s", service, rest) == 2)
        snprintf(out, SLOW_TEXT, "acs:%.80s::%.80s", service, rest);
    else if (sscanf(copy, "acs:%[^:]::%s", service, rest) == 2)
        snprintf(out, SLOW_TEXT, "acs:%.80s:*:%.80s", service, rest);
    else
        return arn;
    return pl_str_from(out);
}

static bool slow_resource(pl_json statement, pl_str arn) {
    char bytes[SLOW_TEXT];
    bool fold = pl_str_starts(arn, PL_STR("acs:ram:"));
    pl_json plain = pl_json_get(statement, PL_STR("Resource"));
    bool negated = !pl_json_exists(plain);
    pl_json patterns = negated ? pl_json_get(statement, PL_STR("NotResource")) : plain;
    bool hit =
        slow_any_glob(patterns, arn, fold) || slow_any_glob(patterns, slow_other_spelling(arn, bytes), fold);
    return hit != negated;
}

static bool slow_address(pl_str wanted, pl_str value) {
    char a[64], b[64];
    unsigned char x[16], y[16];
    snprintf(a, sizeof a, "%.*s", PL_FMT(wanted));
    snprintf(b, sizeof b, "%.*s", PL_FMT(value));
    int family = strchr(a, ':') ? AF_INET6 : AF_INET;
    char *slash = strchr(a, '/');
    int bits = slash ? atoi(slash + 1) : (family == AF_INET ? 32 : 128);
    if (slash)
        *slash = 0;
    if (inet_pton(family, a, x) != 1 || inet_pton(family, b, y) != 1)
        return false;
    for (int i = 0; i < bits; i++)
        if ((x[i / 8] ^ y[i / 8]) >> (7 - i % 8) & 1)
            return false;
    return true;
}

static bool slow_order(const char *operation, double difference) {
    if (strcmp(operation, "LessThan") == 0)
        return difference < 0;
    if (strcmp(operation, "LessThanEquals") == 0)
        return difference <= 0;
    if (strcmp(operation, "GreaterThan") == 0)
        return difference > 0;
    if (strcmp(operation, "GreaterThanEquals") == 0)
        return difference >= 0;
    return !(difference < 0) && !(difference > 0);
}

static bool slow_number(const char *operation, pl_str wanted, pl_str value) {
    char a[64], b[64], *end;
    snprintf(a, sizeof a, "%.*s", PL_FMT(wanted));
    snprintf(b, sizeof b, "%.*s", PL_FMT(value));
    double x = strtod(b, &end);
    bool plain = strspn(b, "+-.0123456789") == strlen(b) && *b && b[strlen(b) - 1] != '.';
    return plain && !*end && slow_order(operation, x - strtod(a, NULL));
}

static bool slow_date(const char *operation, pl_str wanted, pl_str value) {
    int64_t a, b;
    return pl_time_parse(wanted, &a) && pl_time_parse(value, &b) && slow_order(operation, (double)(b - a));
}

/* One policy value against one request value, for the positive form of the operator. */
static bool slow_value(const char *name, pl_str wanted, pl_str value) {
    bool fold = strstr(name, "IgnoreCase") || pl_str_starts(value, PL_STR("acs:ram:"));
    if (strncmp(name, "Numeric", 7) == 0)
        return slow_number(name + 7, wanted, value);
    if (strncmp(name, "Date", 4) == 0)
        return slow_date(name + 4, wanted, value);
    if (strcmp(name, "Bool") == 0)
        return pl_str_eq_fold(wanted, value);
    if (strcmp(name, "IpAddress") == 0)
        return slow_address(wanted, value);
    if (strcmp(name, "StringLike") == 0)
        return slow_glob(wanted, value, fold);
    return fold ? pl_str_eq_fold(wanted, value) : pl_str_eq(wanted, value);
}

static bool slow_key(const char *name, pl_json wanted, const pl_context_entry *entry) {
    size_t count = pl_json_is_array(wanted) ? pl_json_count(wanted) : 1;
    for (size_t i = 0; entry && i < entry->count; i++)
        for (size_t j = 0; j < count; j++) {
            pl_json one = pl_json_is_array(wanted) ? pl_json_at(wanted, j) : wanted;
            if (slow_value(name, pl_json_text(one), entry->values[i]))
                return true;
        }
    return false;
}

static const pl_context_entry *slow_entry(const pl_request *request, pl_str key) {
    for (size_t i = 0; i < request->context_count; i++)
        if (pl_str_eq_fold(request->context[i].key, key))
            return &request->context[i];
    return NULL;
}

static bool slow_condition(pl_json condition, const pl_request *request) {
    pl_str operator_name, key;
    pl_json keys, wanted;
    for (pl_json_walk o = pl_json_children(condition); pl_json_step(&o, &operator_name, &keys);)
        for (pl_json_walk k = pl_json_children(keys); pl_json_step(&k, &key, &wanted);) {
            char name[64];
            snprintf(name, sizeof name, "%.*s", PL_FMT(operator_name));
            char *not = strstr(name, "Not");
            if (not )
                memmove(not, not +3, strlen(not +3) + 1);
            if (slow_key(name, wanted, slow_entry(request, key)) == (not != NULL))
                return false;
        }
    return true;
}

static bool slow_principal(pl_json principal, const pl_request_principal *who) {
    pl_str type, key;
    pl_json named, value;
    char root[64];
    snprintf(root, sizeof root, "acs:ram::%.*s:root", PL_FMT(who->account_id));
    for (pl_json_walk t = pl_json_children(principal); pl_json_step(&t, &type, &named);)
        for (pl_json_walk v = pl_json_children(named); pl_json_step(&v, &key, &value);) {
            bool outside = who->kind == PL_CALLER_SERVICE || who->kind == PL_CALLER_FEDERATED;
            bool typed = pl_str_is(type, "RAM")       ? !outside
                         : pl_str_is(type, "Service") ? who->kind == PL_CALLER_SERVICE
                                                      : who->kind == PL_CALLER_FEDERATED;
            if (typed && (pl_str_eq_fold(pl_json_text(value), who->arn) ||
                          (pl_str_is(type, "RAM") && pl_str_is(pl_json_text(value), root))))
                return true;
        }
    return false;
}

static bool slow_applies(pl_json statement, const pl_request *request) {
    pl_json principal = pl_json_get(statement, PL_STR("Principal"));
    bool target = pl_json_exists(principal) ? slow_principal(principal, &request->principal)
                                            : slow_resource(statement, request->resource);
    return target && slow_action(statement, request->action) &&
           slow_condition(pl_json_get(statement, PL_STR("Condition")), request);
}

static pl_ruling slow_evaluate(const slow_set *set, const pl_request *request, slow_result *result) {
    bool allow = false, deny = false;
    for (size_t i = 0; i < set->count; i++) {
        pl_json statements = pl_json_get(set->documents[i], PL_STR("Statement"));
        for (size_t j = 0; j < pl_json_count(statements); j++) {
            pl_json statement = pl_json_at(statements, j);
            if (!slow_applies(statement, request))
                continue;
            result->applicable++;
            bool is_allow = pl_str_is(pl_json_str(pl_json_get(statement, PL_STR("Effect"))), "Allow");
            allow |= is_allow;
            deny |= !is_allow;
        }
    }
    return deny ? PL_EXPLICIT_DENY : allow ? PL_ALLOW : PL_IMPLICIT_DENY;
}

static slow_result slow_settle(slow_result result, pl_ruling verdict, pl_decider decider) {
    result.verdict = verdict;
    result.decider = decider;
    return result;
}

static slow_result slow_identity(const slow_authority *a, const pl_request *request, slow_result r) {
    if (request->principal.kind == PL_CALLER_ROOT)
        return slow_settle(r, PL_ALLOW, PL_BY_OWNER);
    pl_ruling verdict = slow_evaluate(&a->identity, request, &r);
    if (verdict != PL_IMPLICIT_DENY || !a->has_group)
        return slow_settle(r, verdict, PL_BY_IDENTITY_POLICY);
    verdict = slow_evaluate(&a->group, request, &r);
    return slow_settle(r, verdict,
                       verdict == PL_IMPLICIT_DENY ? PL_BY_IDENTITY_POLICY : PL_BY_RESOURCE_GROUP_POLICY);
}

static slow_result slow_decide(const slow_authority *a, const pl_request *request) {
    slow_result r = {.applicable = 0};
    pl_caller_kind kind = request->principal.kind;
    bool exempt = request->principal.account_role == PL_ACCOUNT_MANAGEMENT || kind == PL_CALLER_ROOT ||
                  kind == PL_CALLER_SERVICE_LINKED_ROLE || kind == PL_CALLER_SERVICE;
    if (kind == PL_CALLER_ROOT && a->trust_use == PL_TRUST_NONE)
        return slow_settle(r, PL_ALLOW, PL_BY_OWNER);
    for (size_t level = exempt ? 0 : a->level_count; level-- > 0;) {
        pl_ruling verdict = slow_evaluate(&a->levels[level], request, &r);
        r.level = level;
        if (verdict != PL_ALLOW)
            return slow_settle(r, verdict, PL_BY_CONTROL_POLICY);
    }
    r.level = 0;
    if (a->has_session && request->principal.kind == PL_CALLER_ROLE) {
        r = slow_settle(r, slow_evaluate(&a->session, request, &r), PL_BY_SESSION_POLICY);
        if (r.verdict != PL_ALLOW)
            return r;
    }
    slow_result trust = r;
    if (a->trust_use != PL_TRUST_ALONE)
        r = slow_identity(a, request, r);
    if (a->trust_use == PL_TRUST_NONE || (a->trust_use != PL_TRUST_ALONE && r.verdict == PL_EXPLICIT_DENY))
        return r;
    trust.applicable = r.applicable;
    pl_ruling verdict = slow_evaluate(&a->trust, request, &trust);
    if (a->trust_use == PL_TRUST_ALONE || r.verdict == PL_ALLOW || verdict == PL_EXPLICIT_DENY)
        return slow_settle(trust, verdict, PL_BY_TRUST_POLICY);
    r.applicable = trust.applicable;
    return r;
}

#endif
