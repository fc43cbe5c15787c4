/*
 * Reading policy documents strictly. Every complaint is made at a node of the tape; its byte offset and path
 * are looked up only then.
 */
#include "policy/document.h"

#include "base/encode.h"
#include "policy/clause.h"
#include "json/parser.h"

#include <stdarg.h>
#include <stdio.h>

enum { SYSTEM_MAX_CHARACTERS = 65536, MAX_MEMBERS = 8, MAX_PATH = 512 };

typedef struct reader {
    pl_arena *arena;
    pl_policy *policy;
    pl_error *error;
} reader;

/* Characters (Unicode code points, blanks included) that a document of this kind may have. */
static size_t max_characters(pl_policy_kind kind) {
    switch (kind) {
    case PL_POLICY_SESSION: return 2048;
    case PL_POLICY_CONTROL: return 4096;
    case PL_POLICY_SYSTEM: return SYSTEM_MAX_CHARACTERS;
    default: return 6144;
    }
}

size_t pl_policy_offset(const pl_policy *policy, uint32_t place) {
    return pl_json_locate_node(policy->text, pl_json_move(policy->root, place));
}

void pl_policy_path(pl_buf *out, const pl_policy *policy, uint32_t place) {
    pl_json_path(out, policy->root, pl_json_move(policy->root, place));
}

/* The documented code and text of the kind, followed by what is wrong and where. */
static int malformed(const reader *r, size_t position, pl_str path, const char *what) {
    pl_policy_kind kind = r->policy->kind;
    if (kind == PL_POLICY_SESSION)
        pl_failf(r->error, PL_E_InvalidParameter_PolicyGrammar,
                 "The parameter Policy has not passed grammar check: %s at %.*s (byte %zu).", what,
                 PL_FMT(path), position);
    else
        pl_failf(r->error, PL_E_MalformedPolicyDocument,
                 "The policy format is invalid: %s at %.*s (byte %zu).", what, PL_FMT(path), position);
    if (kind == PL_POLICY_CONTROL)
        r->error->http_status = 409;
    r->error->position = position;
    return -1;
}

__attribute__((format(printf, 3, 4))) static int fail_at(const reader *r, pl_json node, const char *format,
                                                         ...) {
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    pl_buf path;
    pl_buf_init(&path, (size_t)MAX_PATH + r->policy->text.n * 6);
    pl_policy_path(&path, r->policy, node.at);
    malformed(r, pl_policy_offset(r->policy, node.at), pl_str_head(pl_buf_str(&path), MAX_PATH), what);
    pl_buf_free(&path);
    return -1;
}

static int no_memory(const reader *r) {
    return pl_fail(r->error, PL_E_ServiceUnavailable);
}

static pl_json key_of(pl_json value) {
    return pl_json_move(value, value.at - 1);
}

/* Sorts the members of an object into `values` by name; unknown and doubled ones are errors. */
static int take_members(const reader *r, pl_json object, const char *const *names, pl_json *values) {
    pl_str key;
    pl_json value;
    for (pl_json_walk walk = pl_json_children(object); pl_json_step(&walk, &key, &value);) {
        size_t i = 0;
        while (names[i] && !pl_str_is(key, names[i]))
            i++;
        if (!names[i])
            return fail_at(r, key_of(value), "unknown element \"%.*s\"", PL_FMT(pl_str_head(key, 64)));
        if (pl_json_exists(values[i]))
            return fail_at(r, key_of(value), "the element \"%s\" appears twice", names[i]);
        values[i] = value;
    }
    return 0;
}

