/*
 * Random histories of an account and the recount of what rules say about it: every resource is explained from
 * its recorded configuration, beside rows and counters.
 */
#ifndef PL_TESTS_ENGINE_HISTORIES_H
#define PL_TESTS_ENGINE_HISTORIES_H

#include "engine/run.h"
#include "engine/world.h"

#include <sched.h>

enum { RESOURCES = 1150, SECOND_TYPE = 40 };

static uint64_t seed;
static int64_t recorded_at; /* time of the items; the engine's clock stands still while threads read it */

static unsigned pick(unsigned below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(seed >> 33) % below;
}

static inline int setup_history(void **state, unsigned threads, uint64_t first) {
    workers = threads;
    seed = first;
    recorded_at = 1700000000000;
    return setup(state);
}

#define CLAUSE(path, name, wanted)                                                                           \
    "{\"operator\":\"" name "\",\"featurePath\":\"" path "\",\"featureSource\":\"CONFIGURATION\","           \
    "\"desired\":\"" wanted "\"}"

static const char *const conditions[] = {
    CONDITION(CLAUSE("$.Status", "StringEquals", "Running")),
    CONDITION(CLAUSE("$.Cpu", "LessOrEquals", "4")),
    CONDITION(CLAUSE("$.Tags[?(@.Key=='env')].Value", "Contains", "prod")),
    CONDITION(CLAUSE("$.Disks[*].Encrypted", "Contains", "true")),
    CONDITION(CLAUSE("$..Deep", "NotContains", "x")),
    CONDITION("{\"operator\":\"StringEquals\",\"featurePath\":\"$.resourceName\",\"featureSource\":"
              "\"CONFIGURATION_ITEM\",\"desired\":\"web\"}"),
    CONDITION(CLAUSE("$.Names['a','b']", "Contains", "on")),
    CONDITION(CLAUSE("$.Missing.Inner", "StringEquals", "")),
};

enum { RULES = sizeof conditions / sizeof *conditions + 2 };

static void write_configuration(pl_buf *out) {
    static const char *const states[] = {"Running", "Running", "Stopped", "running"};
    static const char *const cpus[] = {"2", "4", "8", "\"4\"", "4.0", "null"};
    pl_buf_printf(out, "{\"Status\":\"%s\",\"Cpu\":%s,\"Id\":\"u-%u\"", states[pick(4)], cpus[pick(6)],
                  pick(100000));
    if (pick(3))
        pl_buf_printf(out, ",\"Tags\":[{\"Key\":\"env\",\"Value\":\"%s\"},{\"Key\":\"k\",\"Value\":\"v\"}]",
                      pick(2) ? "prod" : "test");
    if (pick(3))
        pl_buf_printf(out, ",\"Disks\":[{\"Encrypted\":%s},{\"Encrypted\":%s}]", pick(2) ? "true" : "false",
                      pick(2) ? "true" : "false");
    if (pick(4) == 0)
        pl_buf_printf(out, ",\"Inner\":{\"Deep\":\"%s\"}", pick(2) ? "x" : "y");
    if (pick(2))
        pl_buf_printf(out, ",\"Names\":{\"%s\":\"%s\"}", pick(2) ? "a" : "b", pick(2) ? "on" : "off");
    pl_buf_add_char(out, '}');
}

static void write_item(pl_buf *out, unsigned number) {
    bool other = number % SECOND_TYPE == 0;
    pl_buf_printf(out,
                  "{\"resourceType\":\"%s\",\"resourceId\":\"i-%05u\",\"regionId\":\"%s\",\"resourceName\":"
                  "\"%s\",\"tags\":{\"team\":[\"%s\"]}",
                  other ? "ACS::ECS::Disk" : "ACS::ECS::Instance", number,
                  number % 3 ? "cn-hangzhou" : "cn-beijing", pick(3) ? "web" : "db", pick(4) ? "a" : "b");
    if (pick(12) == 0) {
        pl_buf_add(out, PL_STR(",\"resourceEventType\":\"REMOVE\"}"));
        return;
    }
    if (pick(30)) {
        pl_buf_add(out, PL_STR(",\"configuration\":"));
        write_configuration(out);
    }
    pl_buf_add_char(out, '}');
}

/* Records `count` random items; those of numbers that are known are changed, removed or bring them back. */
static inline void put_random(unsigned count, bool all) {
    pl_buf text;
    pl_arena own;
    pl_json root;
    engine_ingested out;
    pl_error wrong = {0};
    inventory_defaults defaults = {.account_id = owner, .catalogue = known};
    pl_buf_init(&text, 32 << 20);
    pl_arena_init(&own, 64 << 20);
    for (unsigned i = 0; i < count; i++) {
        pl_buf_add_char(&text, i ? ',' : '[');
        write_item(&text, all ? i : pick(RESOURCES + 200));
    }
    pl_buf_add_char(&text, ']');
    recorded_at += 1000;
    if (pl_json_parse_in(&own, pl_buf_str(&text), &root, &wrong) != 0 ||
        engine_ingest(e, &defaults, root, recorded_at, &out, &wrong) != 0)
        fail_msg("%s: %s", wrong.code, wrong.message);
    pl_arena_free(&own);
    pl_buf_free(&text);
}

