/*
 * Recorded resources: lists, single ones, counts, of version 2020-09-07 and 2019-01-08, for accounts and
 * account groups.
 */
#include "api/config/results.h"
#include "api/operations.gen.h"
#include "json/parser.h"

enum { DEFAULT_RESOURCES = 10, BATCH_MAX = 100 };

static const int64_t WINDOW_MAX = INT64_C(30) * 86400000; /* milliseconds */

typedef struct resource_task {
    api_call *call;
    config_owner owner;
    config_accounts accounts;
    inventory_filter filter;
    engine_list types, regions, exclude_types, ids;
    pl_str resource_type, resource_id, region_id;
    pl_str after_account; /* of the token */
    int64_t after_key;
    int64_t skip, take, total;
    int64_t left; /* still to skip */
    inventory_resource *found;
    size_t count;
    bool more;
    engine_compliance compliance;
    pl_str group; /* restriction of a count */
    inventory_group *groups;
    size_t group_count;
} resource_task;

static int begin(resource_task *task) {
    if (config_owner_of(task->call, CONFIG_READ, &task->owner) != 0)
        return -1;
    return config_accounts_of(task->call, &task->owner, &task->accounts);
}

/* --- Lists
 * ------------------------------------------------------------------------------------------------------ */

/* Both ends of the time of change or none, at most WINDOW_MAX apart (reference/advanced-search.md, section
 * 4). */
static int check_window(const api_call *call) {
    static const char *const ends[] = {"StartUpdateTimestamp", "EndUpdateTimestamp"};
    const struct api_product *product = call->operation->product;
    if (!api_input(call, ends[0]) && !api_input(call, ends[1]))
        return 0;
    for (size_t i = 0; i < 2; i++)
        if (!api_input(call, ends[i]))
            return api_fail_generic(&product->missing, call->error, pl_str_from(ends[i]));
    int64_t from = api_number(call, ends[0], 0), to = api_number(call, ends[1], 0);
    if (from < 0)
        return api_fail_generic(&product->invalid, call->error, pl_str_from(ends[0]));
    bool sound = from <= to && to - from <= WINDOW_MAX;
    return sound ? 0 : api_fail_generic(&product->invalid, call->error, pl_str_from(ends[1]));
}

static int take_filter(resource_task *task) {
    api_call *call = task->call;
    inventory_filter *f = &task->filter;
    if (config_types(call, "ResourceTypes", &task->types) != 0 ||
        config_types(call, "ExcludeResourceTypes", &task->exclude_types) != 0 ||
        config_list(call, "Regions", &task->regions) != 0 || check_window(call) != 0)
        return -1;
    bool removed = api_number(call, "ResourceDeleted", 1) == 0;
    *f = (inventory_filter){.types = task->types.items,
                            .type_count = task->types.count,
                            .regions = task->regions.items,
                            .region_count = task->regions.count,
                            .exclude_types = task->exclude_types.items,
                            .exclude_type_count = task->exclude_types.count,
                            .resource_id = pl_str_trim(api_text(call, "ResourceId")),
                            .name = api_text(call, "ResourceName"),
                            .with_deleted = removed,
                            .without_live = removed,
                            .updated_from = api_number(call, "StartUpdateTimestamp", 0),
                            .updated_to = api_number(call, "EndUpdateTimestamp", 0)};
    return 0;
}

static int visit(void *context, const inventory_resource *r, pl_error *error) {
    resource_task *task = context;
    if (task->left > 0) {
        task->left--;
        return 0;
    }
    if ((int64_t)task->count == task->take) {
        task->more = true;
        return 1;
    }
    inventory_resource *copy = task->found + task->count++;
    *copy = *r;
    return inventory_copy_resource(task->call->arena, copy, error);
}

static int load_configurations(resource_task *task, store_session *session, pl_error *error) {
    for (size_t i = 0; i < task->count; i++) {
        bool found;
        inventory_resource *r = task->found + i;
        if (inventory_find_key(session, task->call->arena, r->account_id, r->resource_key, r, &found,
                               error) != 0)
            return -1;
    }
    return 0;
}

