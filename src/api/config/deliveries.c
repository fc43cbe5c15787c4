/*
 * Delivery channels of version 2020-09-07 and 2019-01-08, for accounts and account groups
 * (reference/delivery.md, section 1). The target is asked whether it is there before anything is stored.
 */
#include "api/answer.h"
#include "api/config/shared.h"
#include "api/operations.gen.h"
#include "delivery/delivery.h"

typedef struct channel_task {
    api_call *call;
    config_owner owner;
    pl_str id;
    delivery_channel channel;
    delivery_channel *channels;
    size_t count;
    bool dated;        /* 2019-01-08 */
    bool text_account; /* the one answer that declares the account as a text */
} channel_task;

static delivery *room(const api_call *call) {
    return call->services->delivery;
}

static pl_str aggregator(const channel_task *task) {
    return pl_str_or_empty(task->owner.group.aggregator_id);
}

static int find_channel(channel_task *task, store_session *session, pl_error *error) {
    bool found = false;
    if (delivery_channel_find(session, task->call->arena, task->owner.group.owner_id, aggregator(task),
                              task->id, &task->channel, &found, error) != 0)
        return -1;
    return found ? 0 : pl_fail(error, PL_E_DeliveryChannelNotExists);
}

/* Puts the parameters that were sent over the channel. A new schedule begins now. */
static void read_channel(const api_call *call, delivery_channel *c) {
    const struct {
        const char *name;
        pl_str *text;
    } texts[] = {{"DeliveryChannelName", &c->name},
                 {"Description", &c->description},
                 {"DeliveryChannelTargetArn", &c->target_arn},
                 {"DeliveryChannelAssumeRoleArn", &c->role_arn},
                 {"DeliveryChannelCondition", &c->condition},
                 {"OversizedDataOSSTargetArn", &c->oversized_arn},
                 {"DeliverySnapshotTime", &c->snapshot_time}};
    bool scheduled = c->enabled && (c->snapshots || c->compliance_snapshots);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (api_input(call, texts[i].name))
            *texts[i].text = api_text(call, texts[i].name);
    c->target_arn = pl_str_trim(c->target_arn);
    c->oversized_arn = pl_str_trim(c->oversized_arn);
    c->changes = api_flag(call, "ConfigurationItemChangeNotification", c->changes);
    c->snapshots = api_flag(call, "ConfigurationSnapshot", c->snapshots);
    c->violations = api_flag(call, "NonCompliantNotification", c->violations);
    c->compliance_snapshots = api_flag(call, "CompliantSnapshot", c->compliance_snapshots);
    c->enabled = api_number(call, "Status", c->enabled) != 0;
    if (!scheduled || api_input(call, "DeliverySnapshotTime"))
        c->snapshot_done = 0;
}

static int check(api_call *call, const delivery_channel *channel) {
    if (delivery_channel_check(room(call), channel, call->error) != 0)
        return -1;
    return channel->enabled ? delivery_channel_probe(room(call), channel, call->error) : 0;
}

/* --- Creating and changing ---------------------------------------------------------------------------------
 */

static int put(channel_task *task, store_session *session, delivery_channel *channel, pl_error *error) {
    api_call *call = task->call;
    if (delivery_channel_put(room(call), session, call->arena, channel,
                             call->services->limits->delivery_channels, error) != 0 ||
        engine_channels_changed(call->services->engine, session, channel->account_id, error) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("DeliveryChannelId"), channel->channel_id);
    return 0;
}

static int create_work(store_session *session, void *argument, pl_error *error) {
    channel_task *task = argument;
    delivery_channel made = task->channel;
    return put(task, session, &made, error);
}

