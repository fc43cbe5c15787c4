/* Condition clauses: what each operator takes as a value, and when it holds. */
#include "policy/clause.h"

#include "base/clock.h"

_Static_assert((int)PL_REQUEST_MAX_VALUE <= (int)PL_GLOB_MAX_SUBJECT, "a value that no pattern could match");
_Static_assert((int)PL_REQUEST_MAX_RESOURCE < (int)PL_GLOB_MAX_SUBJECT, "an ARN that no pattern could match");

typedef struct operator_facts {
    pl_str name;
    pl_operator_family family;
    pl_comparison comparison;
    bool negated;
} operator_facts;

/* Indexed by pl_policy_operator. */
static const operator_facts operators[PL_POLICY_OPERATOR_COUNT] = {
    {PL_STR_INIT("StringEquals"), PL_FAMILY_STRING, PL_EQUAL, false},
    {PL_STR_INIT("StringNotEquals"), PL_FAMILY_STRING, PL_EQUAL, true},
    {PL_STR_INIT("StringEqualsIgnoreCase"), PL_FAMILY_STRING, PL_EQUAL_FOLDED, false},
    {PL_STR_INIT("StringNotEqualsIgnoreCase"), PL_FAMILY_STRING, PL_EQUAL_FOLDED, true},
    {PL_STR_INIT("StringLike"), PL_FAMILY_STRING, PL_LIKE, false},
    {PL_STR_INIT("StringNotLike"), PL_FAMILY_STRING, PL_LIKE, true},
    {PL_STR_INIT("NumericEquals"), PL_FAMILY_NUMERIC, PL_EQUAL, false},
    {PL_STR_INIT("NumericNotEquals"), PL_FAMILY_NUMERIC, PL_EQUAL, true},
    {PL_STR_INIT("NumericLessThan"), PL_FAMILY_NUMERIC, PL_LESS, false},
    {PL_STR_INIT("NumericLessThanEquals"), PL_FAMILY_NUMERIC, PL_LESS_OR_EQUAL, false},
    {PL_STR_INIT("NumericGreaterThan"), PL_FAMILY_NUMERIC, PL_GREATER, false},
    {PL_STR_INIT("NumericGreaterThanEquals"), PL_FAMILY_NUMERIC, PL_GREATER_OR_EQUAL, false},
    {PL_STR_INIT("DateEquals"), PL_FAMILY_DATE, PL_EQUAL, false},
    {PL_STR_INIT("DateNotEquals"), PL_FAMILY_DATE, PL_EQUAL, true},
    {PL_STR_INIT("DateLessThan"), PL_FAMILY_DATE, PL_LESS, false},
    {PL_STR_INIT("DateLessThanEquals"), PL_FAMILY_DATE, PL_LESS_OR_EQUAL, false},
    {PL_STR_INIT("DateGreaterThan"), PL_FAMILY_DATE, PL_GREATER, false},
    {PL_STR_INIT("DateGreaterThanEquals"), PL_FAMILY_DATE, PL_GREATER_OR_EQUAL, false},
    {PL_STR_INIT("Bool"), PL_FAMILY_BOOL, PL_EQUAL, false},
    {PL_STR_INIT("IpAddress"), PL_FAMILY_IP, PL_EQUAL, false},
    {PL_STR_INIT("NotIpAddress"), PL_FAMILY_IP, PL_EQUAL, true},
};

pl_str pl_policy_operator_name(pl_policy_operator op) {
    return operators[op].name;
}

bool pl_policy_operator_from_name(pl_str name, pl_policy_operator *op) {
    for (size_t i = 0; i < PL_POLICY_OPERATOR_COUNT; i++)
        if (pl_str_eq(operators[i].name, name)) {
            *op = (pl_policy_operator)i;
            return true;
        }
    return false;
}

pl_operator_family pl_operator_family_of(pl_policy_operator op) {
    return operators[op].family;
}

pl_comparison pl_operator_comparison(pl_policy_operator op) {
    return operators[op].comparison;
}

/* True for StringNotEquals and its like: the opposite of the positive operator. */
static bool is_negated(pl_policy_operator op) {
    return operators[op].negated;
}

pl_str pl_fold_into(char *bytes, pl_str s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bytes[i] = (char)(c | ((unsigned)(c - 'A') < 26 ? 0x20 : 0));
    }
    return pl_str_of(bytes, s.n);
}

pl_str pl_fold(pl_arena *arena, pl_str s) {
    char *bytes = pl_arena_alloc(arena, s.n + 1);
    return bytes ? pl_fold_into(bytes, s) : PL_STR_NONE;
}

/* Policies write plain numbers: no exponent, no blanks, digits on both sides of a point. */
static bool read_number(pl_str text, pl_decimal *number) {
    pl_str rest = pl_str_skip(text, text.n && (text.p[0] == '-' || text.p[0] == '+'));
    size_t whole = pl_str_digits(rest);
    if (whole == 0)
        return false;
    rest = pl_str_skip(rest, whole);
    if (rest.n) {
        size_t fraction = pl_str_digits(pl_str_skip(rest, 1));
        if (rest.p[0] != '.' || fraction == 0 || fraction + 1 != rest.n)
            return false;
    }
    return pl_decimal_parse(text, number);
}

bool pl_operand_valid(pl_policy_operator op, pl_str value) {
    pl_operand scratch;
    switch (pl_operator_family_of(op)) {
    case PL_FAMILY_NUMERIC: return read_number(value, &scratch.number);
    case PL_FAMILY_DATE: return pl_time_parse(value, &scratch.instant);
    case PL_FAMILY_BOOL: return pl_str_to_bool(value, &scratch.truth);
    case PL_FAMILY_IP: return pl_address_parse(value, true, &scratch.address);
    default: return true;
    }
}

