/*
 * ListSupportedProducts, GetSupportedResourceTypes of 2019, GetResourceTypeProperties,
 * GetResourceConfigurationSample and GetSupportedResourceRelationConfig: resource types as the catalogue
 * knows them.
 */
#include "api/config/shared.h"
#include "api/operations.gen.h"

#include <stdlib.h>

static const catalogue_type *type_of(api_call *call) {
    const catalogue_type *type = catalogue_find_type(
        call->services->catalogue, pl_str_trim(api_text(call, "ResourceType")), call->error);
    if (!type && call->error->code[0] == '\0')
        api_fail(call->operation, call->error, PL_E_Invalid_ResourceType_Value);
    return type;
}

static int by_product(const void *a, const void *b) {
    const catalogue_type *x = *(const catalogue_type *const *)a, *y = *(const catalogue_type *const *)b;
    int order = pl_str_cmp(x->product, y->product);
    return order ? order : pl_str_cmp(x->name, y->name);
}

static const catalogue_type **sorted_types(api_call *call, size_t *count) {
    const catalogue *all = call->services->catalogue;
    *count = catalogue_type_count(all);
    const catalogue_type **types = pl_new(call->arena, const catalogue_type *, *count + 1);
    for (size_t i = 0; types && i < *count; i++) {
        types[i] = catalogue_type_at(all, i, call->error);
        if (!types[i])
            return NULL;
    }
    if (!types)
        pl_fail(call->error, PL_E_ServiceUnavailable);
    else
        qsort(types, *count, sizeof *types, by_product);
    return types;
}

static void write_type(pl_writer *out, const catalogue_type *type) {
    pl_write_object(out, PL_STR_NONE);
    pl_write_string(out, PL_STR("ResourceType"), type->name);
    pl_write_string(out, PL_STR("TypeNameEn"), type->title);
    pl_write_string(out, PL_STR("TypeNameZh"), type->title);
    pl_write_string(out, PL_STR("TypePageLink"), PL_STR(""));
    pl_write_object_end(out);
}

/* Writes the product that starts at `from`; returns where the next one starts. */
static size_t write_product(pl_writer *out, const catalogue_type **types, size_t from, size_t count,
                            bool write) {
    size_t end = from;
    while (end < count && pl_str_eq(types[end]->product, types[from]->product))
        end++;
    if (!write)
        return end;
    pl_write_object(out, PL_STR_NONE);
    pl_write_string(out, PL_STR("ProductNameEn"), types[from]->product_name);
    pl_write_string(out, PL_STR("ProductNameZh"), types[from]->product_name);
    pl_write_array(out, PL_STR("ResourceTypeList"));
    for (size_t i = from; i < end; i++)
        write_type(out, types[i]);
    pl_write_array_end(out);
    pl_write_object_end(out);
    return end;
}

int config_list_supported_products(api_call *call) {
    size_t count, at = 0;
    int64_t take = api_number(call, "MaxResults", 200), skip = 0, number = 0;
    pl_str key, next = PL_STR("");
    const catalogue_type **types = sorted_types(call, &count);
    if (!types || api_token_open(call, &key) != 0)
        return -1;
    if (key.n && !pl_str_to_i64(key, &skip))
        return pl_fail(call->error, PL_E_InvalidNextToken);
    pl_write_array(call->out, PL_STR("Products"));
    for (; at < count && number < skip + take; number++)
        at = write_product(call->out, types, at, count, number >= skip);
    pl_write_array_end(call->out);
    if (at < count)
        next = api_token_make(call, pl_arena_printf(call->arena, "%lld", (long long)number));
    pl_write_string(call->out, PL_STR("MaxResults"), pl_arena_printf(call->arena, "%lld", (long long)take));
    pl_write_string(call->out, PL_STR("NextToken"), next);
    return 0;
}

/* The sample's value behind a property key such as "CpuOptions.CoreCount"; missing below arrays. */
static pl_json sample_value(pl_json sample, pl_str key) {
    pl_str part;
    while (pl_str_split(&key, '.', &part))
        sample = pl_json_get(sample, part);
    return sample;
}

static void write_property(pl_buf *out, pl_json property, pl_json sample) {
    pl_str key = pl_json_str(pl_json_get(property, PL_STR("key")));
    pl_buf example;
    pl_buf_init(&example, 1 << 16);
    pl_json_write_text(&example, sample_value(sample, key));
    out->failed |= example.failed;
    const struct {
        const char *name;
        pl_str value;
    } members[] = {{"{\"key\":", key},
                   {",\"title\":", key},
                   {",\"type\":", pl_json_str(pl_json_get(property, PL_STR("type")))},
                   {",\"description\":", PL_STR("")},
                   {",\"example\":", pl_buf_str(&example)}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        pl_buf_add(out, pl_str_from(members[i].name));
        pl_json_write_string(out, members[i].value);
    }
    pl_buf_add_char(out, '}');
    pl_buf_free(&example);
}