static int run_create(channel_task *task) {
    api_call *call = task->call;
    task->channel.account_id = task->owner.group.owner_id;
    task->channel.aggregator_id = aggregator(task);
    task->channel.enabled = true;
    if (!delivery_type_find(api_text(call, "DeliveryChannelType"), &task->channel.type))
        return api_fail_generic(&call->operation->product->invalid, call->error,
                                PL_STR("DeliveryChannelType"));
    read_channel(call, &task->channel);
    return check(call, &task->channel) != 0 ? -1 : api_write(call, create_work, task);
}

static int create(api_call *call) {
    channel_task task = {.call = call};
    return config_owner_of(call, CONFIG_WRITE, &task.owner) != 0 ? -1 : run_create(&task);
}

static int find_work(store_session *session, void *argument, pl_error *error) {
    return find_channel(argument, session, error);
}

static int update_work(store_session *session, void *argument, pl_error *error) {
    channel_task *task = argument;
    if (find_channel(task, session, error) != 0)
        return -1;
    read_channel(task->call, &task->channel);
    return put(task, session, &task->channel, error);
}

/* The type is fixed; the old form sends it nevertheless. */
static int check_type(api_call *call, const delivery_channel *channel) {
    delivery_type type = channel->type;
    pl_str sent = api_text(call, "DeliveryChannelType");
    if (sent.n && (!delivery_type_find(sent, &type) || type != channel->type))
        return pl_failf(call->error, PL_E_InvalidParameter,
                        "The type of a delivery channel cannot be changed: it is %.*s.",
                        PL_FMT(delivery_type_name(channel->type)));
    return 0;
}

static int run_update(channel_task *task) {
    api_call *call = task->call;
    if (config_read(call, find_work, task) != 0 || check_type(call, &task->channel) != 0)
        return -1;
    read_channel(call, &task->channel);
    return check(call, &task->channel) != 0 ? -1 : api_write(call, update_work, task);
}

static int update(api_call *call) {
    channel_task task = {.call = call, .id = pl_str_trim(api_text(call, "DeliveryChannelId"))};
    return config_owner_of(call, CONFIG_WRITE, &task.owner) != 0 ? -1 : run_update(&task);
}

static int delete_work(store_session *session, void *argument, pl_error *error) {
    channel_task *task = argument;
    if (find_channel(task, session, error) != 0 ||
        delivery_channel_delete(session, task->channel.account_id, task->id, error) != 0)
        return -1;
    return engine_channels_changed(task->call->services->engine, session, task->channel.account_id, error);
}

static int delete (api_call *call) {
    channel_task task = {.call = call, .id = pl_str_trim(api_text(call, "DeliveryChannelId"))};
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0 || config_write(call, delete_work, &task) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("DeliveryChannelId"), task.id);
    return 0;
}

/* --- Showing -----------------------------------------------------------------------------------------------
 */

static void write_role(pl_writer *out, api_call *call, const delivery_channel *c) {
    pl_str role = c->role_arn;
    if (role.n == 0)
        role = pl_arena_printf(call->arena, "acs:ram::%.*s:role/aliyunserviceroleforconfig",
                               PL_FMT(c->account_id));
    pl_write_string(out, PL_STR("DeliveryChannelAssumeRoleArn"), role);
}

static void write_channel(const channel_task *task, const delivery_channel *c) {
    pl_writer *out = task->call->out;
    if (task->text_account)
        pl_write_string(out, PL_STR("AccountId"), c->account_id);
    else if (!task->dated)
        config_write_account(out, "AccountId", c->account_id);
    if (c->aggregator_id.n)
        pl_write_string(out, PL_STR("AggregatorId"), c->aggregator_id);
    pl_write_bool(out, PL_STR("ConfigurationItemChangeNotification"), c->changes);
    pl_write_bool(out, PL_STR("ConfigurationSnapshot"), c->snapshots);
    write_role(out, task->call, c);
    pl_write_string(out, PL_STR("DeliveryChannelCondition"), c->condition);
    pl_write_string(out, PL_STR("DeliveryChannelId"), c->channel_id);
    pl_write_string(out, PL_STR("DeliveryChannelName"), c->name);
    pl_write_string(out, PL_STR("DeliveryChannelTargetArn"), c->target_arn);
    pl_write_string(out, PL_STR("DeliveryChannelType"), delivery_type_name(c->type));
    pl_write_string(out, PL_STR("Description"), c->description);
    pl_write_bool(out, PL_STR("NonCompliantNotification"), c->violations);
    pl_write_string(out, PL_STR("OversizedDataOSSTargetArn"), c->oversized_arn);
    pl_write_i64(out, PL_STR("Status"), c->enabled);
    if (task->dated)
        return;
    pl_write_bool(out, PL_STR("CompliantSnapshot"), c->compliance_snapshots);
    pl_write_string(out, PL_STR("DeliverySnapshotTime"), c->snapshot_time);
}

