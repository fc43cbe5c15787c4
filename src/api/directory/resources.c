/*
 * The recorded resources, seen by resource group: lists, counts, and moving them. The inventory holds them;
 * its type names ("ACS::ECS::Instance") are written here as Service "ecs" and ResourceType "instance".
 */
#include "api/directory/answers.h"
#include "catalogue/catalogue.h"
#include "engine/engine.h"
#include "engine/grouping.h"
#include "inventory/inventory.h"
#include "json/parser.h"

#include <stdlib.h>

/* --- Names of types --------------------------------------------------------------------------------------
 */

/* True for a given service and kind, where empty ones are any; letter case aside. */
static bool is_type(pl_str type, pl_str service, pl_str kind) {
    pl_str own_service, own_kind;
    engine_split_type(type, &own_service, &own_kind);
    return (service.n == 0 || pl_str_eq_fold(own_service, service)) &&
           (kind.n == 0 || pl_str_eq_fold(own_kind, kind) || pl_str_eq_fold(type, kind));
}

/* --- Lists -----------------------------------------------------------------------------------------------
 */

typedef struct resource_filter {
    pl_str group_id, region, service, kind, id;
    const api_value *types; /* list of {Service, ResourceType or ResourceTypeCode} */
    const char *kind_name;
} resource_filter;

static bool is_wanted_type(const resource_filter *filter, pl_str type) {
    bool wanted = !filter->types || filter->types->count == 0;
    for (size_t i = 0; !wanted && i < filter->types->count; i++)
        wanted = is_type(type, api_member_text(&filter->types->items[i], "Service"),
                         api_member_text(&filter->types->items[i], filter->kind_name));
    return wanted && is_type(type, filter->service, filter->kind);
}

static bool matches(const resource_filter *filter, const inventory_resource *resource) {
    return (filter->group_id.n == 0 || pl_str_eq(resource->group_id, filter->group_id)) &&
           (filter->region.n == 0 || pl_str_eq(resource->region_id, filter->region)) &&
           (filter->id.n == 0 || pl_str_eq(resource->resource_id, filter->id)) &&
           is_wanted_type(filter, resource->resource_type);
}

typedef struct listed {
    pl_str type, region_id, resource_id, group_id;
    int64_t created;
} listed;

typedef struct resource_list {
    api_call *call;
    resource_filter filter;
    directory_page page;
    listed *items;
    size_t count, capacity;
} resource_list;

static int collect(void *context, const inventory_resource *resource, pl_error *error) {
    resource_list *l = context;
    pl_arena *arena = l->call->arena;
    if (!matches(&l->filter, resource) || !directory_page_take(&l->page))
        return 0;
    listed *grown = pl_arena_grow(arena, l->items, l->count, &l->capacity, sizeof *grown);
    if (!grown)
        return pl_failf(error, PL_E_ServiceUnavailable, "Out of memory.");
    l->items = grown;
    grown[l->count++] =
        (listed){pl_arena_copy(arena, resource->resource_type), pl_arena_copy(arena, resource->region_id),
                 pl_arena_copy(arena, resource->resource_id), pl_arena_copy(arena, resource->group_id),
                 resource->create_time ? resource->create_time : resource->capture_time};
    return 0;
}

static int collect_run(store_session *session, void *argument, pl_error *error) {
    resource_list *l = argument;
    inventory_filter filter = {.account_id = l->call->caller->account_id};
    l->count = 0;
    l->page.total = 0;
    return inventory_list(session, &filter, 0, collect, l, error) < 0 ? -1 : 0;
}

static void write_listed(api_call *call, const listed *item) {
    pl_writer *out = call->out;
    pl_str service, kind;
    engine_split_type(item->type, &service, &kind);
    pl_write_object(out, PL_STR("Resource"));
    directory_write_time(out, "CreateDate", item->created);
    api_write_text(out, "RegionId", item->region_id);
    api_write_text(out, "ResourceGroupId", item->group_id);
    api_write_text(out, "ResourceId", item->resource_id);
    api_write_text(out, "ResourceType", directory_lower(call, kind));
    api_write_text(out, "Service", directory_lower(call, service));
    pl_write_object_end(out);
}

int directory_list_resources(api_call *call) {
    resource_list l = {.call = call, .page = directory_page_of(call)};
    l.filter = (resource_filter){.group_id = api_text(call, "ResourceGroupId"),
                                 .region = api_text(call, "Region"),
                                 .service = api_text(call, "Service"),
                                 .kind = api_text(call, "ResourceType"),
                                 .id = api_text(call, "ResourceId"),
                                 .types = api_input(call, "ResourceTypes"),
                                 .kind_name = "ResourceType"};
    if (store_read(call->services->store, collect_run, &l, call->error))
        return -1;
    pl_write_object(call->out, PL_STR("Resources"));
    pl_write_array(call->out, PL_STR("Resource"));
    for (size_t i = 0; i < l.count; i++)
        write_listed(call, &l.items[i]);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    directory_write_page(call, &l.page);
    return 0;
}

