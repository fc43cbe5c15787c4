/* The measures of /metrics: counters of the rooms, and what waits in the store; -1 while it cannot be read.
 */
#include "cli/measures.h"

#include "engine/function.h"

static store_counters counters_of(void *context) {
    store_counters counters;
    store_count(((program *)context)->store, &counters);
    return counters;
}

static int64_t store_reads(void *context) {
    return (int64_t)counters_of(context).reads;
}

static int64_t store_writes(void *context) {
    return (int64_t)counters_of(context).writes;
}

static int64_t store_commits(void *context) {
    return (int64_t)counters_of(context).commits;
}

static int64_t store_waiting(void *context) {
    return (int64_t)counters_of(context).waiting;
}

static functions_counts function_counts_of(void *context) {
    functions_counts counts;
    functions_count_all(((program *)context)->functions, &counts);
    return counts;
}

static int64_t function_invocations(void *context) {
    return function_counts_of(context).invocations;
}

static int64_t function_failures(void *context) {
    return function_counts_of(context).failures;
}

static int64_t function_cold_starts(void *context) {
    return function_counts_of(context).cold_starts;
}

static int64_t function_instances(void *context) {
    return function_counts_of(context).instances;
}

static int64_t function_running(void *context) {
    return function_counts_of(context).running;
}

static int count_events(store_session *session, void *argument, pl_error *error) {
    return engine_function_count(session, argument, error);
}

static int64_t function_events(void *context) {
    pl_error ignored;
    int64_t events = -1;
    return store_read(((program *)context)->store, count_events, &events, &ignored) == 0 ? events : -1;
}

static int read_runs(store_session *session, void *argument, pl_error *error) {
    int64_t events;
    return engine_count_queues(session, argument, &events, error);
}

static int64_t waiting_runs(void *context) {
    int64_t runs = -1;
    pl_error ignored;
    return store_read(((program *)context)->store, read_runs, &runs, &ignored) == 0 ? runs : -1;
}

typedef struct run_sums {
    int64_t runs, evaluated;
} run_sums;

static int sum_runs(store_session *session, void *argument, pl_error *error) {
    run_sums *sums = argument;
    return engine_sum_progress(session, &sums->runs, &sums->evaluated, error);
}

static int64_t running_runs(void *context) {
    run_sums sums = {-1, -1};
    pl_error ignored;
    return store_read(((program *)context)->store, sum_runs, &sums, &ignored) == 0 ? sums.runs : -1;
}

static int64_t evaluated_in_runs(void *context) {
    run_sums sums = {-1, -1};
    pl_error ignored;
    return store_read(((program *)context)->store, sum_runs, &sums, &ignored) == 0 ? sums.evaluated : -1;
}

static delivery_counts delivery_counts_of(void *context) {
    delivery_counts counts;
    delivery_count_all(((program *)context)->delivery, &counts);
    return counts;
}

static int64_t delivered(void *context) {
    return delivery_counts_of(context).delivered;
}

static int64_t delivery_failures(void *context) {
    return delivery_counts_of(context).failures;
}

static int64_t deliveries_dropped(void *context) {
    return delivery_counts_of(context).dropped;
}

static int read_deliveries(store_session *session, void *argument, pl_error *error) {
    return delivery_count(session, argument, error);
}

static int64_t deliveries_waiting(void *context) {
    int64_t waiting = -1;
    pl_error ignored;
    return store_read(((program *)context)->store, read_deliveries, &waiting, &ignored) == 0 ? waiting : -1;
}

static int read_remediations(store_session *session, void *argument, pl_error *error) {
    return engine_remedy_count(session, argument, error);
}

static int64_t remediations_waiting(void *context) {
    int64_t waiting = -1;
    pl_error ignored;
    return store_read(((program *)context)->store, read_remediations, &waiting, &ignored) == 0 ? waiting : -1;
}

size_t cli_measures(program *p, gateway_gauge gauges[static CLI_MEASURES_MAX]) {
    const gateway_gauge all[] = {
        {"plumbline_store_reads_total", "Read transactions.", true, store_reads, p},
        {"plumbline_store_writes_total", "Write transactions.", true, store_writes, p},
        {"plumbline_store_commits_total", "Durable commits that carried the writes.", true, store_commits, p},
        {"plumbline_store_writes_waiting", "Write transactions queued or running.", false, store_waiting, p},
        {"plumbline_evaluation_runs_waiting", "Evaluation runs queued or running.", false, waiting_runs, p},
        {"plumbline_evaluation_runs_running", "Evaluation runs under way.", false, running_runs, p},
        {"plumbline_evaluation_run_resources", "Resources done by the runs under way.", false,
         evaluated_in_runs, p},
        {"plumbline_function_events", "Events queued for functions.", false, function_events, p},
        {"plumbline_function_invocations_total", "Invocations of functions.", true, function_invocations, p},
        {"plumbline_function_failures_total", "Invocations that failed.", true, function_failures, p},
        {"plumbline_function_cold_starts_total", "Sandboxes started.", true, function_cold_starts, p},
        {"plumbline_function_instances", "Sandboxes now.", false, function_instances, p},
        {"plumbline_function_running", "Invocations now.", false, function_running, p},
        {"plumbline_remediations_waiting", "Resources that a remediation is still to be run for.", false,
         remediations_waiting, p},
        {"plumbline_deliveries_waiting", "Documents that delivery channels have still to take.", false,
         deliveries_waiting, p},
        {"plumbline_deliveries_total", "Documents delivered.", true, delivered, p},
        {"plumbline_delivery_failures_total", "Deliveries that failed and are tried again.", true,
         delivery_failures, p},
        {"plumbline_deliveries_dropped_total", "Deliveries given up.", true, deliveries_dropped, p},
    };
    _Static_assert(sizeof all / sizeof *all <= CLI_MEASURES_MAX, "there is room for every measure");
    memcpy(gauges, all, sizeof all);
    return sizeof all / sizeof *all;
}
