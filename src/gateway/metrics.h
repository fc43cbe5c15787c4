/*
 * What /metrics tells, in the text format of Prometheus: requests by product, kind of access and status,
 * durations, connections, and the gauges of other rooms. Nothing of it tells about a tenant.
 */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "gateway/gateway.h"

#include <stdatomic.h>

enum { METRICS_PRODUCTS = 16, METRICS_ACCESSES = 6, METRICS_STATUSES = 12, METRICS_BUCKETS = 14 };

/* All counters start at zero; they may be changed by any thread. */
typedef struct metrics {
    /* The last product stands for requests whose product was not found. */
    atomic_uint_fast64_t requests[METRICS_PRODUCTS + 1][METRICS_ACCESSES][METRICS_STATUSES];
    atomic_uint_fast64_t durations[METRICS_BUCKETS + 1];
    atomic_uint_fast64_t duration_ns;
    atomic_int_fast64_t connections;
    atomic_uint_fast64_t connections_total;
    atomic_uint_fast64_t closed_slow; /* connections closed because their request took too long to come */
} metrics;

/* Counts one answered request; `operation` may be NULL, `product` is its index in the options' table. */
void metrics_count(metrics *m, size_t product, const struct api_operation *operation, int status,
                   int64_t nanoseconds);

/* Appends everything. */
void metrics_write(metrics *m, const gateway_options *options, pl_buf *out);

#endif
