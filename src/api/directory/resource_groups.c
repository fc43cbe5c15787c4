/* Resource groups: made, renamed, deleted, shown; and their switches. */
#include "api/directory/answers.h"
#include "inventory/inventory.h"

/* --- Answers ---------------------------------------------------------------------------------------------
 */

static void write_tags(pl_writer *out, const char *name, const org_tags *tags) {
    pl_write_array(out, pl_str_from(name));
    for (size_t i = 0; i < tags->count; i++) {
        pl_write_object(out, PL_STR("Tag"));
        api_write_text(out, "TagKey", tags->items[i].key);
        api_write_text(out, "TagValue", tags->items[i].value);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
}

static void write_identity(pl_writer *out, const org_resource_group *group) {
    api_write_text(out, "AccountId", group->account_id);
    directory_write_time(out, "CreateDate", group->created);
    api_write_text(out, "DisplayName", group->display_name);
    api_write_text(out, "Id", group->id);
    api_write_text(out, "Name", group->name);
}

/* Groups are the same in every region, which is shown as one. */
static void write_group(api_call *call, const org_resource_group *group, pl_str status, bool tags) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("ResourceGroup"));
    write_identity(out, group);
    pl_write_object(out, PL_STR("RegionStatuses"));
    pl_write_array(out, PL_STR("RegionStatus"));
    pl_write_object(out, PL_STR("RegionStatus"));
    api_write_text(out, "RegionId", PL_STR("global"));
    api_write_text(out, "Status", status);
    pl_write_object_end(out);
    pl_write_array_end(out);
    pl_write_object_end(out);
    api_write_text(out, "Status", status);
    if (tags) {
        pl_write_object(out, PL_STR("Tags"));
        write_tags(out, "Tag", &group->tags);
        pl_write_object_end(out);
    }
    pl_write_object_end(out);
}

/* --- Changes ---------------------------------------------------------------------------------------------
 */

int directory_create_resource_group(api_call *call) {
    org_caller caller = directory_caller(call);
    org_resource_group group;
    org_tags tags;
    if (directory_tags(call, "Tag", &tags) ||
        org_create_resource_group(call->services->org, &caller, api_text(call, "Name"),
                                  api_text(call, "DisplayName"), &tags, &group, call->error))
        return -1;
    write_group(call, &group, group.status, false);
    return 0;
}

int directory_update_resource_group(api_call *call) {
    org_caller caller = directory_caller(call);
    org_resource_group group;
    if (org_rename_resource_group(call->services->org, &caller, api_text(call, "ResourceGroupId"),
                                  api_text(call, "NewDisplayName"), &group, call->error))
        return -1;
    pl_write_object(call->out, PL_STR("ResourceGroup"));
    write_identity(call->out, &group);
    pl_write_object_end(call->out);
    return 0;
}

typedef struct group_search {
    pl_str group_id;
    bool found;
} group_search;

static int look_for_group(void *context, const inventory_resource *resource, pl_error *error) {
    group_search *search = context;
    (void)error;
    search->found = pl_str_eq(resource->group_id, search->group_id);
    return search->found ? 1 : 0;
}

/* Policies that were attached in the scope of a group end with it. */
static int detach_policies(api_call *call, store_session *session, pl_str group_id) {
    identity_scope in = api_scope(call, session);
    identity_attachment_filter filter = {.by_group = true, .resource_group_id = group_id};
    identity_attachment *list;
    size_t count;
    if (identity_attachment_list(&in, &filter, &list, &count, call->error))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (identity_detach(&in, &list[i], call->error))
            return -1;
    }
    return 0;
}

static int empty_group(void *context, store_session *session, pl_str account_id, pl_str group_id, bool *used,
                       pl_error *error) {
    group_search search = {.group_id = group_id};
    inventory_filter filter = {.account_id = account_id};
    if (inventory_list(session, &filter, 0, look_for_group, &search, error) < 0)
        return -1;
    *used = search.found;
    return search.found ? 0 : detach_policies(context, session, group_id);
}

/* The group is gone when the call returns; the answer shows the vendor's state on the way there. */
int directory_delete_resource_group(api_call *call) {
    org_caller caller = directory_caller(call);
    org_resource_group group;
    if (org_delete_resource_group(call->services->org, &caller, api_text(call, "ResourceGroupId"),
                                  empty_group, call, &group, call->error))
        return -1;
    write_group(call, &group, PL_STR("PendingDelete"), false);
    return 0;
}

