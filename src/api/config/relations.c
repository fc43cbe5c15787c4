/*
 * ListResourceRelations and its aggregate twin. Which resources are related is data of the catalogue: a
 * relation names the property that carries the other one's id, on the source's or on the target's side.
 */
#include "api/config/results.h"
#include "api/operations.gen.h"

#include "inventory/relation.h"
#include "json/parser.h"

enum { MOST_RELATIONS = 100000 };

typedef struct relation_line {
    pl_str relation, type, id;
} relation_line;

typedef struct relation_task {
    api_call *call;
    pl_str account_id;
    pl_str wanted_type, wanted_id, wanted_relation; /* empty: any */
    inventory_resource source;
    pl_json configuration;
    relation_line *lines;
    size_t count, capacity;
    const catalogue_relation *relation; /* whose lines are added */
} relation_task;

static int add_line(relation_task *task, pl_str id, pl_error *error) {
    pl_arena *arena = task->call->arena;
    if (id.n == 0 || (task->wanted_id.n && !pl_str_eq(task->wanted_id, id)))
        return 0;
    for (size_t i = 0; i < task->count; i++)
        if (pl_str_eq(task->lines[i].id, id) && pl_str_eq(task->lines[i].type, task->relation->target_type) &&
            pl_str_eq(task->lines[i].relation, task->relation->relation))
            return 0;
    relation_line *grown = task->count < MOST_RELATIONS ? pl_arena_grow(arena, task->lines, task->count,
                                                                        &task->capacity, sizeof *grown)
                                                        : NULL;
    if (!grown)
        return pl_fail(error, PL_E_ServiceUnavailable);
    task->lines = grown;
    grown[task->count] =
        (relation_line){task->relation->relation, task->relation->target_type, pl_arena_copy(arena, id)};
    return grown[task->count++].id.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* The source's own configuration names the targets. */
static int add_named(relation_task *task, pl_error *error) {
    pl_path_nodes nodes;
    if (inventory_related_ids(task->call->arena, task->relation->path, task->configuration, &nodes, error) !=
        0)
        return -1;
    for (size_t i = 0; i < nodes.count; i++)
        if (add_line(task, pl_json_str(nodes.items[i]), error) != 0)
            return -1;
    return 0;
}

static int visit_target(void *context, const inventory_resource *target, pl_error *error) {
    return add_line(context, target->resource_id, error);
}

/* The targets' configurations name the source. */
static int add_naming(relation_task *task, store_session *session, pl_error *error) {
    const catalogue_relation *relation = task->relation;
    engine_relating of = {.e = task->call->services->engine,
                          .session = session,
                          .arena = task->call->arena,
                          .resource = &task->source};
    return engine_visit_naming(&of, relation->target_type, relation->path, visit_target, task, error);
}

static bool is_wanted(const relation_task *task, const catalogue_relation *relation) {
    return (task->wanted_type.n == 0 || pl_str_eq_fold(task->wanted_type, relation->target_type)) &&
           (task->wanted_relation.n == 0 || pl_str_eq(task->wanted_relation, relation->relation));
}

static int add_relation(relation_task *task, store_session *session, const catalogue_relation *relation,
                        pl_error *error) {
    task->relation = relation;
    if (relation->path.n == 0 || !is_wanted(task, relation))
        return 0;
    bool own = relation->path_on.n == 0 || pl_str_eq_fold(relation->path_on, task->source.resource_type);
    return own ? add_named(task, error) : add_naming(task, session, error);
}

static int relations_work(store_session *session, void *argument, pl_error *error) {
    relation_task *task = argument;
    api_call *call = task->call;
    bool found = false;
    pl_str type_name =
        catalogue_type_name(call->services->catalogue, pl_str_trim(api_text(call, "ResourceType")));
    task->lines = NULL;
    task->count = task->capacity = 0;
    if (inventory_find(session, call->arena, task->account_id, type_name,
                       pl_str_trim(api_text(call, "Region")), pl_str_trim(api_text(call, "ResourceId")),
                       &task->source, &found, error) != 0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_Invalid_ResourceId_Value);
    task->configuration = PL_JSON_NONE;
    if (task->source.configuration.n &&
        pl_json_parse_in(call->arena, task->source.configuration, &task->configuration, error) != 0)
        return -1;
    const catalogue_type *type =
        catalogue_find_type(call->services->catalogue, task->source.resource_type, error);
    for (size_t i = 0; type && i < type->relation_count; i++)
        if (add_relation(task, session, &type->relations[i], error) != 0)
            return -1;
    return 0;
}

static void write_lines(const relation_task *task, int64_t from, int64_t end) {
    pl_writer *out = task->call->out;
    pl_write_array(out, PL_STR("ResourceRelationList"));
    for (int64_t i = from; i < end; i++) {
        pl_write_object(out, PL_STR_NONE);
        config_write_account(out, "AccountId", task->account_id);
        pl_write_string(out, PL_STR("RelationType"), task->lines[i].relation);
        pl_write_string(out, PL_STR("SourceResourceId"), task->source.resource_id);
        pl_write_string(out, PL_STR("SourceResourceRegionId"), task->source.region_id);
        pl_write_string(out, PL_STR("SourceResourceType"), task->source.resource_type);
        pl_write_string(out, PL_STR("TargetResourceId"), task->lines[i].id);
        pl_write_string(out, PL_STR("TargetResourceType"), task->lines[i].type);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
}

static int list(api_call *call) {
    relation_task task = {.call = call,
                          .wanted_type = pl_str_trim(api_text(call, "TargetResourceType")),
                          .wanted_id = pl_str_trim(api_text(call, "TargetResourceId")),
                          .wanted_relation = api_text(call, "RelationType")};
    config_owner owner;
    config_accounts accounts;
    pl_str key;
    int64_t from = 0, take = api_number(call, "MaxResults", 100);
    if (config_owner_of(call, CONFIG_READ, &owner) != 0 || config_accounts_of(call, &owner, &accounts) != 0 ||
        api_token_open(call, &key) != 0)
        return -1;
    if (accounts.count != 1)
        return api_fail(call->operation, call->error, PL_E_MemberNotBelongToMaster);
    if (key.n && !pl_str_to_i64(key, &from))
        return pl_fail(call->error, PL_E_InvalidNextToken);
    task.account_id = accounts.items[0];
    if (config_read(call, relations_work, &task) != 0)
        return -1;
    take = take < 1 ? 100 : take;
    int64_t count = (int64_t)task.count, end = from + take < count ? from + take : count;
    pl_write_object(call->out, PL_STR("ResourceRelations"));
    pl_write_i64(call->out, PL_STR("MaxResults"), take);
    pl_write_string(call->out, PL_STR("NextToken"),
                    end < count ? api_token_make(call, pl_arena_printf(call->arena, "%lld", (long long)end))
                                : PL_STR(""));
    write_lines(&task, from, end);
    pl_write_object_end(call->out);
    return 0;
}

int config_list_resource_relations(api_call *call) {
    return list(call);
}

int config_list_aggregate_resource_relations(api_call *call) {
    return list(call);
}
