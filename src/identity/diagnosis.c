/*
 * Why a call was denied: the members of AccessDeniedDetail, and the sealed message that
 * DecodeDiagnosticMessage opens (reference/ram-authorization.md, section 4). Nothing is stored: the message
 * is the diagnosis, readable only by this program.
 */
#include "identity/decision.h"

#include "base/encode.h"
#include "json/parser.h"

enum { MESSAGE_MAX = 32768 };

#define BOUND PL_STR("diagnosis")

/* Version and five reserved bytes in front of what is sealed. */
static const char header[6] = {1, 1, 0, 0, 0, 0};

/* An account owner is denied by the trust policy of another account's role only; no name is documented. */
static pl_str principal_type(const identity_caller *caller) {
    if (caller->kind == IDENTITY_ROOT)
        return PL_STR("Account");
    return caller->kind == IDENTITY_USER ? PL_STR("SubUser") : PL_STR("AssumedRoleUser");
}

static pl_str display_name(pl_arena *arena, const identity_caller *caller) {
    if (caller->kind == IDENTITY_USER || caller->kind == IDENTITY_ROOT)
        return caller->principal_id;
    return pl_arena_printf(arena, "%.*s:%.*s", PL_FMT(caller->name), PL_FMT(caller->session_name));
}

static void write_conditions(pl_writer *w, const pl_request *request) {
    pl_write_array(w, PL_STR("AuthConditions"));
    for (size_t i = 0; i < request->context_count; i++) {
        const pl_context_entry *entry = &request->context[i];
        pl_write_object(w, PL_STR_NONE);
        pl_write_string(w, PL_STR("ConditionKey"), entry->key);
        pl_write_array(w, PL_STR("ConditionValues"));
        for (size_t j = 0; j < entry->count; j++)
            pl_write_string(w, PL_STR_NONE, entry->values[j]);
        pl_write_array_end(w);
        pl_write_object_end(w);
    }
    pl_write_array_end(w);
}

typedef struct place {
    const char *entity, *scope;
    pl_str version;
} place;

/* Where the matched policy is attached. */
static place place_of(const identity_authority *a, const pl_matched_statement *m) {
    if (m->step == PL_BY_CONTROL_POLICY) {
        const org_node *node = a->view ? org_find_node(a->view, a->sides.control[m->level].id) : NULL;
        bool account = node && node->kind == ORG_ACCOUNT;
        return (place){"ResourceDirectoryTarget", account ? "Account" : "Folder", PL_STR("")};
    }
    bool group = m->step == PL_BY_RESOURCE_GROUP_POLICY;
    const identity_scoped_set *set =
        group ? identity_principal_group(a->principal, a->request.resource) : &a->principal->account_wide;
    const identity_origin *origin = &set->origins[m->policy];
    return (place){origin->entity, group ? "ResourceGroup" : "Account", origin->version};
}

static void write_policy(pl_writer *w, const identity_authority *a, const pl_matched_statement *m) {
    place at = place_of(a, m);
    bool system = pl_policy_set_policy(m->set, m->policy)->kind == PL_POLICY_SYSTEM;
    pl_write_object(w, PL_STR_NONE);
    pl_write_string(w, PL_STR("AttachedEntityType"), pl_str_from(at.entity));
    pl_write_string(w, PL_STR("AttachedScope"), pl_str_from(at.scope));
    pl_write_string(w, PL_STR("Effect"), m->effect == PL_EFFECT_DENY ? PL_STR("Deny") : PL_STR("Allow"));
    pl_write_string(w, PL_STR("PolicyIdentifier"), pl_policy_set_name(m->set, m->policy));
    pl_write_string(w, PL_STR("PolicyType"), system ? PL_STR("System") : PL_STR("Custom"));
    pl_write_optional(w, PL_STR("PolicyVersion"), at.version.n ? at.version : PL_STR_NONE);
    pl_write_object_end(w);
}

static bool same_policy(const pl_matched_statement *a, const pl_matched_statement *b) {
    return a->set == b->set && a->policy == b->policy && a->effect == b->effect;
}

/* The policies that the deciding step found applicable, each once. */
static void write_matched(pl_writer *w, const identity_authority *a, const pl_decision *decision) {
    pl_write_array(w, PL_STR("MatchedPolicies"));
    for (size_t i = 0; i < decision->matched_count; i++) {
        const pl_matched_statement *m = &decision->matched[i];
        bool named = m->step == PL_BY_CONTROL_POLICY || m->step == PL_BY_IDENTITY_POLICY ||
                     m->step == PL_BY_RESOURCE_GROUP_POLICY;
        bool told = m->step != decision->decided_by || !named;
        for (size_t j = 0; j < i && !told; j++)
            told = same_policy(m, &decision->matched[j]);
        if (!told)
            write_policy(w, a, m);
    }
    pl_write_array_end(w);
}

