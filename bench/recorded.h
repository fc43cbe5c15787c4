/*
 * An account with recorded ECS instances and rules over them, in a store of its own: what the benches of full
 * runs work on.
 */
#ifndef BENCH_RECORDED_H
#define BENCH_RECORDED_H

#include "bare.h"
#include "evaluate_work.h"

#include "engine/rules.h"

#include <sys/stat.h>
#include <time.h>

enum { RECORDED_ITEMS = 1000 };

static const pl_str recorded_account = PL_STR_INIT("100000000000001");

typedef struct recorded {
    char path[512];
    pl_arena arena;
    work_documents documents;
    work_rule rules[WORK_RULES];
    size_t rule_count;
    catalogue *known;
    store *db;
    engine *e;
    unsigned workers; /* of the engine */
} recorded;

static inline void recorded_die(const char *what, const pl_error *error) {
    fprintf(stderr, "bench: %s: %s\n", what, error->message);
    _exit(1);
}

static inline double recorded_processor(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline bool recorded_begin(recorded *b, const char *directory, size_t rules) {
    pl_error error;
    snprintf(b->path, sizeof b->path, "%s/bench-recorded.db", directory);
    pl_arena_init(&b->arena, 0);
    b->rule_count = rules;
    return rules <= WORK_RULES && work_make_documents(&b->documents) &&
           work_make_rules(&b->arena, b->rules) && catalogue_open(&b->known, NULL, &error) == 0;
}

static inline void recorded_open(recorded *b) {
    pl_error error;
    if (store_open(&b->db, pl_str_from(b->path), NULL, &error) != 0)
        recorded_die("store", &error);
    engine_config config = {.store = b->db,
                            .catalogue = b->known,
                            .clock = pl_clock_system(),
                            .random = pl_random_system(),
                            .workers = b->workers};
    if (engine_open(&b->e, &config, &error) != 0)
        recorded_die("engine", &error);
}

static inline void recorded_close(recorded *b) {
    engine_close(b->e);
    store_close(b->db);
}

/* Records items FROM to FROM + RECORDED_ITEMS; returns the bytes of their texts. */
static inline size_t recorded_load(recorded *b, size_t from) {
    pl_buf text;
    pl_arena arena;
    pl_json root;
    pl_error error;
    engine_ingested out;
    size_t bytes = 0;
    inventory_defaults defaults = {.account_id = recorded_account, .catalogue = b->known};
    pl_buf_init(&text, 64 << 20);
    pl_arena_init(&arena, 256 << 20);
    for (size_t i = from; i < from + RECORDED_ITEMS; i++) {
        pl_str configuration = b->documents.texts[i % WORK_DOCUMENTS];
        pl_buf_printf(
            &text,
            "%s{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-bp1%012zu\",\"regionId\":"
            "\"cn-hangzhou\",\"resourceName\":\"web\",\"configuration\":%.*s}",
            i == from ? "[" : ",", i, PL_FMT(configuration));
        bytes += configuration.n;
    }
    pl_buf_add_char(&text, ']');
    if (pl_json_parse_in(&arena, pl_buf_str(&text), &root, &error) != 0 ||
        engine_ingest(b->e, &defaults, root, 1700000000000, &out, &error) != 0)
        recorded_die("ingest", &error);
    pl_arena_free(&arena);
    pl_buf_free(&text);
    return bytes;
}

/* The rule as a client would create it: managed, or with conditions of its own. */
static inline engine_rule recorded_rule(recorded *b, size_t i) {
    const work_rule *work = &b->rules[i];
    engine_rule rule = {.account_id = recorded_account,
                        .name = pl_arena_printf(&b->arena, "rule-%zu", i),
                        .description = PL_STR(""),
                        .owner = i < WORK_MANAGED ? ENGINE_MANAGED : ENGINE_CONDITION,
                        .identifier = i < WORK_MANAGED ? work->name : PL_STR("acs-config-configuration"),
                        .input_parameters = work->parameters,
                        .risk_level = 1,
                        .triggers = ENGINE_TRIGGER_CHANGE};
    if (i >= WORK_MANAGED)
        rule.conditions =
            pl_arena_printf(&b->arena, "{\"ComplianceConditions\":%.*s}", PL_FMT(work->condition));
    return rule;
}

static inline int recorded_make_rules(store_session *session, void *argument, pl_error *error) {
    recorded *b = argument;
    for (size_t i = 0; i < b->rule_count; i++) {
        engine_context context = {.engine = b->e,
                                  .catalogue = b->known,
                                  .random = pl_random_system(),
                                  .arena = &b->arena,
                                  .now = 1700000000000,
                                  .rules_limit = 1000};
        engine_rule rule = recorded_rule(b, i);
        if (engine_list_parse(&b->arena, PL_STR("ACS::ECS::Instance"), &rule.scope.resource_types, error) !=
                0 ||
            engine_rule_create(&context, session, &rule, PL_STR_NONE, error) != 0)
            return -1;
    }
    return 0;
}

static inline int recorded_start_rules(store_session *session, void *argument, pl_error *error) {
    recorded *b = argument;
    engine_group own = {recorded_account, PL_STR_NONE};
    engine_rule *rules;
    size_t count;
    if (engine_rule_list(session, &b->arena, &own, NULL, &rules, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (engine_evaluate_rule(b->e, session, &rules[i], false, 1700000001000, error) != 0)
            return -1;
    return 0;
}

static inline int recorded_count_runs(store_session *session, void *argument, pl_error *error) {
    int64_t functions;
    return engine_count_queues(session, argument, &functions, error);
}

/* Starts runs and waits until nothing is left of them; without workers this thread does the work. */
static inline void recorded_run(recorded *b, store_work start) {
    pl_error error;
    bool worked = true;
    int64_t left = 1;
    if (store_write(b->db, start, b, &error) != 0)
        recorded_die("rules", &error);
    engine_after_commit(b->e);
    while (!b->workers && worked)
        if (engine_work(b->e, &worked, &error) != 0)
            recorded_die("run", &error);
    while (b->workers && left) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        if (store_read(b->db, recorded_count_runs, &left, &error) != 0)
            recorded_die("runs", &error);
    }
}

static inline double recorded_size(const recorded *b) {
    struct stat status;
    return stat(b->path, &status) == 0 ? (double)status.st_size : 0;
}

#endif