static int list_work(store_session *session, void *argument, pl_error *error) {
    resource_task *task = argument;
    task->count = 0;
    task->total = 0;
    task->left = task->skip;
    task->more = false;
    task->found = pl_new(task->call->arena, inventory_resource, (size_t)task->take + 1);
    if (!task->found)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < task->accounts.count; i++) {
        int64_t count;
        task->filter.account_id = task->accounts.items[i];
        if (inventory_count(session, &task->filter, &count, error) != 0)
            return -1;
        task->total += count;
        int order = task->after_account.p ? pl_str_cmp(task->filter.account_id, task->after_account) : 1;
        if (order < 0 || task->more)
            continue;
        if (inventory_list(session, &task->filter, order == 0 ? task->after_key : 0, visit, task, error) != 0)
            return -1;
    }
    return load_configurations(task, session, error);
}

static int open_token(resource_task *task) {
    pl_str token, account;
    if (api_token_open(task->call, &token) != 0)
        return -1;
    if (!token.p)
        return 0;
    if (!pl_str_split(&token, ',', &account) || !pl_str_to_i64(token, &task->after_key))
        return api_fail_generic(&task->call->operation->product->invalid, task->call->error,
                                PL_STR("NextToken"));
    task->after_account = account;
    return 0;
}

/* The member of this name in the configuration, at its top or among the network attributes of an instance. */
static void write_network(api_call *call, pl_json configuration, const char *name) {
    pl_json value = pl_json_get(configuration, pl_str_from(name));
    if (!pl_json_exists(value))
        value = pl_json_get(pl_json_get(configuration, PL_STR("VpcAttributes")), pl_str_from(name));
    pl_str text = pl_json_str(value);
    if (text.n)
        pl_write_string(call->out, pl_str_from(name), text);
}

static void write_networks(api_call *call, const inventory_resource *r) {
    pl_json configuration = PL_JSON_NONE;
    if (!config_read_stored(call, "configuration", r->configuration, &configuration))
        return;
    write_network(call, configuration, "VSwitchId");
    write_network(call, configuration, "VpcId");
}

static void write_brief(api_call *call, const inventory_resource *r) {
    pl_writer *out = call->out;
    config_write_account(out, "AccountId", r->account_id);
    pl_write_string(out, PL_STR("Region"), r->region_id);
    pl_write_i64(out, PL_STR("ResourceCreationTime"), r->create_time);
    pl_write_i64(out, PL_STR("ResourceDeleted"), r->deleted ? 0 : 1);
    pl_write_string(out, PL_STR("ResourceId"), r->resource_id);
    pl_write_string(out, PL_STR("ResourceName"), r->name);
    pl_write_string(out, PL_STR("ResourceStatus"), r->status);
    pl_write_string(out, PL_STR("ResourceType"), r->resource_type);
    pl_write_string(out, PL_STR("Tags"), r->tags);
}

static void write_common(api_call *call, const inventory_resource *r) {
    write_brief(call, r);
    pl_write_string(call->out, PL_STR("AvailabilityZone"), r->zone);
}

static void write_profile(api_call *call, const inventory_resource *r, bool aggregate) {
    pl_write_object(call->out, PL_STR("DiscoveredResourceProfile"));
    if (aggregate)
        config_write_account(call->out, "ResourceOwnerId", r->account_id);
    write_common(call, r);
    pl_write_string(call->out, PL_STR("ResourceGroupId"), r->group_id);
    pl_write_i64(call->out, PL_STR("UpdateTime"), r->capture_time);
    pl_write_i64(call->out, PL_STR("Version"), r->capture_time);
    write_networks(call, r);
    pl_write_object_end(call->out);
}

static void write_profiles(resource_task *task) {
    pl_write_array(task->call->out, PL_STR("DiscoveredResourceProfileList"));
    for (size_t i = 0; i < task->count; i++)
        write_profile(task->call, task->found + i, task->owner.group.aggregator_id.n != 0);
    pl_write_array_end(task->call->out);
}

