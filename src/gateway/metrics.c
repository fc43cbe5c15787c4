/* Counting requests and writing the counters. No state of its own. */
#include "gateway/metrics.h"

#include <inttypes.h>

static const int statuses[METRICS_STATUSES] = {200, 400, 401, 403, 404, 409, 413, 429, 500, 501, 503, 0};
static const char *const accesses[METRICS_ACCESSES] = {"none", "create", "list", "get", "update", "delete"};
/* Upper bounds of the buckets in microseconds. */
static const int64_t bounds[METRICS_BUCKETS] = {100,   250,   500,    1000,   2500,   5000,    10000,
                                                25000, 50000, 100000, 250000, 500000, 1000000, 5000000};

static size_t status_index(int status) {
    size_t i = 0;
    while (statuses[i] != status && statuses[i] != 0)
        i++;
    return i;
}

void metrics_count(metrics *m, size_t product, const struct api_operation *operation, int status,
                   int64_t nanoseconds) {
    size_t row = operation && product < METRICS_PRODUCTS ? product : METRICS_PRODUCTS;
    size_t access = operation ? (size_t)operation->access : 0;
    atomic_fetch_add_explicit(&m->requests[row][access][status_index(status)], 1, memory_order_relaxed);
    size_t bucket = 0;
    while (bucket < METRICS_BUCKETS && nanoseconds > bounds[bucket] * 1000)
        bucket++;
    atomic_fetch_add_explicit(&m->durations[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->duration_ns, (uint64_t)nanoseconds, memory_order_relaxed);
}

static void describe(pl_buf *out, const char *name, const char *help, const char *type) {
    pl_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_product(pl_buf *out, metrics *m, const gateway_options *options, size_t row) {
    bool known = row < options->product_count && row < METRICS_PRODUCTS;
    pl_str name = known ? options->products[row]->name : PL_STR("unknown");
    pl_str version = known ? options->products[row]->version : PL_STR("");
    for (size_t access = 0; access < METRICS_ACCESSES; access++) {
        for (size_t i = 0; i < METRICS_STATUSES; i++) {
            uint64_t count = atomic_load_explicit(&m->requests[row][access][i], memory_order_relaxed);
            if (count == 0)
                continue;
            pl_buf_printf(
                out, "plumbline_requests_total{product=\"%.*s\",version=\"%.*s\",access=\"%s\",status=\"",
                PL_FMT(name), PL_FMT(version), accesses[access]);
            statuses[i] ? pl_buf_add_i64(out, statuses[i]) : pl_buf_add(out, PL_STR("other"));
            pl_buf_printf(out, "\"} %" PRIu64 "\n", count);
        }
    }
}

static void write_durations(pl_buf *out, metrics *m) {
    describe(out, "plumbline_request_duration_seconds", "Time from the whole request to the whole answer.",
             "histogram");
    uint64_t total = 0;
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        total += atomic_load_explicit(&m->durations[i], memory_order_relaxed);
        pl_buf_printf(out, "plumbline_request_duration_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                      (double)bounds[i] / 1e6, total);
    }
    total += atomic_load_explicit(&m->durations[METRICS_BUCKETS], memory_order_relaxed);
    pl_buf_printf(out, "plumbline_request_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", total);
    pl_buf_printf(out, "plumbline_request_duration_seconds_sum %.9f\n",
                  (double)atomic_load_explicit(&m->duration_ns, memory_order_relaxed) / 1e9);
    pl_buf_printf(out, "plumbline_request_duration_seconds_count %" PRIu64 "\n", total);
}

static void write_one(pl_buf *out, const char *name, const char *help, bool counter, int64_t value) {
    describe(out, name, help, counter ? "counter" : "gauge");
    pl_buf_printf(out, "%s %" PRId64 "\n", name, value);
}

void metrics_write(metrics *m, const gateway_options *options, pl_buf *out) {
    describe(out, "plumbline_requests_total", "Requests answered.", "counter");
    for (size_t row = 0; row <= METRICS_PRODUCTS; row++)
        write_product(out, m, options, row);
    write_durations(out, m);
    write_one(out, "plumbline_connections", "Connections that are open.", false,
              atomic_load(&m->connections));
    write_one(out, "plumbline_connections_total", "Connections accepted.", true,
              (int64_t)atomic_load(&m->connections_total));
    write_one(out, "plumbline_connections_closed_slow_total",
              "Connections closed because a request came too slowly.", true,
              (int64_t)atomic_load(&m->closed_slow));
    for (size_t i = 0; i < options->gauge_count; i++) {
        const gateway_gauge *gauge = &options->gauges[i];
        write_one(out, gauge->name, gauge->help, gauge->counter, gauge->read(gauge->context));
    }
}
