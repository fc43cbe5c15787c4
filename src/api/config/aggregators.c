/*
 * Account groups ("aggregators"): made, changed, deleted, shown. reference/resource-directory.md, section 6.
 *
 * Creation is done when the call returns, so AggregatorStatus is always 1 (created).
 */
#include "api/call.h"
#include "api/operations.gen.h"
#include "identity/identity.h"
#include "inventory/inventory.h"
#include "org/change.h"

/* A change and its answer in one transaction with the call's ClientToken. */
typedef struct answered_change {
    api_call *call;
    store_work work;
    void *argument;
    pl_str id;         /* of the group made or changed */
    const pl_str *ids; /* of groups deleted, with what became of each */
    const bool *deleted;
    size_t count;
} answered_change;

static void write_result(const answered_change *change);

static int run_and_answer(store_session *session, void *argument, pl_error *error) {
    answered_change *change = argument;
    if (change->work(session, change->argument, error))
        return -1;
    write_result(change);
    return 0;
}

static int write_through(void *context, store_work work, void *argument, pl_error *error) {
    answered_change *change = context;
    (void)error; /* it is the call's */
    change->work = work;
    change->argument = argument;
    return api_write(change->call, run_and_answer, change);
}

static org_caller caller_of(answered_change *change) {
    const api_call *call = change->call;
    return (org_caller){.account_id = call->caller->account_id,
                        .now = call->now,
                        .arena = call->arena,
                        .write = write_through,
                        .context = change};
}

static int no_memory(api_call *call) {
    return pl_failf(call->error, PL_E_ServiceUnavailable, "Out of memory.");
}

static void text(pl_writer *out, const char *name, pl_str value) {
    pl_write_string(out, pl_str_from(name), value);
}

/* --- Input -----------------------------------------------------------------------------------------------
 */

static int read_member(api_call *call, const api_value *item, org_group_member *member) {
    int64_t id = api_member_number(item, "AccountId", 0);
    pl_str type = api_member_text(item, "AccountType");
    if (id <= 0)
        return pl_fail(call->error, PL_E_Invalid_AggregatorAccounts_Value);
    if (!pl_str_is(type, "ResourceDirectory"))
        return pl_fail(call->error, PL_E_Invalid_AccountType_Value);
    member->account_id = pl_arena_printf(call->arena, "%lld", (long long)id);
    member->name = api_member_text(item, "AccountName");
    return member->account_id.p ? 0 : no_memory(call);
}

static int read_members(api_call *call, org_group_request *request) {
    const api_value *list = api_input(call, "AggregatorAccounts");
    request->members_given = list != NULL;
    if (!list || list->count == 0)
        return 0;
    org_group_member *members = pl_new(call->arena, org_group_member, list->count);
    if (!members)
        return no_memory(call);
    for (size_t i = 0; i < list->count; i++) {
        if (read_member(call, &list->items[i], &members[i]))
            return -1;
    }
    request->members = members;
    request->member_count = list->count;
    return 0;
}

/* Folder ids with blanks trimmed; empty parts of the list and repetitions are dropped. */
static int read_folders(api_call *call, org_group_request *request) {
    const api_value *list = api_input(call, "FolderId");
    if (!list || list->count == 0)
        return 0;
    pl_str *ids = pl_new(call->arena, pl_str, list->count);
    if (!ids)
        return no_memory(call);
    for (size_t i = 0; i < list->count; i++) {
        pl_str id = pl_str_trim(list->items[i].text);
        bool known = id.n == 0;
        for (size_t k = 0; k < request->folder_count; k++)
            known = known || pl_str_eq(ids[k], id);
        if (!known)
            ids[request->folder_count++] = id;
    }
    request->folder_ids = ids;
    return 0;
}

static int read_tags(api_call *call, org_tags *tags, bool *given) {
    const api_value *list = api_input(call, "Tag");
    *tags = (org_tags){NULL, 0};
    *given = list != NULL;
    if (!list || list->count == 0)
        return 0;
    org_tag *items = pl_new(call->arena, org_tag, list->count);
    if (!items)
        return no_memory(call);
    for (size_t i = 0; i < list->count; i++) {
        items[i] =
            (org_tag){api_member_text(&list->items[i], "Key"), api_member_text(&list->items[i], "Value")};
        for (size_t k = 0; k < i; k++) {
            if (pl_str_eq(items[k].key, items[i].key))
                return pl_fail(call->error, PL_E_Invalid_Tag_Value);
        }
    }
    *tags = (org_tags){items, list->count};
    return 0;
}