static int list(api_call *call) {
    resource_task task = {.call = call, .take = api_number(call, "MaxResults", DEFAULT_RESOURCES)};
    if (begin(&task) != 0 || open_token(&task) != 0 || take_filter(&task) != 0 ||
        config_read(call, list_work, &task) != 0)
        return -1;
    pl_str next = PL_STR("");
    if (task.more && task.count) {
        const inventory_resource *last = task.found + task.count - 1;
        next = api_token_make(call, pl_arena_printf(call->arena, "%.*s,%lld", PL_FMT(last->account_id),
                                                    (long long)last->resource_key));
    }
    pl_write_object(call->out, PL_STR("DiscoveredResourceProfiles"));
    write_profiles(&task);
    pl_write_i64(call->out, PL_STR("MaxResults"), task.take);
    pl_write_string(call->out, PL_STR("NextToken"), next);
    pl_write_i64(call->out, PL_STR("TotalCount"), task.total);
    pl_write_object_end(call->out);
    return 0;
}

int config_list_discovered_resources(api_call *call) {
    return list(call);
}

int config_list_aggregate_discovered_resources(api_call *call) {
    return list(call);
}

static void write_brief_profiles(resource_task *task) {
    pl_writer *out = task->call->out;
    pl_write_array(out, PL_STR("DiscoveredResourceProfileList"));
    for (size_t i = 0; i < task->count; i++) {
        pl_write_object(out, PL_STR("DiscoveredResourceProfile"));
        if (task->owner.group.aggregator_id.n)
            config_write_account(out, "ResourceOwnerId", task->found[i].account_id);
        write_brief(task->call, task->found + i);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
}

static int list_pages(api_call *call) {
    int64_t page;
    resource_task task = {.call = call};
    api_page(call, DEFAULT_RESOURCES, &page, &task.take, &task.skip);
    if (begin(&task) != 0 || take_filter(&task) != 0 || config_read(call, list_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("DiscoveredResourceProfiles"));
    write_brief_profiles(&task);
    config_write_page(call->out, page, task.take, task.total);
    pl_write_object_end(call->out);
    return 0;
}

int config_list_discovered_resources_2019(api_call *call) {
    return list_pages(call);
}

int config_list_aggregate_discovered_resources_2019(api_call *call) {
    return list_pages(call);
}

/* --- One resource
 * ----------------------------------------------------------------------------------------------- */

/* The class of the resource over the owner's active rules. */
static int classify(resource_task *task, store_session *session, pl_error *error) {
    api_call *call = task->call;
    engine_rule *rules;
    engine_result *results;
    engine_counts counts = {0};
    size_t count, shown;
    int64_t size;
    pl_str next;
    engine_rule_filter active = {.active_only = true};
    if (engine_rule_list(session, call->arena, &task->owner.group, &active, &rules, &count, error) != 0)
        return -1;
    const engine_rule **named = pl_new(call->arena, const engine_rule *, count + 1);
    if (!named)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < count; i++)
        named[i] = rules + i;
    engine_result_filter filter = {.rules = named,
                                   .rule_count = count,
                                   .accounts = &task->found->account_id,
                                   .account_count = 1,
                                   .resource_id = task->found->resource_id,
                                   .resource_type = task->found->resource_type,
                                   .region_id = task->found->region_id};
    if (engine_list_results(call->services->engine, session, call->arena, &filter, PL_STR_NONE, 1000,
                            &results, &shown, &next, error) != 0)
        return -1;
    for (size_t i = 0; i < shown; i++)
        counts.by[results[i].compliance]++;
    task->compliance = engine_aggregate(&counts, &size);
    return 0;
}

static int get_work(store_session *session, void *argument, pl_error *error) {
    resource_task *task = argument;
    bool found = false;
    task->found = pl_new(task->call->arena, inventory_resource, 1);
    if (!task->found)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < task->accounts.count && !found; i++)
        if (inventory_find(session, task->call->arena, task->accounts.items[i], task->resource_type,
                           task->region_id, task->resource_id, task->found, &found, error) != 0)
            return -1;
    if (!found)
        return pl_fail(error, PL_E_Invalid_ResourceId_Value);
    return api_number(task->call, "ComplianceOption", 0) == 1 ? classify(task, session, error) : 0;
}