int directory_get_resource_group(api_call *call) {
    org_caller caller = directory_caller(call);
    org_resource_group group;
    if (org_find_resource_group(call->services->org, &caller, api_text(call, "ResourceGroupId"), &group,
                                call->error))
        return -1;
    write_group(call, &group, group.status, api_flag(call, "IncludeTags", false));
    return 0;
}

/* --- Lists -----------------------------------------------------------------------------------------------
 */

typedef struct group_filter {
    pl_str status, id, name, display_name;
    const pl_str *ids;
    size_t id_count;
    org_tags tags;
} group_filter;

static int read_filter(api_call *call, group_filter *filter) {
    *filter = (group_filter){.status = api_text(call, "Status"),
                             .id = api_text(call, "ResourceGroupId"),
                             .name = api_text(call, "Name"),
                             .display_name = api_text(call, "DisplayName")};
    return directory_texts(call, "ResourceGroupIds", &filter->ids, &filter->id_count) ||
                   directory_tags(call, "Tag", &filter->tags)
               ? -1
               : 0;
}

static bool matches(const group_filter *filter, const org_resource_group *group) {
    bool listed = filter->id_count == 0;
    for (size_t i = 0; i < filter->id_count; i++)
        listed = listed || pl_str_eq(filter->ids[i], group->id);
    return listed && (filter->status.n == 0 || pl_str_eq(filter->status, group->status)) &&
           (filter->id.n == 0 || pl_str_eq(filter->id, group->id)) &&
           pl_str_find(group->name, filter->name) != PL_NOT_FOUND &&
           pl_str_find(group->display_name, filter->display_name) != PL_NOT_FOUND &&
           directory_has_tags(&group->tags, &filter->tags);
}

int directory_list_resource_groups(api_call *call) {
    org_caller caller = directory_caller(call);
    org_resource_group *groups;
    size_t count;
    group_filter filter;
    directory_page page = directory_page_of(call);
    if (read_filter(call, &filter) ||
        org_list_resource_groups(call->services->org, &caller, &groups, &count, call->error))
        return -1;
    pl_write_object(call->out, PL_STR("ResourceGroups"));
    pl_write_array(call->out, PL_STR("ResourceGroup"));
    for (size_t i = 0; i < count; i++) {
        if (!matches(&filter, &groups[i]) || !directory_page_take(&page))
            continue;
        pl_write_object(call->out, PL_STR("ResourceGroup"));
        write_identity(call->out, &groups[i]);
        api_write_text(call->out, "Status", groups[i].status);
        if (api_flag(call, "IncludeTags", false)) {
            pl_write_object(call->out, PL_STR("Tags"));
            write_tags(call->out, "Tag", &groups[i].tags);
            pl_write_object_end(call->out);
        }
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    directory_write_page(call, &page);
    return 0;
}

/* --- Groups and what the caller may see in them ----------------------------------------------------------
 */

/* The groups on the page. */
typedef struct group_page {
    const org_resource_group **items;
    pl_str *ids;
    size_t count;
} group_page;

static int take_page(api_call *call, const org_resource_group *groups, size_t count,
                     const group_filter *filter, directory_page *page, group_page *out) {
    out->items = pl_new(call->arena, const org_resource_group *, count + 1);
    out->ids = pl_new(call->arena, pl_str, count + 1);
    out->count = 0;
    if (!out->items || !out->ids)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < count; i++) {
        if (!matches(filter, &groups[i]) || !directory_page_take(page))
            continue;
        out->items[out->count] = &groups[i];
        out->ids[out->count++] = groups[i].id;
    }
    return 0;
}

/*
 * Seeing a type's resources is asked as <service>:Describe<type>s, the way the vendor's services name their
 * lists; actions are compared without letter case.
 */