static int read_request(api_call *call, org_group_request *request) {
    *request = (org_group_request){.name = api_text(call, "AggregatorName"),
                                   .description = api_text(call, "Description")};
    if (request->name.p && request->name.n == 0)
        request->name = PL_STR_NONE;
    return read_members(call, request) || read_folders(call, request) ||
                   read_tags(call, &request->tags, &request->tags_given)
               ? -1
               : 0;
}

/* --- Changes ---------------------------------------------------------------------------------------------
 */

int config_create_aggregator(api_call *call) {
    answered_change change = {.call = call};
    org_caller caller = caller_of(&change);
    org_group_request request;
    if (read_request(call, &request))
        return -1;
    org_group_type_find(api_text(call, "AggregatorType"), &request.type);
    return org_create_group(call->services->org, &caller, &request, &change.id, call->error);
}

int config_update_aggregator(api_call *call) {
    answered_change change = {.call = call, .id = api_text(call, "AggregatorId")};
    org_caller caller = caller_of(&change);
    org_group_request request;
    if (read_request(call, &request))
        return -1;
    return org_update_group(call->services->org, &caller, change.id, &request, call->error);
}

/* Whoever may not own groups is refused: members of groups with a code of their own. */
static int check_owner(api_call *call, pl_error_code code) {
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    size_t member_of = 0;
    if (!view)
        return -1;
    bool allowed = org_may_own_groups(view, call->caller->account_id);
    org_groups_of(view, call->caller->account_id, &member_of);
    org_view_close(view);
    if (allowed)
        return 0;
    return pl_fail(call->error, member_of > 0 ? code : PL_E_NoPermission);
}

/* The ids that were sent, without blanks and empty parts. */
static int read_ids(api_call *call, pl_str **ids, size_t *count) {
    const api_value *list = api_input(call, "AggregatorIds");
    *ids = pl_new(call->arena, pl_str, list ? list->count + 1 : 1);
    *count = 0;
    if (!*ids)
        return no_memory(call);
    for (size_t i = 0; list && i < list->count; i++) {
        pl_str id = pl_str_trim(list->items[i].text);
        if (id.n > 0)
            (*ids)[(*count)++] = id;
    }
    return *count > 0 ? 0 : pl_fail(call->error, PL_E_Invalid_AggregatorIds_Empty);
}

int config_delete_aggregators(api_call *call) {
    answered_change change = {.call = call};
    org_caller caller = caller_of(&change);
    pl_str *ids;
    if (check_owner(call, PL_E_AggregatorMemberNoPermission) || read_ids(call, &ids, &change.count))
        return -1;
    bool *deleted = pl_new(call->arena, bool, change.count);
    if (!deleted)
        return no_memory(call);
    change.ids = ids;
    change.deleted = deleted;
    return org_delete_groups(call->services->org, &caller, ids, change.count, deleted, call->error);
}