/* --- Counts ----------------------------------------------------------------------------------------------
 */

typedef struct counted {
    pl_str key;
    int64_t count;
} counted;

typedef struct resource_counts {
    api_call *call;
    resource_filter filter;
    bool by_type;
    counted *items;
    size_t count, capacity;
} resource_counts;

static int tally(void *context, const inventory_resource *resource, pl_error *error) {
    resource_counts *c = context;
    pl_str key = c->by_type ? resource->resource_type : resource->group_id;
    size_t i = 0;
    if (!matches(&c->filter, resource))
        return 0;
    while (i < c->count && !pl_str_eq(c->items[i].key, key))
        i++;
    if (i == c->count) {
        counted *grown = pl_arena_grow(c->call->arena, c->items, c->count, &c->capacity, sizeof *grown);
        if (!grown)
            return pl_failf(error, PL_E_ServiceUnavailable, "Out of memory.");
        c->items = grown;
        grown[c->count++] = (counted){pl_arena_copy(c->call->arena, key), 0};
    }
    c->items[i].count++;
    return 0;
}

static int tally_run(store_session *session, void *argument, pl_error *error) {
    resource_counts *c = argument;
    inventory_filter filter = {.account_id = c->call->caller->account_id};
    c->count = 0;
    return inventory_list(session, &filter, 0, tally, c, error) < 0 ? -1 : 0;
}

/* GroupByKey shows a type as "ecs:instance"; without a grouping resource groups count. */
int directory_get_resource_group_resource_counts(api_call *call) {
    resource_counts c = {.call = call};
    c.by_type = pl_str_is(api_text(call, "GroupByKey"), "ResourceType");
    c.filter = (resource_filter){.group_id = api_text(call, "ResourceGroupId"),
                                 .region = api_text(call, "ResourceRegionId"),
                                 .types = api_input(call, "ResourceTypes"),
                                 .kind_name = "ResourceTypeCode"};
    if (store_read(call->services->store, tally_run, &c, call->error))
        return -1;
    pl_write_array(call->out, PL_STR("ResourceCounts"));
    for (size_t i = 0; i < c.count; i++) {
        pl_str service, kind, key = c.items[i].key;
        engine_split_type(key, &service, &kind);
        if (c.by_type)
            key = pl_arena_printf(call->arena, "%.*s:%.*s", PL_FMT(directory_lower(call, service)),
                                  PL_FMT(directory_lower(call, kind)));
        pl_write_object(call->out, PL_STR("ResourceCount"));
        pl_write_i64(call->out, PL_STR("Count"), c.items[i].count);
        api_write_text(call->out, "GroupByKey", key);
        api_write_text(call->out, "ResourceGroupId",
                       c.by_type ? pl_str_or_empty(c.filter.group_id) : c.items[i].key);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}

/* --- Moving ----------------------------------------------------------------------------------------------
 */

/* The resource that one element of Resources names; `*found` false when nothing of that kind is recorded. */
typedef struct move_read {
    api_call *call;
    const api_value *wanted;
    inventory_resource resource, master;
    bool found, follows; /* recorded; follows a master at the moment */
} move_read;

enum { SAME_ID_MAX = 64 };

static int find_run(store_session *session, void *argument, pl_error *error) {
    move_read *m = argument;
    pl_str account_id = m->call->caller->account_id, region = api_member_text(m->wanted, "RegionId");
    inventory_resource *all = pl_new(m->call->arena, inventory_resource, SAME_ID_MAX);
    size_t count = 0;
    m->found = false;
    if (!all)
        return pl_failf(error, PL_E_ServiceUnavailable, "Out of memory.");
    if (inventory_find_id(session, m->call->arena, account_id, api_member_text(m->wanted, "ResourceId"), all,
                          SAME_ID_MAX, &count, error))
        return -1;
    for (size_t i = 0; i < count && !m->found; i++) {
        if (!is_type(all[i].resource_type, api_member_text(m->wanted, "Service"),
                     api_member_text(m->wanted, "ResourceType")) ||
            (region.n > 0 && !pl_str_eq(region, all[i].region_id)))
            continue;
        if (inventory_find(session, m->call->arena, account_id, all[i].resource_type, all[i].region_id,
                           all[i].resource_id, &m->resource, &m->found, error))
            return -1;
    }
    return 0;
}

/* Why one resource cannot be moved. */
typedef struct move_refusal {
    pl_str code, message;
} move_refusal;

static int master_run(store_session *session, void *argument, pl_error *error) {
    move_read *m = argument;
    return engine_find_master(m->call->services->engine, session, m->call->arena, &m->resource, &m->master,
                              &m->follows, error);
}

/* What follows another resource goes where that one is, and nowhere else. */
static int move_one(api_call *call, move_read *m, pl_str group_id, move_refusal *refusal) {
    *refusal =
        (move_refusal){PL_STR("EntityNotExists.Resource"), PL_STR("The specified resource is not recorded.")};
    if (!m->found)
        return 0;
    if (store_read(call->services->store, master_run, m, call->error))
        return -1;
    *refusal = (move_refusal){PL_STR("NotAllowMove.ExistsAssociatedTransferRule"),
                              PL_STR("Associated resources cannot be transferred while the primary resource "
                                     "is being transferred.")};
    if (m->follows && !pl_str_eq(m->master.group_id, group_id))
        return 0;
    *refusal = (move_refusal){PL_STR(""), PL_STR("")};
    return engine_move_resource(call->services->engine, &m->resource, group_id, call->now, call->error);
}

static void write_moved(api_call *call, const api_value *wanted, const move_refusal *refusal) {
    bool moved = refusal->code.n == 0;
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("Response"));
    if (!moved) {
        api_write_text(out, "ErrorCode", refusal->code);
        api_write_text(out, "ErrorMsg", refusal->message);
    }
    api_write_text(out, "RegionId", api_member_text(wanted, "RegionId"));
    api_write_text(out, "RequestId", call->request_id);
    api_write_text(out, "ResourceId", api_member_text(wanted, "ResourceId"));
    api_write_text(out, "ResourceType", api_member_text(wanted, "ResourceType"));
    api_write_text(out, "Service", api_member_text(wanted, "Service"));
    api_write_text(out, "Status", moved ? PL_STR("SUCCESS") : PL_STR("FAIL"));
    pl_write_object_end(out);
}