static int get(api_call *call) {
    resource_task task = {.call = call,
                          .resource_id = pl_str_trim(api_text(call, "ResourceId")),
                          .region_id = pl_str_trim(api_text(call, "Region"))};
    task.resource_type = catalogue_type_name(call->services->catalogue, api_text(call, "ResourceType"));
    if (begin(&task) != 0 || config_read(call, get_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("DiscoveredResourceDetail"));
    write_common(call, task.found);
    if (api_number(call, "ComplianceOption", 0) == 1)
        pl_write_string(call->out, PL_STR("ComplianceType"), engine_compliance_name(task.compliance));
    pl_write_string(call->out, PL_STR("Configuration"), task.found->configuration);
    write_networks(call, task.found);
    pl_write_object_end(call->out);
    return 0;
}

int config_get_discovered_resource(api_call *call) {
    return get(call);
}

int config_get_aggregate_discovered_resource(api_call *call) {
    return get(call);
}

int config_describe_discovered_resource_2019(api_call *call) {
    return get(call);
}

int config_get_aggregate_discovered_resource_2019(api_call *call) {
    return get(call);
}

static int batch_work(store_session *session, void *argument, pl_error *error) {
    resource_task *task = argument;
    task->filter.account_id = task->accounts.items[0];
    task->found = pl_new(task->call->arena, inventory_resource, BATCH_MAX + 1);
    task->count = 0;
    if (!task->found)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (inventory_list(session, &task->filter, 0, visit, task, error) != 0)
        return -1;
    return load_configurations(task, session, error);
}

/* The published answer of this operation names nothing but RequestId; the details are those of one resource.
 */
int config_describe_discovered_resource_batch(api_call *call) {
    resource_task task = {.call = call, .take = BATCH_MAX};
    if (begin(&task) != 0 || take_filter(&task) != 0 || config_list(call, "ResourceIds", &task.ids) != 0)
        return -1;
    task.filter.ids = task.ids.items;
    task.filter.id_count = task.ids.count;
    if (config_read(call, batch_work, &task) != 0)
        return -1;
    pl_write_array(call->out, PL_STR("DiscoveredResourceDetailList"));
    for (size_t i = 0; i < task.count; i++) {
        pl_write_object(call->out, PL_STR("DiscoveredResourceDetail"));
        write_common(call, task.found + i);
        pl_write_string(call->out, PL_STR("Configuration"), task.found[i].configuration);
        write_networks(call, task.found + i);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}

/* --- Counts
 * ------------------------------------------------------------------------------------------------------- */

static int add_group(resource_task *task, size_t *capacity, const inventory_group *group, pl_error *error) {
    for (size_t i = 0; i < task->group_count; i++)
        if (pl_str_eq(task->groups[i].name, group->name)) {
            task->groups[i].count += group->count;
            return 0;
        }
    inventory_group *grown =
        pl_arena_grow(task->call->arena, task->groups, task->group_count, capacity, sizeof *grown);
    if (!grown)
        return pl_fail(error, PL_E_ServiceUnavailable);
    task->groups = grown;
    grown[task->group_count++] = *group;
    return 0;
}

static int count_work(resource_task *task, store_session *session, bool by_region, pl_error *error) {
    size_t capacity = 0;
    pl_str folder = pl_str_trim(api_text(task->call, "FolderId"));
    task->groups = NULL;
    task->group_count = 0;
    for (size_t i = 0; i < task->accounts.count; i++) {
        inventory_group *groups;
        size_t count;
        bool inside = true;
        pl_str account = task->accounts.items[i];
        if (folder.n && config_in_folder(task->call, account, folder, &inside) != 0)
            return -1;
        if (!inside)
            continue;
        if ((by_region ? inventory_count_by_region(session, task->call->arena, account, task->group, &groups,
                                                   &count, error)
                       : inventory_count_by_type(session, task->call->arena, account, task->group, &groups,
                                                 &count, error)) != 0)
            return -1;
        for (size_t n = 0; n < count; n++)
            if (add_group(task, &capacity, groups + n, error) != 0)
                return -1;
    }
    return 0;
}

static int by_region_work(store_session *session, void *argument, pl_error *error) {
    return count_work(argument, session, true, error);
}

static int by_type_work(store_session *session, void *argument, pl_error *error) {
    return count_work(argument, session, false, error);
}

static int count(api_call *call, bool by_region) {
    resource_task task = {.call = call};
    task.group = by_region ? catalogue_type_name(call->services->catalogue, api_text(call, "ResourceType"))
                           : pl_str_trim(api_text(call, "Region"));
    if (begin(&task) != 0 || config_read(call, by_region ? by_region_work : by_type_work, &task) != 0)
        return -1;
    pl_write_array(call->out, PL_STR("DiscoveredResourceCountsSummary"));
    for (size_t i = 0; i < task.group_count; i++) {
        pl_write_object(call->out, PL_STR("DiscoveredResourceCountsSummary"));
        pl_write_string(call->out, PL_STR("GroupName"), task.groups[i].name);
        pl_write_string(call->out, by_region ? PL_STR("Region") : PL_STR("ResourceType"),
                        task.groups[i].name);
        pl_write_i64(call->out, PL_STR("ResourceCount"), task.groups[i].count);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}

int config_get_discovered_resource_counts_group_by_region(api_call *call) {
    return count(call, true);
}

int config_get_aggregate_resource_counts_group_by_region(api_call *call) {
    return count(call, true);
}

int config_get_discovered_resource_counts_group_by_resource_type(api_call *call) {
    return count(call, false);
}

int config_get_aggregate_resource_counts_group_by_resource_type(api_call *call) {
    return count(call, false);
}

int config_get_discovered_resource_counts_2019(api_call *call) {
    resource_task task = {.call = call};
    pl_str key = api_text(call, "GroupByKey");
    bool by_region = pl_str_is(key, "Region");
    if (begin(&task) != 0 || config_read(call, by_region ? by_region_work : by_type_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("GroupedResourceCounts"));
    pl_write_string(call->out, PL_STR("GroupByKey"), by_region ? key : PL_STR("ResourceType"));
    pl_write_array(call->out, PL_STR("GroupedResourceCountList"));
    for (size_t i = 0; i < task.group_count; i++) {
        pl_write_object(call->out, PL_STR("GroupedResourceCount"));
        pl_write_string(call->out, PL_STR("GroupName"), task.groups[i].name);
        pl_write_i64(call->out, PL_STR("ResourceCount"), task.groups[i].count);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

static int summary_work(store_session *session, void *argument, pl_error *error) {
    resource_task *task = argument;
    if (count_work(task, session, true, error) != 0)
        return -1;
    task->skip = (int64_t)task->group_count; /* regions */
    task->total = 0;
    for (size_t i = 0; i < task->group_count; i++)
        task->total += task->groups[i].count;
    return count_work(task, session, false, error);
}

int config_get_discovered_resource_summary_2019(api_call *call) {
    resource_task task = {.call = call};
    if (begin(&task) != 0 || config_read(call, summary_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("DiscoveredResourceSummary"));
    pl_write_i64(call->out, PL_STR("RegionCount"), task.skip);
    pl_write_i64(call->out, PL_STR("ResourceCount"), task.total);
    pl_write_i64(call->out, PL_STR("ResourceTypeCount"), (int64_t)task.group_count);
    pl_write_object_end(call->out);
    return 0;
}