static int get(api_call *call) {
    channel_task task = {.call = call, .id = pl_str_trim(api_text(call, "DeliveryChannelId"))};
    if (config_owner_of(call, CONFIG_READ, &task.owner) != 0 || config_read(call, find_work, &task) != 0)
        return -1;
    task.text_account = task.owner.group.aggregator_id.p != NULL;
    pl_write_object(call->out, PL_STR("DeliveryChannel"));
    write_channel(&task, &task.channel);
    pl_write_object_end(call->out);
    return 0;
}

static int list_work(store_session *session, void *argument, pl_error *error) {
    channel_task *task = argument;
    return delivery_channel_list(session, task->call->arena, task->owner.group.owner_id, aggregator(task),
                                 &task->channels, &task->count, error);
}

/* Ids of which none is there are an error; without ids an empty list is an answer. */
static int list_channels(channel_task *task) {
    api_call *call = task->call;
    engine_list ids;
    size_t written = 0;
    if (config_list(call, "DeliveryChannelIds", &ids) != 0 || config_read(call, list_work, task) != 0)
        return -1;
    pl_write_array(call->out, PL_STR("DeliveryChannels"));
    for (size_t i = 0; i < task->count; i++) {
        bool wanted = ids.count == 0;
        for (size_t k = 0; k < ids.count; k++)
            wanted = wanted || pl_str_eq(ids.items[k], task->channels[i].channel_id);
        if (!wanted)
            continue;
        written++;
        pl_write_object(call->out, PL_STR_NONE);
        write_channel(task, &task->channels[i]);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return ids.count && !written ? api_fail(call->operation, call->error, PL_E_DeliveryChannelNotExists) : 0;
}

static int list(api_call *call) {
    channel_task task = {.call = call};
    return config_owner_of(call, CONFIG_READ, &task.owner) != 0 ? -1 : list_channels(&task);
}

CONFIG_TWINS(config_create_config_delivery_channel, config_create_aggregate_config_delivery_channel, create)
CONFIG_TWINS(config_update_config_delivery_channel, config_update_aggregate_config_delivery_channel, update)
CONFIG_TWINS(config_delete_config_delivery_channel, config_delete_aggregate_config_delivery_channel, delete)
CONFIG_TWINS(config_get_config_delivery_channel, config_get_aggregate_config_delivery_channel, get)
CONFIG_TWINS(config_list_config_delivery_channels, config_list_aggregate_config_delivery_channels, list)

/* --- 2019-01-08 --------------------------------------------------------------------------------------------
 */

int config_describe_delivery_channels_2019(api_call *call) {
    channel_task task = {.call = call, .dated = true};
    return config_owner_of(call, CONFIG_READ, &task.owner) != 0 ? -1 : list_channels(&task);
}

/* The old form has no switches: a channel gets what its type can take. */
int config_put_delivery_channel_2019(api_call *call) {
    channel_task task = {.call = call, .id = pl_str_trim(api_text(call, "DeliveryChannelId")), .dated = true};
    const api_value *name = api_input(call, "DeliveryChannelName");
    if (name && pl_str_trim(name->text).n == 0)
        return api_fail(call->operation, call->error, PL_E_Invalid_DeliveryChannelName_Empty);
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0)
        return -1;
    if (task.id.n)
        return run_update(&task);
    pl_str type = api_text(call, "DeliveryChannelType");
    task.channel.changes = true;
    task.channel.snapshots = pl_str_is(type, "OSS");
    task.channel.violations = !pl_str_is(type, "OSS");
    return run_create(&task);
}