static void write_deleted(pl_writer *out, const answered_change *change) {
    pl_write_object(out, PL_STR("OperateAggregatorsResult"));
    pl_write_array(out, PL_STR("OperateAggregators"));
    for (size_t i = 0; i < change->count; i++) {
        pl_write_object(out, PL_STR("OperateAggregators"));
        text(out, "AggregatorId", change->ids[i]);
        text(out, "ErrorCode", change->deleted[i] ? PL_STR("") : PL_STR("Invalid.AggregatorId.Value"));
        pl_write_bool(out, PL_STR("Success"), change->deleted[i]);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
    pl_write_object_end(out);
}

static void write_result(const answered_change *change) {
    if (change->ids)
        write_deleted(change->call->out, change);
    else
        text(change->call->out, "AggregatorId", change->id);
}

/* --- Answers ---------------------------------------------------------------------------------------------
 */

static int64_t number_of(pl_str account_id) {
    int64_t number = 0;
    pl_str_to_i64(account_id, &number);
    return number;
}

static void write_tags(pl_writer *out, const org_tags *tags) {
    pl_write_array(out, PL_STR("Tags"));
    for (size_t i = 0; i < tags->count; i++) {
        pl_write_object(out, PL_STR("Tag"));
        text(out, "TagKey", tags->items[i].key);
        text(out, "TagValue", tags->items[i].value);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
}

/* The ids or the names of a group's folders, joined by commas. */
static pl_str join_folders(const api_call *call, const org_view *view, const org_group *group, bool names) {
    pl_str joined = PL_STR("");
    for (size_t i = 0; i < group->folder_count; i++) {
        const org_node *folder = org_find_node(view, group->folder_ids[i]);
        pl_str part = !names ? group->folder_ids[i] : folder ? folder->name : PL_STR("");
        joined = pl_arena_printf(call->arena, "%.*s%s%.*s", PL_FMT(joined), i > 0 ? "," : "", PL_FMT(part));
    }
    return joined;
}

/* The members of both answers; GetAggregator shows the creation time as text. */
static void write_common(api_call *call, const org_view *view, const org_group *group, bool alone) {
    pl_writer *out = call->out;
    pl_write_i64(out, PL_STR("AccountId"), number_of(group->owner_id));
    pl_write_i64(out, PL_STR("AggregatorAccountCount"), (int64_t)group->member_count);
    if (alone)
        text(out, "AggregatorCreateTimestamp",
             pl_arena_printf(call->arena, "%lld", (long long)group->created));
    else
        pl_write_i64(out, PL_STR("AggregatorCreateTimestamp"), group->created);
    text(out, "AggregatorId", group->id);
    text(out, "AggregatorName", group->name);
    pl_write_i64(out, PL_STR("AggregatorStatus"), 1);
    text(out, "AggregatorType", org_group_type_name(group->type));
    text(out, "Description", group->description);
    if (group->type == ORG_GROUP_FOLDER)
        text(out, "FolderId", join_folders(call, view, group, false));
    if (alone && group->type == ORG_GROUP_FOLDER)
        text(out, "FolderName", join_folders(call, view, group, true));
    write_tags(out, &group->tags);
}

/* The recorder status of each member of a group. */
typedef struct recorder_read {
    api_call *call;
    const org_group *group;
    pl_str *statuses;
} recorder_read;

static int read_recorders(store_session *session, void *argument, pl_error *error) {
    recorder_read *r = argument;
    for (size_t i = 0; i < r->group->member_count; i++) {
        inventory_recorder recorder;
        if (inventory_recorder_get(session, r->call->arena, r->group->members[i].account_id, &recorder,
                                   error))
            return -1;
        r->statuses[i] = recorder.status;
    }
    return 0;
}

static pl_str name_of(const org_view *view, const org_group_member *member) {
    const org_node *node = org_find_node(view, member->account_id);
    return member->name.n > 0 || !node ? member->name : node->name;
}

static int write_members(api_call *call, const org_view *view, const org_group *group) {
    pl_writer *out = call->out;
    recorder_read r = {call, group, pl_new(call->arena, pl_str, group->member_count + 1)};
    if (!r.statuses)
        return no_memory(call);
    if (store_read(call->services->store, read_recorders, &r, call->error))
        return -1;
    pl_write_array(out, PL_STR("AggregatorAccounts"));
    for (size_t i = 0; i < group->member_count; i++) {
        pl_write_object(out, PL_STR("AggregatorAccounts"));
        pl_write_i64(out, PL_STR("AccountId"), number_of(group->members[i].account_id));
        text(out, "AccountName", name_of(view, &group->members[i]));
        text(out, "AccountType", PL_STR("ResourceDirectory"));
        text(out, "RecorderStatus", r.statuses[i]);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
    return 0;
}

static bool has_tags(const org_tags *tags, const org_tags *filter) {
    for (size_t f = 0; f < filter->count; f++) {
        bool found = false;
        for (size_t i = 0; i < tags->count; i++)
            found =
                found ||
                (pl_str_eq(tags->items[i].key, filter->items[f].key) &&
                 (filter->items[f].value.n == 0 || pl_str_eq(tags->items[i].value, filter->items[f].value)));
        if (!found)
            return false;
    }
    return true;
}

static int answer_group(api_call *call, const org_view *view) {
    org_tags filter;
    bool given;
    if (read_tags(call, &filter, &given))
        return -1;
    const org_group *group =
        org_find_group(view, call->caller->account_id, pl_str_trim(api_text(call, "AggregatorId")), NULL);
    if (!group || !has_tags(&group->tags, &filter))
        return pl_fail(call->error, PL_E_Invalid_AggregatorId_Value);
    pl_write_object(call->out, PL_STR("Aggregator"));
    if (write_members(call, view, group))
        return -1;
    write_common(call, view, group, true);
    pl_write_object_end(call->out);
    return 0;
}

int config_get_aggregator(api_call *call) {
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    if (!view)
        return -1;
    int failed = answer_group(call, view);
    org_view_close(view);
    return failed;
}

/* --- List ------------------------------------------------------------------------------------------------
 */

/* Groups that the account owns, then those that it is a member of and somebody else owns. */
static int visible_groups(api_call *call, const org_view *view, const org_group ***groups, size_t *count) {
    const org_group **owned;
    size_t owned_count, member_count;
    pl_str account_id = call->caller->account_id;
    if (org_owned_groups(view, call->arena, account_id, &owned, &owned_count, call->error))
        return -1;
    const org_group *const *member_of = org_groups_of(view, account_id, &member_count);
    const org_group **all = pl_new(call->arena, const org_group *, owned_count + member_count + 1);
    if (!all)
        return no_memory(call);
    *count = 0;
    for (size_t i = 0; i < owned_count; i++)
        all[(*count)++] = owned[i];
    for (size_t i = 0; i < member_count; i++) {
        if (!pl_str_eq(member_of[i]->owner_id, account_id))
            all[(*count)++] = member_of[i];
    }
    *groups = all;
    if (*count == 0 && !org_may_own_groups(view, account_id))
        return pl_fail(call->error, PL_E_NoPermission);
    return 0;
}

/* The group that a page ended with: its owner and position. It may be gone when the next page is asked for.
 */
typedef struct group_marker {
    pl_str owner_id; /* absent: of the first page */
    int64_t position;
} group_marker;

static int open_marker(api_call *call, group_marker *marker) {
    pl_str key;
    *marker = (group_marker){PL_STR_NONE, 0};
    if (api_token_open(call, &key))
        return -1;
    if (!key.p)
        return 0;
    if (!pl_str_split(&key, ',', &marker->owner_id) || !pl_str_to_i64(key, &marker->position))
        return pl_fail(call->error, PL_E_InvalidNextToken);
    return 0;
}

/* In the order of visible_groups: the caller's own, then those of the other owners. */
static bool is_behind(const api_call *call, const org_group *group, const group_marker *marker) {
    if (!marker->owner_id.p)
        return true;
    bool own = pl_str_eq(group->owner_id, call->caller->account_id);
    if (own != pl_str_eq(marker->owner_id, call->caller->account_id))
        return !own;
    int order = pl_str_cmp(group->owner_id, marker->owner_id);
    return order ? order > 0 : group->position > marker->position;
}

static pl_str make_marker(const api_call *call, const org_group *last) {
    return api_token_make(
        call, pl_arena_printf(call->arena, "%.*s,%lld", PL_FMT(last->owner_id), (long long)last->position));
}

static int answer_groups(api_call *call, const org_view *view) {
    const org_group **groups = NULL, *last = NULL;
    size_t count;
    org_tags filter;
    bool given, more = false;
    group_marker marker;
    if (read_tags(call, &filter, &given) || visible_groups(call, view, &groups, &count) ||
        open_marker(call, &marker))
        return -1;
    int64_t left = api_number(call, "MaxResults", 10);
    pl_write_object(call->out, PL_STR("AggregatorsResult"));
    pl_write_array(call->out, PL_STR("Aggregators"));
    for (size_t i = 0; i < count; i++) {
        if (!is_behind(call, groups[i], &marker) || !has_tags(&groups[i]->tags, &filter))
            continue;
        more = left-- == 0;
        if (more)
            break;
        last = groups[i];
        pl_write_object(call->out, PL_STR("Aggregator"));
        write_common(call, view, last, false);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    pl_str token = more && last ? make_marker(call, last) : PL_STR("");
    text(call->out, "NextToken", token);
    pl_write_object_end(call->out);
    return token.p ? 0 : no_memory(call);
}

int config_list_aggregators(api_call *call) {
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    if (!view)
        return -1;
    int failed = answer_groups(call, view);
    org_view_close(view);
    return failed;
}
