/* Roles and policies of RAM, and what they are attached to. */
#include "api/operations.gen.h"
#include "api/shared.h"

int ram_create_role(api_call *call) {
    return shared_create_role(call);
}

int ram_get_role(api_call *call) {
    return shared_get_role(call);
}

int ram_update_role(api_call *call) {
    return shared_update_role(call);
}

int ram_delete_role(api_call *call) {
    return shared_delete_role(call);
}

/* True when the object has every tag of the filter; a filter without value asks for the key alone. */
static bool has_tags(pl_str object, const identity_tagged *tags, size_t count, const identity_tag *filter,
                     size_t filter_count) {
    for (size_t f = 0; f < filter_count; f++) {
        bool found = false;
        for (size_t i = 0; i < count && !found; i++)
            found = pl_str_eq(tags[i].name, object) && pl_str_eq(tags[i].tag.key, filter[f].key) &&
                    (!filter[f].value.n || pl_str_eq(tags[i].tag.value, filter[f].value));
        if (!found)
            return false;
    }
    return true;
}

/* A list of objects with tags, cut into pages behind a marker. */
typedef struct tagged_page {
    api_marker marker;
    identity_tagged *tags;
    size_t tag_count;
    identity_tag *filter;
    size_t filter_count;
    int64_t shown;
    bool more;
    pl_str last;
} tagged_page;

static int open_page(api_call *call, const identity_scope *in, identity_tag_kind kind, tagged_page *page) {
    *page = (tagged_page){.more = false};
    if (api_marker_open(call, &page->marker) != 0 ||
        api_read_tags(call, "Tag", &page->filter, &page->filter_count) != 0)
        return -1;
    return identity_tag_list(in, kind, &page->tags, &page->tag_count, call->error);
}

/*
 * True when this object lies on the page; `place` is its name in markers, by which objects come in order.
 * What the marker names may have been deleted since.
 */
static bool take(tagged_page *page, pl_str place, pl_str object, bool tagged) {
    if (page->marker.after.p && pl_str_cmp(place, page->marker.after) <= 0)
        return false;
    if (!has_tags(object, page->tags, tagged ? page->tag_count : 0, page->filter, page->filter_count))
        return false;
    page->more = page->shown == page->marker.limit;
    if (page->more)
        return false;
    page->shown++;
    page->last = place;
    return true;
}

static int list_roles(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_role *roles;
    size_t count;
    tagged_page page;
    if (open_page(call, &in, IDENTITY_TAG_ROLE, &page) != 0 ||
        identity_role_list(&in, &roles, &count, call->error) != 0)
        return -1;
    shared_role_view view = {
        .updated = true, .duration = true, .tags = page.tags, .tag_count = page.tag_count};
    static const identity_tagged none = {.name = {NULL, 0}};
    if (!view.tags)
        view.tags = &none;
    pl_write_object(call->out, PL_STR("Roles"));
    pl_write_array(call->out, PL_STR("Role"));
    for (size_t i = 0; i < count && !page.more; i++)
        if (take(&page, roles[i].name, roles[i].name, true))
            shared_write_role(call, PL_STR_NONE, &in, &roles[i], &view);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    api_marker_write(call, page.more, page.last);
    return 0;
}

int ram_list_roles(api_call *call) {
    return api_answer_read(call, list_roles);
}

/* --- Policies
 * -----------------------------------------------------------------------------------------------
 */

int ram_create_policy(api_call *call) {
    return shared_create_policy(call);
}

int ram_delete_policy(api_call *call) {
    return shared_delete_policy(call);
}

int ram_get_policy(api_call *call) {
    return shared_get_policy(call);
}

int ram_create_policy_version(api_call *call) {
    return shared_create_policy_version(call);
}

int ram_get_policy_version(api_call *call) {
    return shared_get_policy_version(call);
}

int ram_list_policy_versions(api_call *call) {
    return shared_list_policy_versions(call);
}

int ram_set_default_policy_version(api_call *call) {
    return shared_set_default_policy_version(call);
}

int ram_delete_policy_version(api_call *call) {
    return shared_delete_policy_version(call);
}

static int update_policy_description(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_policy policy;
    pl_str name = api_text(call, "PolicyName");
    if (name.n == 0)
        return api_refuse_missing(call, "PolicyName");
    if (identity_policy_describe(&in, name, api_text(call, "NewDescription"), &policy, call->error) != 0)
        return -1;
    shared_write_policy(call->out, PL_STR("Policy"), &policy, false, true, NULL, 0);
    return 0;
}

int ram_update_policy_description(api_call *call) {
    return api_answer_write(call, update_policy_description);
}

/* Shipped and custom policies may have the same name; shipped ones come first. */
static pl_str place_of(api_call *call, const identity_policy *policy) {
    return pl_arena_printf(call->arena, "%d %.*s", policy->system ? 0 : 1, PL_FMT(policy->name));
}

static int list_policies(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_policy *policies;
    size_t count;
    tagged_page page;
    if (open_page(call, &in, IDENTITY_TAG_POLICY, &page) != 0 ||
        identity_policy_list(&in, api_text(call, "PolicyType"), &policies, &count, call->error) != 0)
        return -1;
    static const identity_tagged none = {.name = {NULL, 0}};
    pl_write_object(call->out, PL_STR("Policies"));
    pl_write_array(call->out, PL_STR("Policy"));
    for (size_t i = 0; i < count && !page.more; i++)
        if (take(&page, place_of(call, &policies[i]), policies[i].name, !policies[i].system))
            shared_write_policy(call->out, PL_STR_NONE, &policies[i], true, true,
                                page.tags ? page.tags : &none, page.tag_count);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    api_marker_write(call, page.more, page.last);
    return 0;
}

int ram_list_policies(api_call *call) {
    return api_answer_read(call, list_policies);
}