static inline engine_rule *make_rule(unsigned number) {
    static char names[RULES][16];
    snprintf(names[number], sizeof names[number], "rule-%u", number);
    engine_rule rule = rule_named(names[number], conditions[number < RULES - 2 ? number : 0]);
    assert_int_equal(engine_list_parse(&arena, PL_STR("ACS::ECS::Instance,ACS::ECS::Disk"),
                                       &rule.scope.resource_types, &error),
                     0);
    if (number == RULES - 2)
        assert_int_equal(engine_list_parse(&arena, PL_STR("cn-beijing"), &rule.scope.region_ids, &error), 0);
    if (number == RULES - 1) {
        rule.scope.tags = (engine_tags){pl_new(&arena, engine_tag, 1), 1};
        rule.scope.tags.items[0] = (engine_tag){PL_STR("team"), PL_STR("b")};
    }
    return make(rule);
}

struct start {
    engine_rule **rules;
    size_t count;
};

static int start_work(store_session *session, void *argument, pl_error *wrong) {
    const struct start *s = argument;
    engine_group own = {owner, PL_STR_NONE};
    for (size_t i = 0; i < s->count; i++) {
        engine_rule current;
        bool found;
        if (engine_rule_find(session, &arena, &own, s->rules[i]->rule_id, &current, &found, wrong) != 0 ||
            engine_evaluate_rule(e, session, &current, false, now, wrong) != 0)
            return -1;
    }
    return 0;
}

static inline void start_rules(engine_rule **rules, size_t count) {
    struct start s = {rules, count};
    if (store_write(db, start_work, &s, &error) != 0)
        fail_msg("%s", error.message);
    engine_after_commit(e);
}

static inline void drain(void) {
    bool worked = workers == 0;
    while (worked)
        if (engine_work(e, &worked, &error) != 0)
            fail_msg("%s", error.message);
}

/* --- The recount: each resource is explained from its configuration ---------------------------------------
 */

struct recount {
    const engine_rule *rule;
    engine_counts counts;
    int64_t covered_now;
};

static int compare_one(store_session *session, const engine_rule *rule, inventory_resource *r,
                       engine_counts *counts, pl_error *wrong) {
    engine_explanation told;
    engine_row row;
    bool stored;
    if (engine_explain(e, session, &arena, rule, r, now, &told, wrong) != 0 ||
        engine_row_of(session, &arena, owner, rule->rule_key, r->resource_key, &row, &stored, wrong) != 0)
        return -1;
    if (!told.covered) {
        assert_false(stored);
        return 0;
    }
    counts->total++;
    counts->by[told.compliance]++;
    if ((stored ? row.compliance : ENGINE_COMPLIANT) != told.compliance)
        fail_msg("rule %.*s, resource %.*s: stored %d %.*s, told %d", PL_FMT(rule->name),
                 PL_FMT(r->resource_id), stored ? (int)row.compliance : -1, PL_FMT(row.annotation),
                 (int)told.compliance);
    if (stored)
        assert_true(pl_str_eq(row.annotation, told.annotation));
    return 0;
}

static int recount_work(store_session *session, void *argument, pl_error *wrong) {
    struct recount *c = argument;
    int64_t next;
    if (inventory_next_key(session, owner, &next, wrong) != 0)
        return -1;
    for (int64_t key = 1; key < next; key++) {
        inventory_resource r;
        bool found;
        if (inventory_find_key(session, &arena, owner, key, &r, &found, wrong) != 0)
            return -1;
        if (found && !r.deleted && compare_one(session, c->rule, &r, &c->counts, wrong) != 0)
            return -1;
    }
    return 0;
}

static inline void counts_are_exact(engine_rule **rules, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct listing l = list(rules[i]);
        while (l.evaluating) {
            sched_yield();
            l = list(rules[i]);
        }
        struct recount c = {.rule = &l.current};
        if (store_read(db, recount_work, &c, &error) != 0)
            fail_msg("%s", error.message);
        for (size_t kind = 0; kind < ENGINE_COMPLIANCE_COUNT; kind++)
            assert_int_equal(l.counts.by[kind], c.counts.by[kind]);
        assert_int_equal(l.counts.total, c.counts.total);
    }
}

#endif
