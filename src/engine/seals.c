/* Digests of what rules say of pages, and the rows that keep them. */
#include "engine/seals.h"

static const uint64_t odd[2] = {0x9e3779b97f4a7c15ULL, 0xc2b2ae3d27d4eb4fULL};

static uint64_t mix(uint64_t value, uint64_t by) {
    value = (value ^ value >> 32) * by;
    return value ^ value >> 29;
}

void engine_seal_hash(bool covered, engine_compliance compliance, pl_str annotation, uint64_t out[2]) {
    uint64_t word, seed = (uint64_t)annotation.n << 8 | (uint64_t)compliance << 1 | covered;
    for (int lane = 0; lane < 2; lane++)
        out[lane] = mix(seed + odd[!lane], odd[lane]);
    for (size_t at = 0; at < annotation.n; at += sizeof word) {
        size_t left = annotation.n - at;
        word = 0;
        memcpy(&word, annotation.p + at, left < sizeof word ? left : sizeof word);
        out[0] = mix(out[0] ^ word, odd[0]);
        out[1] = mix(out[1] ^ word, odd[1]);
    }
}

void engine_seal_add(uint64_t digest[2], int64_t resource_key, const uint64_t hash[2]) {
    for (int lane = 0; lane < 2; lane++)
        digest[lane] += mix(hash[lane] ^ (uint64_t)resource_key * odd[!lane], odd[lane]);
}

void engine_seal_batch(engine_batch *batch, int64_t page) {
    batch->page_identity = batch->type->uses_pages ? page : 0;
    for (size_t i = 0; batch->page_identity && i < batch->type->program->count; i++) {
        engine_batch_rule *rule = &batch->rules[batch->type->rules[i]];
        for (size_t n = 0; n < rule->found_count; n++) {
            const engine_found *found = &rule->found[n];
            uint64_t hash[2];
            engine_seal_hash(found->covered, found->compliance, found->annotation, hash);
            engine_seal_add(rule->digest, batch->items[found->item].resource_key, hash);
        }
    }
}

static engine_batch_rule *find_rule(const engine_run *run, const engine_batch *batch, int64_t rule_key) {
    for (size_t i = 0; i < batch->type->program->count; i++)
        if (run->rules[batch->type->rules[i]].rule.rule_key == rule_key)
            return &batch->rules[batch->type->rules[i]];
    return NULL;
}

static pl_str digest_text(const engine_batch_rule *rule) {
    return pl_str_of((const char *)rule->digest, sizeof rule->digest);
}

static int read_seals(const engine_run *run, store_session *session, engine_batch *batch, pl_error *error) {
    int step;
    store_statement *st = store_prepare(
        session,
        "SELECT rule_key, digest FROM kept_results WHERE account_id = $1 AND resource_type = $2 "
        "AND from_key = $3 AND page = $4",
        error);
    store_bind_text(st, 1, run->account_id);
    store_bind_text(st, 2, batch->type->name);
    store_bind_i64(st, 3, batch->range.after);
    store_bind_i64(st, 4, batch->page_identity);
    while ((step = store_step(st, error)) == 1) {
        engine_batch_rule *rule = find_rule(run, batch, store_column_i64(st, 0));
        if (rule)
            rule->sealed = pl_str_eq(store_column_blob(st, 1), digest_text(rule));
    }
    return step;
}

static int read_marks(const engine_run *run, store_session *session, engine_batch *batch, pl_error *error) {
    int64_t keys[ENGINE_BATCH];
    size_t count, at = 0;
    if (engine_kept_marks(session, run->account_id, batch->type->name, batch->range.after, batch->range.until,
                          keys, ENGINE_BATCH, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < batch->count; i++) {
        while (at < count && at < ENGINE_BATCH && keys[at] < batch->items[i].resource_key)
            at++;
        batch->items[i].marked =
            count > ENGINE_BATCH || (at < count && keys[at] == batch->items[i].resource_key);
    }
    return 0;
}

int engine_seals_check(const engine_run *run, store_session *session, engine_batch *batch, pl_error *error) {
    bool any = false;
    for (size_t i = 0; i < batch->type->program->count; i++)
        batch->rules[batch->type->rules[i]].sealed = false;
    if (!batch->page_identity)
        return 0;
    if (read_seals(run, session, batch, error) != 0)
        return -1;
    for (size_t i = 0; i < batch->type->program->count; i++)
        any = any || batch->rules[batch->type->rules[i]].sealed;
    return any ? read_marks(run, session, batch, error) : 0;
}

/* Pages do not overlap: of those before the batch only the nearest can reach into it. */
int engine_seals_break(const engine_run *run, store_session *session, const engine_batch *batch,
                       pl_error *error) {
    static const char sql[] =
        "DELETE FROM kept_results WHERE account_id = $1 AND resource_type = $2 AND from_key < $4 AND "
        "from_key >= COALESCE((SELECT from_key FROM (SELECT from_key, until_key FROM kept_pages WHERE "
        "account_id = $1 AND resource_type = $2 AND from_key < $3 ORDER BY from_key DESC LIMIT 1) AS nearest "
        "WHERE until_key > $3), $3)";
    return store_run(session, error, sql, "ttii", run->account_id, batch->type->name, batch->range.after,
                     batch->range.until);
}

static bool writes_results(const engine_batch *batch) {
    bool any = false;
    for (size_t i = 0; i < batch->type->program->count; i++)
        any = any || batch->rules[batch->type->rules[i]].difference_count;
    return any;
}

static int write_seal(const engine_run *run, store_session *session, const engine_batch *batch, size_t number,
                      pl_error *error) {
    const engine_batch_rule *found = &batch->rules[number];
    const engine_run_rule *rule = &run->rules[number];
    bool stands = found->sealed && !batch->page.p;
    if (stands || rule->lost || rule->rule.owner == ENGINE_FUNCTION)
        return 0;
    if (found->unsealable)
        return store_run(
            session, error,
            "DELETE FROM kept_results WHERE account_id = $1 AND resource_type = $2 AND from_key = "
            "$3 AND rule_key = $4",
            "ttii", run->account_id, batch->type->name, batch->range.after, rule->rule.rule_key);
    return store_run(session, error,
                     "INSERT INTO kept_results (account_id, resource_type, from_key, rule_key, page, digest) "
                     "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, resource_type, from_key, "
                     "rule_key) DO UPDATE SET page = excluded.page, digest = excluded.digest",
                     "ttiiib", run->account_id, batch->type->name, batch->range.after, rule->rule.rule_key,
                     batch->page_identity, digest_text(found));
}

/* What is written past a page was not found by it. */
int engine_seals_write(const engine_run *run, store_session *session, const engine_batch *batch,
                       pl_error *error) {
    if (!batch->page_identity)
        return writes_results(batch) ? engine_seals_break(run, session, batch, error) : 0;
    for (size_t i = 0; i < batch->type->program->count; i++)
        if (write_seal(run, session, batch, batch->type->rules[i], error) != 0)
            return -1;
    return 0;
}