int config_get_resource_type_properties(api_call *call) {
    const catalogue_type *type = type_of(call);
    if (!type)
        return -1;
    pl_json property, list, sample;
    pl_str unused;
    list = catalogue_type_properties(call->services->catalogue, call->arena, type, call->error);
    if (call->error->code[0])
        return -1;
    sample = catalogue_type_sample(call->services->catalogue, call->arena, type, call->error);
    if (call->error->code[0])
        return -1;
    pl_buf text;
    pl_buf_init(&text, 4 << 20);
    pl_buf_add_char(&text, '[');
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &unused, &property);) {
        if (text.n > 1)
            pl_buf_add_char(&text, ',');
        write_property(&text, property, sample);
    }
    pl_buf_add_char(&text, ']');
    int result = text.failed ? pl_fail(call->error, PL_E_ServiceUnavailable) : 0;
    if (result == 0)
        pl_write_string(call->out, PL_STR("Configuration"), pl_buf_str(&text));
    pl_buf_free(&text);
    return result;
}

typedef struct sample_task {
    api_call *call;
    const catalogue_type *type;
    inventory_resource resource;
    bool found;
} sample_task;

static int first_resource(void *context, const inventory_resource *resource, pl_error *error) {
    sample_task *task = context;
    (void)error;
    task->resource.resource_key = resource->resource_key;
    task->found = true;
    return 1;
}

static int sample_work(store_session *session, void *argument, pl_error *error) {
    sample_task *task = argument;
    inventory_filter filter = {
        .account_id = api_account(task->call), .types = &task->type->name, .type_count = 1};
    task->found = false;
    if (inventory_list(session, &filter, 0, first_resource, task, error) < 0)
        return -1;
    if (!task->found)
        return 0;
    return inventory_find_key(session, task->call->arena, filter.account_id, task->resource.resource_key,
                              &task->resource, &task->found, error);
}

static int fill_mock(sample_task *task) {
    api_call *call = task->call;
    pl_json sample = catalogue_type_sample(call->services->catalogue, call->arena, task->type, call->error);
    pl_buf text;
    if (call->error->code[0])
        return -1;
    pl_buf_init(&text, 4 << 20);
    pl_json_write(&text, sample);
    task->resource =
        (inventory_resource){.account_id = api_account(call),
                             .resource_type = task->type->name,
                             .region_id = task->type->global ? PL_STR("global") : PL_STR("cn-hangzhou"),
                             .resource_id = PL_STR("sample"),
                             .name = PL_STR("sample"),
                             .tags = PL_STR("{}"),
                             .create_time = call->now,
                             .configuration = pl_arena_copy(call->arena, pl_buf_str(&text))};
    bool whole = !text.failed && task->resource.configuration.p;
    pl_buf_free(&text);
    return whole ? 0 : pl_fail(call->error, PL_E_ServiceUnavailable);
}

static void write_sample(api_call *call, const inventory_resource *resource) {
    const struct {
        const char *name;
        pl_str value;
    } members[] = {
        {"AccountId", resource->account_id},
        {"AvailabilityZone", resource->zone},
        {"Configuration", resource->configuration},
        {"Region", resource->region_id},
        {"ResourceCreationTime", pl_arena_printf(call->arena, "%lld", (long long)resource->create_time)},
        {"ResourceDeleted", PL_STR("1")},
        {"ResourceId", resource->resource_id},
        {"ResourceName", resource->name},
        {"ResourceStatus", resource->status},
        {"ResourceType", resource->resource_type},
        {"Tags", resource->tags},
        {"Version", PL_STR("1")}};
    pl_write_object(call->out, PL_STR("Sample"));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        pl_write_string(call->out, pl_str_from(members[i].name), members[i].value);
    pl_write_object_end(call->out);
}

int config_get_resource_configuration_sample(api_call *call) {
    sample_task task = {.call = call, .type = type_of(call)};
    if (!task.type)
        return -1;
    bool mock = false;
    (void)pl_str_to_bool(pl_str_trim(api_text(call, "MockOnly")), &mock);
    if (!mock && config_read(call, sample_work, &task) != 0)
        return -1;
    if (!task.found && fill_mock(&task) != 0)
        return -1;
    write_sample(call, &task.resource);
    return 0;
}

int config_get_supported_resource_relation_config(api_call *call) {
    const catalogue_type *type = type_of(call);
    if (!type)
        return -1;
    pl_write_array(call->out, PL_STR("ResourceRelationConfigList"));
    for (size_t i = 0; i < type->relation_count; i++) {
        pl_write_object(call->out, PL_STR_NONE);
        pl_write_string(call->out, PL_STR("RelationType"), type->relations[i].relation);
        pl_write_string(call->out, PL_STR("TargetResourceType"), type->relations[i].target_type);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}

int config_get_supported_resource_types_2019(api_call *call) {
    const catalogue *all = call->services->catalogue;
    pl_write_array(call->out, PL_STR("ResourceTypes"));
    for (size_t i = 0; i < catalogue_type_count(all); i++) {
        const catalogue_type *type = catalogue_type_at(all, i, call->error);
        if (!type)
            return -1;
        pl_write_string(call->out, PL_STR("ResourceType"), type->name);
    }
    pl_write_array_end(call->out);
    return 0;
}