static int write_auth(api_call *call, const api_value *type, const group_page *page) {
    pl_str service = api_member_text(type, "Service"), kind = api_member_text(type, "ResourceTypeCode");
    bool everywhere, *allowed = pl_new(call->arena, bool, page->count + 1);
    pl_str region = api_text(call, "ResourceRegionId");
    pl_str resource =
        pl_arena_printf(call->arena, "acs:%.*s:%.*s:%.*s:%.*s/*", PL_FMT(service),
                        PL_FMT(region.n ? region : PL_STR("*")), PL_FMT(api_account(call)), PL_FMT(kind));
    identity_request request = {
        .action = pl_arena_printf(call->arena, "%.*s:Describe%.*ss", PL_FMT(service), PL_FMT(kind)),
        .resources = &resource,
        .resource_count = 1,
        .source_ip = call->source_ip,
        .secure = call->secure,
        .now = call->now};
    if (service.n == 0 || kind.n == 0)
        return api_refuse_invalid(call, "ResourceTypes");
    if (!allowed || identity_may_in_groups(call->services->identity, call->arena, call->caller, &request,
                                           page->ids, page->count, &everywhere, allowed, call->error))
        return allowed ? -1 : pl_fail(call->error, PL_E_ServiceUnavailable);
    pl_write_object(call->out, PL_STR_NONE);
    pl_write_bool(call->out, PL_STR("AccountScopeAuth"), everywhere);
    pl_write_array(call->out, PL_STR("AuthOfResourceGroups"));
    for (size_t i = 0; i < page->count; i++) {
        pl_write_object(call->out, PL_STR_NONE);
        pl_write_bool(call->out, PL_STR("HasPermission"), allowed[i]);
        api_write_text(call->out, "ResourceGroupId", page->ids[i]);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    api_write_text(call->out, "ResourceType", kind);
    api_write_text(call->out, "Service", service);
    pl_write_object_end(call->out);
    return 0;
}

static void write_plain_groups(api_call *call, const group_page *page) {
    pl_write_array(call->out, PL_STR("ResourceGroups"));
    for (size_t i = 0; i < page->count; i++) {
        pl_write_object(call->out, PL_STR_NONE);
        write_identity(call->out, page->items[i]);
        api_write_text(call->out, "Status", page->items[i]->status);
        if (api_flag(call, "IncludeTags", false))
            write_tags(call->out, "Tags", &page->items[i]->tags);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
}

int directory_list_resource_groups_with_auth_details(api_call *call) {
    org_caller caller = directory_caller(call);
    org_resource_group *groups;
    size_t count;
    group_filter filter;
    group_page shown;
    directory_page page = directory_page_of(call);
    const api_value *types = api_input(call, "ResourceTypes");
    if (read_filter(call, &filter) ||
        org_list_resource_groups(call->services->org, &caller, &groups, &count, call->error) ||
        take_page(call, groups, count, &filter, &page, &shown))
        return -1;
    pl_write_array(call->out, PL_STR("AuthDetails"));
    for (size_t i = 0; types && i < types->count; i++)
        if (write_auth(call, &types->items[i], &shown))
            return -1;
    pl_write_array_end(call->out);
    write_plain_groups(call, &shown);
    directory_write_page(call, &page);
    return 0;
}

/* --- Switches --------------------------------------------------------------------------------------------
 */

static int write_switch(api_call *call, const char *setting, bool on) {
    org_caller caller = directory_caller(call);
    return org_write_setting(call->services->org, &caller, pl_str_from(setting),
                             on ? PL_STR("true") : PL_STR("false"), call->error);
}

static int answer_switch(api_call *call, const char *setting, const char *member) {
    org_caller caller = directory_caller(call);
    pl_str value;
    if (org_read_setting(call->services->org, &caller, pl_str_from(setting), PL_STR("false"), &value,
                         call->error))
        return -1;
    pl_write_bool(call->out, pl_str_from(member), pl_str_is(value, "true"));
    return 0;
}

int directory_update_resource_group_admin_setting(api_call *call) {
    return write_switch(call, "CreatorAsAdmin", api_flag(call, "CreatorAsAdmin", false));
}

int directory_get_resource_group_admin_setting(api_call *call) {
    return answer_switch(call, "CreatorAsAdmin", "CreatorAsAdmin");
}

int directory_enable_resource_group_notification(api_call *call) {
    return write_switch(call, "Notification", true);
}

int directory_disable_resource_group_notification(api_call *call) {
    return write_switch(call, "Notification", false);
}

int directory_get_resource_group_notification_setting(api_call *call) {
    return answer_switch(call, "Notification", "ResourceGroupNotificationEnableStatus");
}
