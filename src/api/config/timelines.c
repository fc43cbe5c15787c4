/*
 * Timelines of a resource: configurations and compliance, for accounts, account groups and version 2019
 * (reference/evaluation-semantics.md, section 12).
 */
#include "api/config/results.h"
#include "api/operations.gen.h"

enum { DEFAULT_NODES = 10 };

static const int64_t thirty_days = 30LL * 86400000;

typedef struct timeline_task {
    api_call *call;
    config_owner owner;
    config_accounts accounts;
    int64_t from, to;
    size_t limit;
    inventory_resource resource;
    inventory_node *nodes;
    engine_node *compliance;
    size_t count;
    bool more;
} timeline_task;

/* The token is the time of the last node; the next page lies before it. */
static int take_range(timeline_task *task) {
    api_call *call = task->call;
    int64_t before;
    pl_str token;
    task->to = api_number(call, "EndTime", call->now);
    task->from = api_number(call, "StartTime", call->now - thirty_days);
    task->limit = (size_t)api_number(call, "MaxResults", api_number(call, "Limit", DEFAULT_NODES));
    if (api_token_open(call, &token) != 0)
        return -1;
    if (!token.p)
        return 0;
    if (!pl_str_to_i64(token, &before))
        return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("NextToken"));
    if (before - 1 < task->to)
        task->to = before - 1;
    return 0;
}

static int find_resource(timeline_task *task, store_session *session, pl_error *error) {
    api_call *call = task->call;
    pl_str type = catalogue_type_name(call->services->catalogue, api_text(call, "ResourceType"));
    bool found = false;
    for (size_t i = 0; i < task->accounts.count && !found; i++)
        if (inventory_find(session, call->arena, task->accounts.items[i], type,
                           pl_str_trim(api_text(call, "Region")), pl_str_trim(api_text(call, "ResourceId")),
                           &task->resource, &found, error) != 0)
            return -1;
    return found ? 0 : pl_fail(error, PL_E_Invalid_ResourceId_Value);
}

static int configuration_work(store_session *session, void *argument, pl_error *error) {
    timeline_task *task = argument;
    if (find_resource(task, session, error) != 0)
        return -1;
    return inventory_timeline(session, task->call->arena, &task->resource, task->from, task->to,
                              task->limit + 1, &task->nodes, &task->count, error);
}

static int compliance_work(store_session *session, void *argument, pl_error *error) {
    timeline_task *task = argument;
    if (find_resource(task, session, error) != 0)
        return -1;
    return engine_compliance_timeline(task->call->services->engine, session, task->call->arena,
                                      &task->resource, task->from, task->to, task->limit + 1,
                                      &task->compliance, &task->count, error);
}

static int begin(timeline_task *task, store_work work) {
    if (config_owner_of(task->call, CONFIG_READ, &task->owner) != 0 ||
        config_accounts_of(task->call, &task->owner, &task->accounts) != 0 || take_range(task) != 0 ||
        config_read(task->call, work, task) != 0)
        return -1;
    task->more = task->count > task->limit;
    if (task->more)
        task->count = task->limit;
    return 0;
}

static pl_str as_text(api_call *call, int64_t number) {
    return pl_arena_printf(call->arena, "%lld", (long long)number);
}

static void write_resource(timeline_task *task, pl_str zone, pl_str name, pl_str tags) {
    pl_writer *out = task->call->out;
    const inventory_resource *r = &task->resource;
    pl_write_string(out, PL_STR("AvailabilityZone"), zone);
    pl_write_string(out, PL_STR("Region"), r->region_id);
    pl_write_string(out, PL_STR("ResourceId"), r->resource_id);
    pl_write_string(out, PL_STR("ResourceName"), name);
    pl_write_string(out, PL_STR("ResourceType"), r->resource_type);
    pl_write_string(out, PL_STR("Tags"), tags);
}

static void write_end(timeline_task *task, int64_t last) {
    pl_writer *out = task->call->out;
    bool dated = api_find_parameter(task->call->operation, PL_STR("Limit")) != NULL;
    pl_write_i64(out, dated ? PL_STR("Limit") : PL_STR("MaxResults"), (int64_t)task->limit);
    pl_write_string(out, PL_STR("NextToken"),
                    task->more ? api_token_make(task->call, as_text(task->call, last)) : PL_STR(""));
    if (dated)
        pl_write_i64(out, PL_STR("TotalCount"), (int64_t)task->count);
    pl_write_object_end(out);
}

/* `related`: the answer has members for relations, which are empty as published: relations have their own
 * operation, ListResourceRelations. */
static int show_configurations(api_call *call, bool related) {
    timeline_task task = {.call = call};
    if (begin(&task, configuration_work) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("ResourceConfigurationTimeline"));
    pl_write_array(call->out, PL_STR("ConfigurationList"));
    for (size_t i = 0; i < task.count; i++) {
        const inventory_node *node = task.nodes + i;
        pl_write_object(call->out, PL_STR("Configuration"));
        config_write_account(call->out, "AccountId", task.resource.account_id);
        write_resource(&task, node->zone, node->name, node->tags);
        pl_write_string(call->out, PL_STR("CaptureTime"), as_text(call, node->capture_time));
        pl_write_string(call->out, PL_STR("ConfigurationDiff"), node->diff);
        if (related) {
            pl_write_string(call->out, PL_STR("Relationship"), PL_STR(""));
            pl_write_string(call->out, PL_STR("RelationshipDiff"), PL_STR(""));
        }
        pl_write_string(call->out, PL_STR("ResourceCreateTime"), as_text(call, task.resource.create_time));
        pl_write_string(call->out, PL_STR("ResourceEventType"), inventory_event_name(node->event));
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    write_end(&task, task.count ? task.nodes[task.count - 1].capture_time : 0);
    return 0;
}

static int show_compliance(api_call *call) {
    timeline_task task = {.call = call};
    if (begin(&task, compliance_work) != 0)
        return -1;
    const inventory_resource *r = &task.resource;
    pl_write_object(call->out, PL_STR("ResourceComplianceTimeline"));
    pl_write_array(call->out, PL_STR("ComplianceList"));
    for (size_t i = 0; i < task.count; i++) {
        const engine_node *node = task.compliance + i;
        pl_write_object(call->out, PL_STR("Compliance"));
        pl_write_string(call->out, PL_STR("AccountId"), r->account_id);
        write_resource(&task, r->zone, r->name, r->tags);
        pl_write_i64(call->out, PL_STR("CaptureTime"), node->capture_time);
        pl_write_string(call->out, PL_STR("Configuration"), node->configuration);
        pl_write_string(call->out, PL_STR("ConfigurationDiff"), node->configuration_diff);
        pl_write_i64(call->out, PL_STR("ResourceCreateTime"), r->create_time);
        pl_write_string(call->out, PL_STR("ResourceStatus"), r->status);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    write_end(&task, task.count ? task.compliance[task.count - 1].capture_time : 0);
    return 0;
}

int config_get_resource_configuration_timeline(api_call *call) {
    return show_configurations(call, true);
}

int config_get_aggregate_resource_configuration_timeline(api_call *call) {
    return show_configurations(call, false);
}

int config_get_resource_configuration_timeline_2019(api_call *call) {
    return show_configurations(call, false);
}

int config_get_resource_compliance_timeline(api_call *call) {
    return show_compliance(call);
}

int config_get_aggregate_resource_compliance_timeline(api_call *call) {
    return show_compliance(call);
}

int config_get_resource_compliance_timeline_2019(api_call *call) {
    return show_compliance(call);
}