static bool operand_compile(pl_arena *arena, pl_policy_operator op, pl_str value, pl_operand *operand) {
    switch (pl_operator_family_of(op)) {
    case PL_FAMILY_NUMERIC: return read_number(value, &operand->number);
    case PL_FAMILY_DATE: return pl_time_parse(value, &operand->instant);
    case PL_FAMILY_BOOL: return pl_str_to_bool(value, &operand->truth);
    case PL_FAMILY_IP: return pl_address_parse(value, true, &operand->address);
    default: break;
    }
    pl_str folded = pl_fold(arena, value);
    operand->text.exact = pl_glob_of(value);
    operand->text.folded = pl_glob_of(folded);
    return folded.p != NULL;
}

int pl_clause_compile(pl_arena *arena, const pl_policy_clause *source, pl_clause *clause, pl_error *error) {
    pl_operand *operands = pl_new(arena, pl_operand, source->values.count);
    if (!operands)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < source->values.count; i++)
        if (!operand_compile(arena, source->op, source->values.items[i].text, &operands[i]))
            return pl_fail(error, PL_E_ServiceUnavailable);
    *clause = (pl_clause){source->op, source->key.text, operands, source->values.count};
    return 0;
}

static bool ordered(pl_comparison comparison, int order) {
    switch (comparison) {
    case PL_LESS: return order < 0;
    case PL_LESS_OR_EQUAL: return order <= 0;
    case PL_GREATER: return order > 0;
    case PL_GREATER_OR_EQUAL: return order >= 0;
    default: return order == 0;
    }
}

static bool any_number(const pl_clause *clause, pl_str value) {
    pl_decimal number;
    if (!read_number(value, &number))
        return false;
    for (size_t i = 0; i < clause->count; i++)
        if (ordered(pl_operator_comparison(clause->op),
                    pl_decimal_compare(&number, &clause->operands[i].number)))
            return true;
    return false;
}

static bool any_instant(const pl_clause *clause, pl_str value) {
    int64_t instant;
    if (!pl_time_parse(value, &instant))
        return false;
    for (size_t i = 0; i < clause->count; i++) {
        int64_t bound = clause->operands[i].instant;
        if (ordered(pl_operator_comparison(clause->op), instant < bound ? -1 : instant > bound))
            return true;
    }
    return false;
}

static bool any_truth(const pl_clause *clause, pl_str value) {
    bool truth;
    if (!pl_str_to_bool(value, &truth))
        return false;
    for (size_t i = 0; i < clause->count; i++)
        if (clause->operands[i].truth == truth)
            return true;
    return false;
}

static bool any_address(const pl_clause *clause, pl_str value) {
    pl_address address;
    if (!pl_address_parse(value, false, &address))
        return false;
    for (size_t i = 0; i < clause->count; i++)
        if (pl_address_contains(&clause->operands[i].address, &address))
            return true;
    return false;
}

/*
 * Role and user ARNs compare without case whatever the operator (section 2.2). A context value is bounded by
 * PL_REQUEST_MAX_VALUE, which the decision checks first.
 */
static bool any_text(const pl_clause *clause, pl_str value) {
    char bytes[PL_REQUEST_MAX_VALUE];
    pl_comparison comparison = pl_operator_comparison(clause->op);
    bool folded = comparison == PL_EQUAL_FOLDED || pl_str_starts(value, PL_STR("acs:ram:"));
    if (folded)
        value = pl_fold_into(bytes, value);
    for (size_t i = 0; i < clause->count; i++) {
        const pl_operand *operand = &clause->operands[i];
        const pl_glob *glob = folded ? &operand->text.folded : &operand->text.exact;
        if (comparison == PL_LIKE ? pl_glob_match(glob, value) : pl_str_eq(glob->text, value))
            return true;
    }
    return false;
}

static bool any_operand(const pl_clause *clause, pl_str value) {
    switch (pl_operator_family_of(clause->op)) {
    case PL_FAMILY_NUMERIC: return any_number(clause, value);
    case PL_FAMILY_DATE: return any_instant(clause, value);
    case PL_FAMILY_BOOL: return any_truth(clause, value);
    case PL_FAMILY_IP: return any_address(clause, value);
    default: return any_text(clause, value);
    }
}

/* "acs:ResourceTag/Env": letters count in the name of the tag when there are several, nowhere else. */
static bool same_tag(pl_str a, pl_str b) {
    size_t slash = pl_str_find_char(a, '/');
    return slash == PL_NOT_FOUND || pl_str_eq(pl_str_skip(a, slash), pl_str_skip(b, slash));
}

static const pl_context_entry *find_entry(const pl_context_entry *context, size_t count, pl_str key) {
    const pl_context_entry *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (context[i].key.n != key.n || !pl_str_eq_fold(context[i].key, key))
            continue;
        if (same_tag(context[i].key, key))
            return &context[i];
        found = found ? found : &context[i];
    }
    return found;
}

/* A missing key matches nothing, so that positive operators fail and negated ones hold (section 3.2). */
bool pl_clause_holds(const pl_clause *clause, const pl_context_entry *context, size_t count) {
    const pl_context_entry *entry = find_entry(context, count, clause->key);
    bool matched = false;
    for (size_t i = 0; entry && i < entry->count && !matched; i++)
        matched = any_operand(clause, entry->values[i]);
    return matched != is_negated(clause->op);
}
