/*
 * What `plumbline bench` measures with: ECS instances of about 1 KB and 20 managed rules on them, made from
 * fixed seeds, so that two machines see the same bytes.
 */
#ifndef CLI_BENCH_WORK_H
#define CLI_BENCH_WORK_H

#include "base/buf.h"

enum { BENCH_RULES = 20 };

/* A managed rule and its parameters, as "key=value" and as JSON; both empty for a rule without. */
typedef struct bench_rule {
    const char *identifier, *pair, *parameters;
} bench_rule;

extern const bench_rule bench_rules[BENCH_RULES];

/* Appends the configuration of instance `number`. */
void bench_write_configuration(pl_buf *out, uint64_t number);

/* Appends a JSON array of `count` configuration items from instance `from` on. */
void bench_write_items(pl_buf *out, uint64_t from, size_t count);

#endif
