/* GetServerStatus: version, store, counts, queue depths and deliveries, as far as the caller's account goes.
 */
#include "api/call.h"
#include "api/operations.gen.h"
#include "delivery/delivery.h"
#include "engine/rules.h"

enum { MOST_RUNS = 100, MOST_CHANNELS = 100 };

typedef struct status_task {
    api_call *call;
    int64_t resources, rules, runs, functions;
    engine_progress *progress;
    size_t progress_count;
    delivery_status *channels;
    size_t channel_count;
} status_task;

static int status_work(store_session *session, void *argument, pl_error *error) {
    status_task *task = argument;
    pl_str account = api_account(task->call);
    engine_group own = {account, PL_STR_NONE};
    engine_rule *rules;
    size_t count;
    if (inventory_count_type(session, account, PL_STR_NONE, &task->resources, error) != 0 ||
        engine_rule_list(session, task->call->arena, &own, NULL, &rules, &count, error) != 0 ||
        engine_count_queues(session, &task->runs, &task->functions, error) != 0 ||
        engine_list_progress(task->call->services->engine, session, task->call->arena, account, MOST_RUNS,
                             &task->progress, &task->progress_count, error) != 0 ||
        delivery_list_status(session, task->call->arena, account, MOST_CHANNELS, &task->channels,
                             &task->channel_count, error) != 0)
        return -1;
    task->rules = (int64_t)count;
    return 0;
}

static void write_progress(pl_writer *out, const status_task *task) {
    char text[PL_TIME_TEXT];
    pl_write_array(out, PL_STR("EvaluationRuns"));
    for (size_t i = 0; i < task->progress_count; i++) {
        const engine_progress *run = &task->progress[i];
        pl_write_object(out, PL_STR_NONE);
        pl_write_string(out, PL_STR("AccountId"), run->account_id);
        pl_write_string(out, PL_STR("ConfigRuleId"), pl_str_or_empty(run->rule_id));
        pl_write_i64(out, PL_STR("Evaluated"), run->evaluated);
        pl_write_string(out, PL_STR("Position"), run->resource_type);
        pl_write_i64(out, PL_STR("Resources"), run->resources);
        pl_write_string(out, PL_STR("StartTime"), pl_time_iso(run->started, text));
        pl_write_string(out, PL_STR("State"), run->begun ? PL_STR("RUNNING") : PL_STR("WAITING"));
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
}

static void write_time(pl_writer *out, pl_str name, int64_t time) {
    char text[PL_TIME_TEXT];
    pl_write_string(out, name, time ? pl_time_iso(time, text) : PL_STR(""));
}

static void write_channels(pl_writer *out, const status_task *task) {
    pl_write_array(out, PL_STR("DeliveryChannels"));
    for (size_t i = 0; i < task->channel_count; i++) {
        const delivery_status *channel = &task->channels[i];
        pl_write_object(out, PL_STR_NONE);
        pl_write_string(out, PL_STR("AggregatorId"), channel->aggregator_id);
        pl_write_i64(out, PL_STR("Delivered"), channel->delivered);
        pl_write_string(out, PL_STR("DeliveryChannelId"), channel->channel_id);
        pl_write_i64(out, PL_STR("Dropped"), channel->dropped);
        pl_write_i64(out, PL_STR("FailuresInARow"), channel->failures);
        write_time(out, PL_STR("LastDelivered"), channel->last_delivered);
        pl_write_string(out, PL_STR("LastError"), channel->last_error);
        write_time(out, PL_STR("LastFailed"), channel->last_failed);
        pl_write_i64(out, PL_STR("Status"), channel->enabled);
        pl_write_i64(out, PL_STR("Waiting"), channel->waiting);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
}

int plumbline_get_server_status(api_call *call) {
    status_task task = {.call = call};
    char text[PL_TIME_TEXT];
    store_counters counters;
    if (store_read(call->services->store, status_work, &task, call->error) != 0)
        return -1;
    store_count(call->services->store, &counters);
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("Counts"));
    pl_write_i64(out, PL_STR("Resources"), task.resources);
    pl_write_i64(out, PL_STR("Rules"), task.rules);
    pl_write_i64(out, PL_STR("Reads"), (int64_t)counters.reads);
    pl_write_i64(out, PL_STR("Writes"), (int64_t)counters.writes);
    pl_write_i64(out, PL_STR("Commits"), (int64_t)counters.commits);
    pl_write_object_end(out);
    write_channels(out, &task);
    write_progress(out, &task);
    pl_write_object(out, PL_STR("Queues"));
    pl_write_i64(out, PL_STR("EvaluationRuns"), task.runs);
    pl_write_i64(out, PL_STR("FunctionEvents"), task.functions);
    pl_write_i64(out, PL_STR("StoreWrites"), (int64_t)counters.waiting);
    pl_write_object_end(out);
    pl_write_string(out, PL_STR("StartTime"), pl_time_iso(call->services->started, text));
    pl_write_object(out, PL_STR("Store"));
    pl_write_string(out, PL_STR("Driver"), pl_str_from(counters.driver));
    pl_write_i64(out, PL_STR("SchemaVersion"), counters.schema_version);
    pl_write_object_end(out);
    pl_write_i64(out, PL_STR("UptimeSeconds"), (call->now - call->services->started) / 1000);
    pl_write_string(out, PL_STR("Version"), PL_STR(PL_VERSION));
    return 0;
}
