/* Tags of roles and policies, and reading the diagnosis of a denial. */
#include "api/operations.gen.h"
#include "api/shared.h"
#include "org/org.h"

static identity_tag_kind kind_of(const api_call *call) {
    return pl_str_is(api_text(call, "ResourceType"), "role") ? IDENTITY_TAG_ROLE : IDENTITY_TAG_POLICY;
}

static const api_value *resource_names(api_call *call) {
    const api_value *names = api_input(call, "ResourceNames");
    if (names && names->count)
        return names;
    api_refuse_missing(call, "ResourceNames");
    return NULL;
}

static int tag_resources(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    const api_value *names = resource_names(call);
    identity_tag *tags;
    size_t count;
    if (!names || api_read_tags(call, "Tag", &tags, &count) != 0)
        return -1;
    if (count == 0)
        return api_refuse_missing(call, "Tag");
    for (size_t i = 0; i < names->count; i++)
        if (identity_tag_set(&in, kind_of(call), names->items[i].text, tags, count, call->error) != 0)
            return -1;
    return 0;
}

int ram_tag_resources(api_call *call) {
    return api_answer_write(call, tag_resources);
}

static int untag_one(api_call *call, const identity_scope *in, pl_str name, const api_value *keys) {
    if (api_flag(call, "All", false) && !(keys && keys->count))
        return identity_tag_remove(in, kind_of(call), name, PL_STR_NONE, call->error);
    for (size_t i = 0; keys && i < keys->count; i++)
        if (identity_tag_remove(in, kind_of(call), name, keys->items[i].text, call->error) != 0)
            return -1;
    return 0;
}

/* Named keys win over All, which is for calls that name none. */
static int untag_resources(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    const api_value *names = resource_names(call), *keys = api_input(call, "TagKeys");
    if (!names)
        return -1;
    if (!(keys && keys->count) && !api_flag(call, "All", false))
        return api_refuse_missing(call, "TagKeys");
    for (size_t i = 0; i < names->count; i++)
        if (untag_one(call, &in, names->items[i].text, keys) != 0)
            return -1;
    return 0;
}

int ram_untag_resources(api_call *call) {
    return api_answer_write(call, untag_resources);
}

/* --- ListTagResources
 * ---------------------------------------------------------------------------------------
 */

typedef struct tag_query {
    const api_value *names;
    identity_tag *filter;
    size_t filter_count;
    identity_tagged *tags;
    size_t count;
    pl_str after; /* "name NL key" of the last one shown, which may be gone; tags come in this order */
    int64_t limit;
} tag_query;

static bool named(const api_value *names, pl_str name) {
    if (!names || names->count == 0)
        return true;
    for (size_t i = 0; i < names->count; i++)
        if (pl_str_eq_fold(names->items[i].text, name))
            return true;
    return false;
}

static bool wanted(const tag_query *q, const identity_tagged *tagged) {
    bool match = q->filter_count == 0;
    for (size_t i = 0; i < q->filter_count && !match; i++)
        match = pl_str_eq(q->filter[i].key, tagged->tag.key) &&
                (!q->filter[i].value.n || pl_str_eq(q->filter[i].value, tagged->tag.value));
    return match && named(q->names, tagged->name);
}

static void write_tag(api_call *call, const identity_tagged *tagged) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR_NONE);
    api_write_text(out, "ResourceName", tagged->name);
    api_write_text(out, "ResourceType", identity_tag_kind_name(kind_of(call)));
    api_write_text(out, "TagKey", tagged->tag.key);
    api_write_text(out, "TagValue", tagged->tag.value);
    pl_write_object_end(out);
}

static int write_tags(api_call *call, const tag_query *q) {
    bool more = false;
    int64_t shown = 0;
    pl_str last = PL_STR("");
    pl_write_array(call->out, PL_STR("TagResources"));
    for (size_t i = 0; i < q->count && !more; i++) {
        const identity_tagged *tagged = &q->tags[i];
        if (!wanted(q, tagged))
            continue;
        pl_str place =
            pl_arena_printf(call->arena, "%.*s\n%.*s", PL_FMT(tagged->name), PL_FMT(tagged->tag.key));
        if (q->after.p && pl_str_cmp(place, q->after) <= 0)
            continue;
        more = shown == q->limit;
        if (more)
            break;
        shown++;
        last = place;
        write_tag(call, tagged);
    }
    pl_write_array_end(call->out);
    if (more)
        api_write_text(call->out, "NextToken", api_token_make(call, last));
    return 0;
}

static int list_tag_resources(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    tag_query q = {.names = api_input(call, "ResourceNames"), .limit = api_number(call, "PageSize", 100)};
    if (api_read_tags(call, "Tag", &q.filter, &q.filter_count) != 0 || api_token_open(call, &q.after) != 0 ||
        identity_tag_list(&in, kind_of(call), &q.tags, &q.count, call->error) != 0)
        return -1;
    return write_tags(call, &q);
}

int ram_list_tag_resources(api_call *call) {
    return api_answer_read(call, list_tag_resources);
}

/* --- DecodeDiagnosticMessage
 * --------------------------------------------------------------------------------
 */

enum { DIAGNOSIS_LIFE_MS = 24 * 3600 * 1000 };

/* The account of the denied principal, and the management account above it. */
static int may_read(api_call *call, pl_str owner) {
    pl_str account = api_account(call);
    if (pl_str_eq(owner, account))
        return 0;
    if (!call->services->org)
        return api_fail(call->operation, call->error, PL_E_NoPermission);
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    if (!view)
        return -1;
    bool manages = org_manages(view, account, owner);
    org_view_close(view);
    return manages ? 0 : api_fail(call->operation, call->error, PL_E_NoPermission);
}

int ram_decode_diagnostic_message(api_call *call) {
    pl_str encoded = api_text(call, "EncodedDiagnosticMessage");
    pl_json message;
    int64_t at;
    if (encoded.n == 0)
        return api_refuse_missing(call, "EncodedDiagnosticMessage");
    if (identity_diagnosis_open(call->services->identity, call->arena, encoded, &message, &at, call->error) !=
        0)
        return -1;
    if (call->now - at > DIAGNOSIS_LIFE_MS)
        return api_fail(call->operation, call->error, PL_E_EncodedMessageExpire);
    pl_json principal = pl_json_get(message, PL_STR("AuthPrincipal"));
    if (may_read(call, pl_json_str(pl_json_get(principal, PL_STR("AuthPrincipalOwnerId")))) != 0)
        return -1;
    pl_write_json(call->out, PL_STR("DecodedDiagnosticMessage"), message);
    return 0;
}