/* Bare numbers and booleans count as their text where `scalars`; other types are errors. */
static int read_text(const reader *r, pl_json node, bool scalars, pl_policy_text *out) {
    pl_json_type type = pl_json_type_of(node);
    out->place = node.at;
    if (type == PL_JSON_STRING) {
        out->text = pl_json_text(node);
        return 0;
    }
    if (!scalars || type == PL_JSON_NULL || type == PL_JSON_ARRAY || type == PL_JSON_OBJECT)
        return fail_at(r, node, scalars ? "a string, number or boolean is wanted" : "a string is wanted");
    pl_buf text;
    pl_buf_init(&text, 64);
    pl_json_write_text(&text, node);
    out->text = text.failed ? PL_STR_NONE : pl_arena_copy(r->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return out->text.p ? 0 : no_memory(r);
}

/* One value, or a list of at least one: both mean the same. */
static int read_texts(const reader *r, pl_json node, bool scalars, pl_policy_texts *out) {
    bool list = pl_json_is_array(node);
    size_t count = list ? pl_json_count(node) : 1;
    if (count == 0)
        return fail_at(r, node, "an empty list");
    pl_policy_text *items = pl_new(r->arena, pl_policy_text, count);
    if (!items)
        return no_memory(r);
    *out = (pl_policy_texts){items, count};
    if (!list)
        return read_text(r, node, scalars, items);
    pl_str key;
    pl_json value;
    for (pl_json_walk walk = pl_json_children(node); pl_json_step(&walk, &key, &value);)
        if (read_text(r, value, scalars, items++) != 0)
            return -1;
    return 0;
}

static bool has_blank(pl_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

static bool action_valid(pl_str action) {
    size_t colon = pl_str_find_char(action, ':');
    if (pl_str_is(action, "*"))
        return true;
    return colon != PL_NOT_FOUND && colon > 0 && colon + 1 < action.n && !has_blank(action);
}

static bool resource_valid(pl_str resource) {
    return pl_str_is(resource, "*") || (pl_str_starts(resource, PL_STR("acs:")) && resource.n > 4);
}

static int check_texts(const reader *r, pl_policy_texts texts, bool (*valid)(pl_str), const char *wanted) {
    for (size_t i = 0; i < texts.count; i++)
        if (!valid(texts.items[i].text))
            return fail_at(r, pl_json_move(r->policy->root, texts.items[i].place), "%s", wanted);
    return 0;
}

/* The element or its negation: exactly one of both. */
static int pick(const reader *r, pl_json statement, pl_json plain, pl_json negated, const char *name,
                pl_json *chosen) {
    if (pl_json_exists(plain) && pl_json_exists(negated))
        return fail_at(r, key_of(negated), "%s and Not%s exclude each other", name, name);
    if (!pl_json_exists(plain) && !pl_json_exists(negated))
        return fail_at(r, statement, "%s or Not%s is missing", name, name);
    *chosen = pl_json_exists(plain) ? plain : negated;
    return 0;
}

static int read_clause(const reader *r, pl_policy_operator op, pl_str key, pl_json value,
                       pl_policy_clause *clause) {
    clause->op = op;
    clause->key = (pl_policy_text){key, value.at - 1};
    if (key.n == 0)
        return fail_at(r, key_of(value), "an empty condition key");
    if (read_texts(r, value, true, &clause->values) != 0)
        return -1;
    for (size_t i = 0; i < clause->values.count; i++)
        if (!pl_operand_valid(op, clause->values.items[i].text))
            return fail_at(r, pl_json_move(value, clause->values.items[i].place), "no value for %.*s",
                           PL_FMT(pl_policy_operator_name(op)));
    return 0;
}

/* True when an earlier member of the object has the name of this one. */
static bool doubled(pl_json object, pl_str name, pl_json value) {
    return pl_json_get(object, name).at != value.at;
}

static int read_operator(const reader *r, pl_json keys, pl_policy_operator op, pl_policy_clause *clauses,
                         size_t *count) {
    pl_str key;
    pl_json value;
    for (pl_json_walk walk = pl_json_children(keys); pl_json_step(&walk, &key, &value);) {
        if (doubled(keys, key, value))
            return fail_at(r, key_of(value), "the condition key appears twice");
        if (read_clause(r, op, key, value, &clauses[(*count)++]) != 0)
            return -1;
    }
    return 0;
}

static size_t count_clauses(pl_json condition) {
    size_t count = 0;
    pl_str key;
    pl_json value;
    for (pl_json_walk walk = pl_json_children(condition); pl_json_step(&walk, &key, &value);)
        count += pl_json_count(value);
    return count;
}

static int read_condition(const reader *r, pl_json condition, pl_policy_statement *out) {
    pl_policy_operator op;
    pl_str name;
    pl_json keys;
    if (!pl_json_exists(condition))
        return 0;
    if (!pl_json_is_object(condition))
        return fail_at(r, condition, "Condition must be an object");
    pl_policy_clause *clauses = pl_new(r->arena, pl_policy_clause, count_clauses(condition));
    if (!clauses)
        return no_memory(r);
    out->clauses = clauses;
    for (pl_json_walk walk = pl_json_children(condition); pl_json_step(&walk, &name, &keys);) {
        if (!pl_policy_operator_from_name(name, &op))
            return fail_at(r, key_of(keys), "The condition operator '%.*s' is not supported",
                           PL_FMT(pl_str_head(name, 64)));
        if (doubled(condition, name, keys))
            return fail_at(r, key_of(keys), "the operator appears twice");
        if (!pl_json_is_object(keys))
            return fail_at(r, keys, "an object of condition keys is wanted");
        if (read_operator(r, keys, op, clauses, &out->clause_count) != 0)
            return -1;
    }
    return 0;
}

static bool principal_valid_ram(pl_str value) {
    pl_str parts[6], rest = value;
    size_t n = 0;
    while (n < 6 && pl_str_split(&rest, ':', &parts[n]))
        n++;
    uint64_t account;
    return n == 5 && pl_str_is(parts[0], "acs") && pl_str_is(parts[1], "ram") && parts[2].n == 0 &&
           pl_str_to_u64(parts[3], &account) &&
           (pl_str_is(parts[4], "root") || (pl_str_starts(parts[4], PL_STR("user/")) && parts[4].n > 5) ||
            (pl_str_starts(parts[4], PL_STR("role/")) && parts[4].n > 5));
}

static bool principal_valid_service(pl_str value) {
    return pl_str_ends(value, PL_STR(".aliyuncs.com")) && value.n > 13 && !has_blank(value);
}

static bool principal_valid_federated(pl_str value) {
    return pl_str_starts(value, PL_STR("acs:ram::")) &&
           pl_str_find(value, PL_STR("-provider/")) != PL_NOT_FOUND;
}

static int read_principals(const reader *r, pl_json object, pl_policy_statement *out) {
    static const char *const names[] = {"RAM", "Service", "Federated", NULL};
    static bool (*const valid[])(pl_str) = {principal_valid_ram, principal_valid_service,
                                            principal_valid_federated};
    pl_json values[MAX_MEMBERS] = {PL_JSON_NONE};
    if (!pl_json_is_object(object))
        return fail_at(r, object, "Principal must be an object");
    if (take_members(r, object, names, values) != 0)
        return -1;
    pl_policy_principal *principals = pl_new(r->arena, pl_policy_principal, 3);
    if (!principals)
        return no_memory(r);
    out->principals = principals;
    for (size_t i = 0; i < 3; i++) {
        pl_policy_principal *principal = &principals[out->principal_count];
        bool nobody = pl_json_is_array(values[i]) && pl_json_count(values[i]) == 0;
        if (!pl_json_exists(values[i]) || nobody) /* generated documents name every type, some with no one */
            continue;
        principal->type = (pl_principal_type)i;
        if (read_texts(r, values[i], false, &principal->values) != 0 ||
            check_texts(r, principal->values, valid[i], "no principal of this type") != 0)
            return -1;
        out->principal_count++;
    }
    return out->principal_count ? 0 : fail_at(r, object, "Principal names nobody");
}

static int read_effect(const reader *r, pl_json statement, pl_json effect, pl_policy_statement *out) {
    if (!pl_json_exists(effect))
        return fail_at(r, statement, "Effect is missing");
    pl_str name = pl_json_str(effect);
    if (!pl_str_is(name, "Allow") && !pl_str_is(name, "Deny"))
        return fail_at(r, effect, "Effect must be Allow or Deny");
    out->effect = pl_str_is(name, "Allow") ? PL_EFFECT_ALLOW : PL_EFFECT_DENY;
    return 0;
}

enum { EFFECT, ACTION, NOT_ACTION, RESOURCE, NOT_RESOURCE, CONDITION, PRINCIPAL };

static int read_actions(const reader *r, pl_json statement, const pl_json *values, pl_policy_statement *out) {
    pl_json actions = PL_JSON_NONE;
    if (pick(r, statement, values[ACTION], values[NOT_ACTION], "Action", &actions) != 0 ||
        read_texts(r, actions, false, &out->actions) != 0)
        return -1;
    out->not_action = pl_json_exists(values[NOT_ACTION]);
    return check_texts(r, out->actions, action_valid, "an action is \"*\" or <service>:<operation>");
}

static int read_target(const reader *r, pl_json statement, const pl_json *values, pl_policy_statement *out) {
    pl_json resources = PL_JSON_NONE, principal = values[PRINCIPAL];
    if (r->policy->kind == PL_POLICY_TRUST) {
        pl_json extra = pl_json_exists(values[RESOURCE]) ? values[RESOURCE] : values[NOT_RESOURCE];
        if (pl_json_exists(extra))
            return fail_at(r, key_of(extra), "a trust policy has no resource");
        return pl_json_exists(principal) ? read_principals(r, principal, out)
                                         : fail_at(r, statement, "Principal is missing");
    }
    if (pl_json_exists(principal))
        return fail_at(r, key_of(principal), "Principal belongs to trust policies only");
    if (pick(r, statement, values[RESOURCE], values[NOT_RESOURCE], "Resource", &resources) != 0 ||
        read_texts(r, resources, false, &out->resources) != 0)
        return -1;
    out->not_resource = pl_json_exists(values[NOT_RESOURCE]);
    return check_texts(r, out->resources, resource_valid, "a resource is \"*\" or begins with acs:");
}

static int read_statement(const reader *r, pl_json statement, pl_policy_statement *out) {
    static const char *const names[] = {"Effect",      "Action",    "NotAction", "Resource",
                                        "NotResource", "Condition", "Principal", NULL};
    pl_json values[MAX_MEMBERS] = {PL_JSON_NONE};
    out->place = statement.at;
    if (!pl_json_is_object(statement))
        return fail_at(r, statement, "a statement must be an object");
    if (take_members(r, statement, names, values) != 0 ||
        read_effect(r, statement, values[EFFECT], out) != 0 || read_actions(r, statement, values, out) != 0 ||
        read_target(r, statement, values, out) != 0)
        return -1;
    return read_condition(r, values[CONDITION], out);
}

static int read_statements(const reader *r, pl_json list) {
    pl_policy *policy = r->policy;
    if (!pl_json_is_array(list))
        return fail_at(r, list, "Statement must be a list");
    size_t count = pl_json_count(list);
    if (count == 0)
        return fail_at(r, list, "an empty list");
    pl_policy_statement *statements = pl_new(r->arena, pl_policy_statement, count);
    if (!statements)
        return no_memory(r);
    pl_str key;
    pl_json value;
    policy->statements = statements;
    for (pl_json_walk walk = pl_json_children(list); pl_json_step(&walk, &key, &value);)
        if (read_statement(r, value, &statements[policy->statement_count++]) != 0)
            return -1;
    return 0;
}

static int read_document(const reader *r) {
    static const char *const names[] = {"Version", "Statement", NULL};
    pl_json root = r->policy->root, values[MAX_MEMBERS] = {PL_JSON_NONE};
    if (!pl_json_is_object(root))
        return fail_at(r, root, "a policy must be an object");
    if (take_members(r, root, names, values) != 0)
        return -1;
    if (!pl_json_exists(values[0]))
        return fail_at(r, root, "Version is missing");
    if (!pl_str_is(pl_json_str(values[0]), "1"))
        return fail_at(r, values[0], "Version must be \"1\"");
    if (!pl_json_exists(values[1]))
        return fail_at(r, root, "Statement is missing");
    return read_statements(r, values[1]);
}

static int check_length(pl_policy_kind kind, pl_str text, pl_error *error) {
    size_t most = max_characters(kind);
    if (text.n <= most || pl_utf8_length(text) <= most)
        return 0;
    switch (kind) {
    case PL_POLICY_SESSION: return pl_fail(error, PL_E_InvalidParameter_PolicySize);
    case PL_POLICY_TRUST: return pl_fail(error, PL_E_InvalidParameter_AssumeRolePolicyDocument_Length);
    case PL_POLICY_CONTROL:
        pl_failf(error, PL_E_InvalidParameter_PolicyDocument_Length,
                 "The maximum length of the policy document is exceeded. It must not exceed %zu characters.",
                 most);
        error->http_status = 409;
        return -1;
    default: return pl_fail(error, PL_E_InvalidParameter_PolicyDocument_Length);
    }
}

/* A byte-order mark is refused whatever the JSON reader thinks of it. */
static int parse_json(const reader *r) {
    pl_policy *policy = r->policy;
    if (pl_str_starts(policy->text, PL_STR("\xef\xbb\xbf")))
        return malformed(r, 0, PL_STR("$"), "a byte-order mark");
    if (pl_json_parse_in(r->arena, policy->text, &policy->root, r->error) == 0)
        return 0;
    if (pl_error_is(r->error, PL_E_ServiceUnavailable))
        return -1;
    return malformed(r, r->error->position, PL_STR("$"), "not valid JSON");
}

int pl_policy_parse(pl_arena *arena, pl_policy_kind kind, pl_str text, const pl_policy **policy,
                    pl_error *error) {
    if (check_length(kind, text, error) != 0)
        return -1;
    pl_policy *result = pl_new(arena, pl_policy, 1);
    if (!result)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *result = (pl_policy){.kind = kind, .text = text};
    reader r = {arena, result, error};
    if (parse_json(&r) != 0 || read_document(&r) != 0)
        return -1;
    *policy = result;
    return 0;
}