static int find_service(api_call *call, pl_str wanted, bool *known) {
    const catalogue *types = call->services->catalogue;
    *known = !types;
    for (size_t i = 0; types && !*known && i < catalogue_type_count(types); i++) {
        const catalogue_type *type = catalogue_type_at(types, i, call->error);
        pl_str service, kind;
        if (!type)
            return -1;
        engine_split_type(type->name, &service, &kind);
        *known = pl_str_eq_fold(service, wanted);
    }
    return 0;
}

/* Nothing is moved when one of the resources is of a service that neither catalogue nor account knows. */
static int check_services(api_call *call, const api_value *list) {
    for (size_t i = 0; list && i < list->count; i++) {
        move_read m = {.call = call, .wanted = &list->items[i]};
        bool known;
        if (find_service(call, api_member_text(m.wanted, "Service"), &known) ||
            (!known && store_read(call->services->store, find_run, &m, call->error)))
            return -1;
        if (!known && !m.found)
            return pl_fail(call->error, PL_E_SERVICE_REGION_NO_ENDPOINT);
    }
    return 0;
}

int directory_move_resources(api_call *call) {
    org_caller caller = directory_caller(call);
    org_resource_group group;
    const api_value *list = api_input(call, "Resources");
    if (org_find_resource_group(call->services->org, &caller, api_text(call, "ResourceGroupId"), &group,
                                call->error) ||
        check_services(call, list))
        return -1;
    pl_write_array(call->out, PL_STR("Responses"));
    for (size_t i = 0; list && i < list->count; i++) {
        move_read m = {.call = call, .wanted = &list->items[i]};
        move_refusal refusal;
        if (store_read(call->services->store, find_run, &m, call->error) ||
            move_one(call, &m, group.id, &refusal))
            return -1;
        write_moved(call, m.wanted, &refusal);
    }
    engine_after_commit(call->services->engine);
    pl_write_array_end(call->out);
    return 0;
}

/* --- What can be grouped ---------------------------------------------------------------------------------
 */

/* Every type of the catalogue; changes of group are recorded as configuration changes of each. */
int directory_list_resource_group_capability(api_call *call) {
    const catalogue *types = call->services->catalogue;
    pl_str service = api_text(call, "Service"), kind = api_text(call, "ResourceType");
    if (!api_flag(call, "SupportResourceGroupEvent", true))
        types = NULL;
    pl_write_array(call->out, PL_STR("Capabilities"));
    for (size_t i = 0; types && i < catalogue_type_count(types); i++) {
        const catalogue_type *type = catalogue_type_at(types, i, call->error);
        pl_str own_service, own_kind;
        if (!type)
            return -1;
        if (!is_type(type->name, service, kind))
            continue;
        engine_split_type(type->name, &own_service, &own_kind);
        pl_write_object(call->out, PL_STR("Capability"));
        api_write_text(call->out, "ResourceCenterResourceType", type->name);
        api_write_text(call->out, "ResourceType", directory_lower(call, own_kind));
        api_write_text(call->out, "Service", directory_lower(call, own_service));
        pl_write_bool(call->out, PL_STR("SupportResourceGroupEvent"), true);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}