static void write_message(pl_buf *out, const identity_authority *a, const identity_denial *denial,
                          const pl_decision *decision, int64_t now) {
    pl_writer w;
    pl_writer_begin(&w, out, PL_FORMAT_JSON, PL_STR(""));
    pl_write_i64(&w, PL_STR("At"), now);
    pl_write_object(&w, PL_STR("Message"));
    pl_write_string(&w, PL_STR("AuthAction"), a->request.action);
    write_conditions(&w, &a->request);
    pl_write_object(&w, PL_STR("AuthPrincipal"));
    pl_write_string(&w, PL_STR("AuthPrincipalDisplayName"), denial->principal_name);
    pl_write_string(&w, PL_STR("AuthPrincipalOwnerId"), denial->principal_owner);
    pl_write_string(&w, PL_STR("AuthPrincipalType"), denial->principal_type);
    pl_write_object_end(&w);
    pl_write_string(&w, PL_STR("AuthResource"), a->request.resource);
    pl_write_bool(&w, PL_STR("ExplicitDeny"), decision->verdict == PL_EXPLICIT_DENY);
    write_matched(&w, a, decision);
    pl_write_string(&w, PL_STR("NoPermissionPolicyType"), denial->policy_type);
    pl_write_object_end(&w);
    pl_writer_end(&w);
}

/* Absent when it cannot be made: the denial stands without it. */
static pl_str seal_message(identity *room, pl_arena *arena, pl_str plain) {
    pl_buf sealed, text;
    pl_buf_init(&sealed, MESSAGE_MAX + 64);
    pl_buf_init(&text, (size_t)MESSAGE_MAX * 2);
    pl_buf_add(&sealed, pl_str_of(header, sizeof header));
    pl_str message = PL_STR_NONE;
    if (identity_seal(room, &sealed, plain, BOUND) == 0) {
        pl_base64_encode(&text, pl_buf_str(&sealed));
        if (!text.failed && !sealed.failed)
            message = pl_arena_copy(arena, pl_buf_str(&text));
    }
    pl_buf_free(&sealed);
    pl_buf_free(&text);
    return message;
}

void identity_authority_explain(identity_authority *a, identity *room, pl_arena *arena,
                                const identity_caller *caller, const pl_decision *decision, int64_t now,
                                identity_denial *denial) {
    pl_decision full;
    pl_error ignored;
    pl_buf plain;
    *denial = (identity_denial){.action = pl_arena_copy(arena, a->request.action),
                                .policy_type = pl_decider_policy_type(decision->decided_by),
                                .no_permission_type = pl_ruling_name(decision->verdict),
                                .decided_at = pl_arena_copy(arena, decision->decided_at),
                                .principal_type = principal_type(caller),
                                .principal_owner = caller->account_id,
                                .principal_name = display_name(arena, caller)};
    if (pl_decide_explained(&a->sides, &a->request, &full, &ignored) != 0)
        return;
    pl_buf_init(&plain, MESSAGE_MAX);
    write_message(&plain, a, denial, &full, now);
    if (!plain.failed)
        denial->encoded_message = seal_message(room, arena, pl_buf_str(&plain));
    pl_buf_free(&plain);
}

int identity_diagnosis_open(identity *room, pl_arena *arena, pl_str encoded, pl_json *message, int64_t *at,
                            pl_error *error) {
    pl_buf sealed, plain;
    pl_json root = PL_JSON_NONE;
    pl_buf_init(&sealed, MESSAGE_MAX * 2);
    pl_buf_init(&plain, MESSAGE_MAX);
    pl_str head = pl_str_of(header, sizeof header);
    bool good = pl_base64_decode(&sealed, encoded) && pl_str_starts(pl_buf_str(&sealed), head) &&
                identity_unseal(room, &plain, pl_str_skip(pl_buf_str(&sealed), head.n), BOUND) == 0 &&
                pl_json_parse_in(arena, pl_buf_str(&plain), &root, error) == 0;
    pl_buf_free(&sealed);
    pl_buf_free(&plain);
    *message = pl_json_get(root, PL_STR("Message"));
    return good && pl_json_i64(pl_json_get(root, PL_STR("At")), at) ? 0 : pl_fail(error, PL_E_EntityNotExist);
}
