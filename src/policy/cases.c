/* Requests, sets and decision cases out of JSON. Owns one arena while cases run; sets are released per case.
 */
#include "policy/cases.h"

#include "json/parser.h"

enum { CASE_MAX_BYTES = 64 << 20, MAX_PATH = 512 };

/* ---- context ---- */

static int bad_member(pl_json root, pl_json node, const char *what, pl_error *error) {
    pl_buf path;
    pl_buf_init(&path, 1 << 20);
    pl_json_path(&path, root, node);
    pl_failf(error, PL_E_InvalidParameter, "%s at %.*s", what,
             PL_FMT(pl_str_head(pl_buf_str(&path), MAX_PATH)));
    pl_buf_free(&path);
    return -1;
}

static bool is_scalar(pl_json node) {
    pl_json_type type = pl_json_type_of(node);
    return type != PL_JSON_NULL && type != PL_JSON_ARRAY && type != PL_JSON_OBJECT;
}

static int read_value(pl_arena *arena, pl_json object, pl_json node, pl_str *out, pl_error *error) {
    enum { LONGEST = PL_REQUEST_MAX_VALUE * 16 };
    if (!is_scalar(node) || pl_json_str(node).n > LONGEST)
        return bad_member(object, node, "no context value", error);
    pl_buf text;
    pl_buf_init(&text, LONGEST);
    pl_json_write_text(&text, node);
    *out = text.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return out->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int read_values(pl_arena *arena, pl_json object, pl_json node, pl_context_entry *entry,
                       pl_error *error) {
    bool list = pl_json_is_array(node);
    pl_str *values = pl_new(arena, pl_str, list ? pl_json_count(node) : 1);
    if (!values)
        return pl_fail(error, PL_E_ServiceUnavailable);
    entry->values = values;
    if (!list) {
        entry->count = 1;
        return read_value(arena, object, node, values, error);
    }
    pl_str key;
    pl_json value;
    for (pl_json_walk walk = pl_json_children(node); pl_json_step(&walk, &key, &value);)
        if (read_value(arena, object, value, &values[entry->count++], error) != 0)
            return -1;
    return 0;
}

int pl_context_from_json(pl_arena *arena, pl_json object, const pl_context_entry **entries, size_t *count,
                         pl_error *error) {
    if (!pl_json_is_object(object))
        return pl_failf(error, PL_E_InvalidParameter, "the context must be an object of condition keys");
    size_t n = pl_json_count(object);
    pl_context_entry *list = pl_new(arena, pl_context_entry, n);
    if (!list)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *entries = list;
    *count = n;
    pl_json value;
    pl_json_walk walk = pl_json_children(object);
    for (; pl_json_step(&walk, &list->key, &value); list++)
        if (read_values(arena, object, value, list, error) != 0)
            return -1;
    return 0;
}

int pl_context_add(pl_arena *arena, const pl_context_entry **entries, size_t *count, pl_str key, pl_str value,
                   pl_error *error) {
    for (size_t i = 0; i < *count; i++)
        if (pl_str_eq_fold((*entries)[i].key, key))
            return 0;
    pl_context_entry *list = pl_new(arena, pl_context_entry, *count + 1);
    pl_str *values = pl_new(arena, pl_str, 1);
    if (!list || !values)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (*count)
        memcpy(list, *entries, *count * sizeof *list);
    *values = value;
    list[*count] = (pl_context_entry){key, values, 1};
    *entries = list;
    ++*count;
    return 0;
}

/* ---- sets ---- */

static bool compact_text(pl_arena *arena, pl_json node, pl_str *out) {
    pl_buf text;
    pl_buf_init(&text, CASE_MAX_BYTES);
    pl_json_write(&text, node);
    *out = text.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return out->p != NULL;
}

/* {"PolicyName", "PolicyDocument"}, or the document itself. */
static int read_document(pl_arena *arena, pl_json element, size_t index, pl_policy_source *out,
                         pl_error *error) {
    pl_json wrapped = pl_json_get(element, PL_STR("PolicyDocument"));
    pl_json document = pl_json_exists(wrapped) ? wrapped : element;
    out->name =
        pl_json_exists(wrapped) ? pl_json_str(pl_json_get(element, PL_STR("PolicyName"))) : PL_STR_NONE;
    if (!out->name.p)
        out->name = pl_arena_printf(arena, "policy %zu", index + 1);
    bool done = true;
    if (pl_json_is_string(document))
        out->text = pl_json_text(document);
    else
        done = compact_text(arena, document, &out->text);
    return done && out->name.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int name_the_bad(pl_error *error, pl_str name) {
    pl_error inner = *error;
    if (inner.http_status < 500)
        pl_fail_code(error, inner.http_status, inner.code, "%.*s: %s", PL_FMT(pl_str_head(name, 128)),
                     inner.message);
    error->position = inner.position;
    return -1;
}

int pl_policy_set_from_json(pl_arena *arena, pl_json documents, pl_policy_kind kind, pl_policy_set **set,
                            pl_error *error) {
    bool list = pl_json_is_array(documents);
    size_t count = list ? pl_json_count(documents) : 1, bad = 0;
    pl_policy_source *sources = pl_new(arena, pl_policy_source, count);
    if (!sources)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_str key;
    pl_json value = documents;
    pl_json_walk walk = pl_json_children(documents);
    for (size_t i = 0; i < count; i++) {
        if (list)
            pl_json_step(&walk, &key, &value);
        sources[i].kind = kind;
        if (read_document(arena, value, i, &sources[i], error) != 0)
            return -1;
    }
    if (pl_policy_set_compile(sources, count, 0, set, &bad, error) != 0)
        return bad < count ? name_the_bad(error, sources[bad].name) : -1;
    return 0;
}

/* ---- cases ---- */

typedef struct runner {
    pl_json cases;
    pl_arena arena;
    pl_error *error;
    pl_policy_set *sets[PL_DECISION_MAX_LEVELS + 4];
    size_t set_count;
} runner;

/* Tells where the error is, unless the case is not to blame. */
static int blame(const runner *r, pl_json node) {
    pl_error inner = *r->error;
    return inner.http_status < 500 ? bad_member(r->cases, node, inner.message, r->error) : -1;
}

static int compile_set(runner *r, pl_json documents, pl_policy_kind kind, const pl_policy_set **set) {
    pl_policy_set **slot = &r->sets[r->set_count];
    if (pl_policy_set_from_json(&r->arena, documents, kind, slot, r->error) != 0)
        return blame(r, documents);
    *set = *slot;
    r->set_count++;
    return 0;
}

static int read_set(runner *r, pl_json documents, pl_policy_kind kind, const pl_policy_set **set) {
    if (!pl_json_exists(documents) || pl_json_is_null(documents))
        return 0;
    if (!pl_json_is_array(documents))
        return bad_member(r->cases, documents, "a list of policies is wanted", r->error);
    return compile_set(r, documents, kind, set);
}

static int read_levels(runner *r, pl_json levels, pl_authority *authority) {
    if (!pl_json_exists(levels) || pl_json_is_null(levels))
        return 0;
    size_t count = pl_json_count(levels);
    if (!pl_json_is_array(levels) || count > PL_DECISION_MAX_LEVELS)
        return bad_member(r->cases, levels, "null or a short list of levels is wanted", r->error);
    pl_control_level *list = pl_new(&r->arena, pl_control_level, count);
    if (!list)
        return pl_fail(r->error, PL_E_ServiceUnavailable);
    authority->control = list;
    authority->control_count = count;
    pl_str key;
    pl_json value;
    for (pl_json_walk walk = pl_json_children(levels); pl_json_step(&walk, &key, &value); list++) {
        list->id = pl_arena_printf(&r->arena, "level %zu", (size_t)(list - authority->control) + 1);
        if (!list->id.p)
            return pl_fail(r->error, PL_E_ServiceUnavailable);
        if (read_set(r, value, PL_POLICY_CONTROL, &list->set) != 0)
            return -1;
    }
    return 0;
}

static int read_authority(runner *r, pl_json one, pl_authority *authority) {
    *authority = (pl_authority){.trust_use = PL_TRUST_NONE};
    if (read_levels(r, pl_json_get(one, PL_STR("control_policies")), authority) != 0 ||
        read_set(r, pl_json_get(one, PL_STR("session_policies")), PL_POLICY_SESSION, &authority->session) !=
            0 ||
        read_set(r, pl_json_get(one, PL_STR("identity_policies")), PL_POLICY_IDENTITY,
                 &authority->identity) != 0)
        return -1;
    return read_set(r, pl_json_get(one, PL_STR("resource_group_policies")), PL_POLICY_IDENTITY,
                    &authority->resource_group);
}

/* The role is the resource of the request; services and identity providers bring no policies of their own. */
static int read_trust(runner *r, pl_json one, const pl_request_principal *principal,
                      pl_authority *authority) {
    pl_json document = pl_json_get(one, PL_STR("trust_policy"));
    if (!pl_json_exists(document) || pl_json_is_null(document)) {
        /* An account in no directory has no control policies; a role that it assumes may be a member's. */
        if (principal->account_role == PL_ACCOUNT_STANDALONE)
            authority->control_count = 0;
        return 0;
    }
    if (!pl_json_is_object(document))
        return bad_member(r->cases, document, "a trust policy is wanted", r->error);
    authority->trust_use =
        principal->kind <= PL_CALLER_SERVICE_LINKED_ROLE ? PL_TRUST_AND_IDENTITY : PL_TRUST_ALONE;
    return compile_set(r, document, PL_POLICY_TRUST, &authority->trust);
}

/* The text of a member that must be a string. */
static int need_text(const runner *r, pl_json object, pl_str name, pl_str *out) {
    pl_json value = pl_json_get(object, name);
    if (!pl_json_is_string(value)) {
        char what[64];
        size_t n = name.n < 32 ? name.n : 32;
        memcpy(what, name.p, n);
        memcpy(what + n, " must be a string", 18);
        return bad_member(r->cases, pl_json_exists(value) ? value : object, what, r->error);
    }
    *out = pl_json_text(value);
    return 0;
}

/* Index of the member's text among the names. */
static int need_choice(const runner *r, pl_json object, pl_str name, const pl_str *names, size_t count,
                       int *out) {
    pl_str text;
    if (need_text(r, object, name, &text) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq(names[i], text)) {
            *out = (int)i;
            return 0;
        }
    return bad_member(r->cases, pl_json_get(object, name), "unknown value", r->error);
}

pl_str pl_principal_of_session(pl_str arn) {
    size_t role = pl_str_find(arn, PL_STR(":role/"));
    size_t session = role == PL_NOT_FOUND ? PL_NOT_FOUND : pl_str_find_char(pl_str_skip(arn, role + 6), '/');
    return session == PL_NOT_FOUND ? arn : pl_str_head(arn, role + 6 + session);
}

static int read_principal(const runner *r, pl_json object, pl_request_principal *out) {
    static const pl_str kinds[] = {PL_STR_INIT("RootAccount"), PL_STR_INIT("RAMUser"),
                                   PL_STR_INIT("AssumedRole"), PL_STR_INIT("ServiceLinkedRole"),
                                   PL_STR_INIT("Service"),     PL_STR_INIT("Federated")};
    static const pl_str roles[] = {PL_STR_INIT("standalone"), PL_STR_INIT("member"),
                                   PL_STR_INIT("management")};
    int kind, role;
    if (need_choice(r, object, PL_STR("type"), kinds, 6, &kind) != 0 ||
        need_choice(r, object, PL_STR("account_role"), roles, 3, &role) != 0 ||
        need_text(r, object, PL_STR("account_id"), &out->account_id) != 0)
        return -1;
    out->kind = (pl_caller_kind)kind;
    out->account_role = (pl_account_role)role;
    if (need_text(r, object, PL_STR("arn"), &out->arn) != 0)
        return -1;
    out->arn = pl_principal_of_session(out->arn);
    return 0;
}

static int read_request(runner *r, pl_json one, pl_request *out) {
    pl_json object = pl_json_get(one, PL_STR("request"));
    if (!pl_json_is_object(object))
        return bad_member(r->cases, one, "request is missing", r->error);
    *out = (pl_request){.context_count = 0};
    pl_json principal = pl_json_get(object, PL_STR("principal")),
            context = pl_json_get(object, PL_STR("context"));
    if (!pl_json_is_object(principal))
        return bad_member(r->cases, object, "principal is missing", r->error);
    if (need_text(r, object, PL_STR("action"), &out->action) != 0 ||
        need_text(r, object, PL_STR("resource"), &out->resource) != 0 ||
        read_principal(r, principal, &out->principal) != 0)
        return -1;
    if (!pl_json_exists(context))
        return 0;
    if (pl_context_from_json(&r->arena, context, &out->context, &out->context_count, r->error) == 0)
        return 0;
    return blame(r, context);
}

static int decide_case(runner *r, pl_json one, pl_case_result *result, pl_decision *decision) {
    static const pl_str verdicts[] = {PL_STR_INIT("ImplicitDeny"), PL_STR_INIT("ExplicitDeny"),
                                      PL_STR_INIT("Allow")};
    pl_authority authority;
    pl_request request;
    int expected;
    if (need_text(r, one, PL_STR("id"), &result->id) != 0 ||
        need_choice(r, one, PL_STR("expect"), verdicts, 3, &expected) != 0 ||
        read_authority(r, one, &authority) != 0 || read_request(r, one, &request) != 0 ||
        read_trust(r, one, &request.principal, &authority) != 0)
        return -1;
    pl_error ignored;
    pl_str group = pl_json_str(pl_json_get(one, PL_STR("group")));
    bool decided = pl_decide_explained(&authority, &request, decision, &ignored) == 0;
    result->group = pl_str_or_empty(group);
    result->expected = (pl_ruling)expected;
    result->decision = decision;
    result->passed = decided && decision->verdict == result->expected;
    return 0;
}

static void forget_case(runner *r) {
    while (r->set_count)
        pl_policy_set_release(r->sets[--r->set_count]);
    pl_arena_reset(&r->arena);
}

int pl_cases_run(pl_json cases, void (*report)(void *context, const pl_case_result *result), void *context,
                 pl_error *error) {
    if (!pl_json_is_array(cases) || pl_json_count(cases) > PL_CASES_MAX)
        return pl_failf(error, PL_E_InvalidParameter, "a list of at most %d cases is wanted at $",
                        PL_CASES_MAX);
    runner r = {.cases = cases, .error = error};
    pl_arena_init(&r.arena, CASE_MAX_BYTES);
    int status = 0;
    pl_str key;
    pl_json one;
    for (pl_json_walk walk = pl_json_children(cases); status == 0 && pl_json_step(&walk, &key, &one);) {
        pl_case_result result = {.passed = false};
        pl_decision decision;
        status = decide_case(&r, one, &result, &decision);
        if (status == 0)
            report(context, &result);
        forget_case(&r);
    }
    pl_arena_free(&r.arena);
    return status;
}