/* --- Integrated services -----------------------------------------------------------------------------------
 */

typedef struct service_task {
    api_call *call;
    delivery_service *services;
    size_t count;
} service_task;

static int services_work(store_session *session, void *argument, pl_error *error) {
    service_task *task = argument;
    return delivery_service_list(session, task->call->arena, api_account(task->call), &task->services,
                                 &task->count, error);
}

static delivery_service *find_service(const service_task *task) {
    pl_str code = pl_str_trim(api_text(task->call, "ServiceCode"));
    for (size_t i = 0; i < task->count; i++)
        if (pl_str_eq(task->services[i].code, code))
            return task->services + i;
    return NULL;
}

/* A service that there is not is not integrated. */
static int show_service(api_call *call, bool with_types) {
    static const delivery_service none = {.types = PL_STR_INIT(""), .aggregator_types = PL_STR_INIT("")};
    service_task task = {.call = call};
    if (config_read(call, services_work, &task) != 0)
        return -1;
    const delivery_service *s = find_service(&task);
    if (!s)
        s = &none;
    pl_write_bool(call->out, PL_STR("Data"), s->enabled);
    pl_write_string(call->out, PL_STR("AggregatorDeliveryDataType"), s->aggregator_types);
    if (with_types)
        pl_write_string(call->out, PL_STR("IntegratedTypes"), s->types);
    return 0;
}

int config_get_integrated_service_status(api_call *call) {
    return show_service(call, true);
}

int config_describe_integrated_service_status(api_call *call) {
    return show_service(call, false);
}

int config_list_integrated_service(api_call *call) {
    service_task task = {.call = call};
    if (config_read(call, services_work, &task) != 0)
        return -1;
    pl_write_array(call->out, PL_STR("Data"));
    for (size_t i = 0; i < task.count; i++) {
        const delivery_service *s = task.services + i;
        pl_write_object(call->out, PL_STR_NONE);
        pl_write_string(call->out, PL_STR("AggregatorDeliveryDataType"), s->aggregator_types);
        pl_write_string(call->out, PL_STR("IntegratedTypes"), s->types);
        pl_write_string(call->out, PL_STR("ServiceCode"), s->code);
        pl_write_string(call->out, PL_STR("ServiceName"), s->name);
        pl_write_bool(call->out, PL_STR("Status"), s->enabled);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}

/* A service that is switched on for the first time without types takes both. */
static int update_service_work(store_session *session, void *argument, pl_error *error) {
    service_task *task = argument;
    api_call *call = task->call;
    engine_list types;
    if (services_work(session, task, error) != 0)
        return -1;
    delivery_service *s = find_service(task);
    if (!s)
        return pl_fail(error, PL_E_InternalError);
    s->enabled = api_flag(call, "Status", false);
    if (s->enabled && s->types.n == 0)
        s->types = PL_STR("ConfigurationItemChangeNotification,NonCompliantNotification");
    if (api_input(call, "IntegratedTypes")) {
        if (config_list(call, "IntegratedTypes", &types) != 0)
            return -1;
        s->types = pl_str_or_empty(types.text);
    }
    if (api_input(call, "AggregatorDeliveryDataType"))
        s->aggregator_types = api_text(call, "AggregatorDeliveryDataType");
    if (delivery_service_put(session, api_account(call), s, error) != 0)
        return -1;
    return engine_channels_changed(call->services->engine, session, api_account(call), error);
}

int config_update_integrated_service_status(api_call *call) {
    service_task task = {.call = call};
    return config_write(call, update_service_work, &task);
}
