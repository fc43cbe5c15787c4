/*
 * Cost of recording with evaluation, history and verdicts, as ratios to SQLite alone with full durability:
 * bulk import to a bare insert of the same rows in batches of 100 (every row: configuration, history and the
 * verdicts that deviate; and the items alone), and one item under 100 rules to one durable commit. All sides
 * run in turns.
 *
 *   bench_ingest [DIRECTORY [bulk|single]]   the stores are made (and removed) there; default: the current
 *                                            directory, both
 */
#include "bare.h"
#include "evaluate_work.h"

#include "engine/import.h"
#include "engine/rules.h"

enum { ROUNDS = 7, CALLS = 4, ITEMS = 1000, BARE_BATCH = 100, SINGLES = 300, SINGLE_ROUNDS = 17 };

static const pl_str account = PL_STR_INIT("100000000000001");

typedef struct bench {
    pl_arena arena;
    work_documents documents;
    work_rule rules[WORK_RULES];
    char path[512];
    store *db;
    catalogue *known;
    engine *e;
    sqlite3 *bare;
    size_t made;
    size_t rule_count;
} bench;

static int fail(const char *what, const pl_error *error) {
    fprintf(stderr, "%s: %s: %s\n", what, error->code, error->message);
    return -1;
}

/* --- Rules
 * -------------------------------------------------------------------------------------------------- */

static int make_rule(store_session *session, void *argument, pl_error *error) {
    bench *b = argument;
    for (size_t i = 0; i < b->rule_count; i++) {
        engine_context context = {.engine = b->e,
                                  .catalogue = b->known,
                                  .random = pl_random_system(),
                                  .arena = &b->arena,
                                  .now = 1700000000000,
                                  .rules_limit = 1000};
        bool managed = i < WORK_MANAGED;
        pl_str wrapped =
            pl_arena_printf(&b->arena, "{\"ComplianceConditions\":%.*s}", PL_FMT(b->rules[i].condition));
        engine_rule rule = {.account_id = account,
                            .name = pl_arena_printf(&b->arena, "rule-%zu", i),
                            .description = PL_STR(""),
                            .owner = managed ? ENGINE_MANAGED : ENGINE_CONDITION,
                            .identifier = managed ? b->rules[i].name : PL_STR("acs-config-configuration"),
                            .conditions = managed ? PL_STR_NONE : wrapped,
                            .input_parameters = managed ? b->rules[i].parameters : PL_STR("{}"),
                            .risk_level = 1,
                            .triggers = ENGINE_TRIGGER_CHANGE};
        if (engine_list_parse(&b->arena, PL_STR("ACS::ECS::Instance"), &rule.scope.resource_types, error) !=
                0 ||
            engine_rule_create(&context, session, &rule, PL_STR_NONE, error) != 0)
            return -1;
    }
    return 0;
}

static int open_store(bench *b, size_t rules) {
    pl_error error = {0};
    bare_remove(b->path);
    if (store_open(&b->db, pl_str_from(b->path), NULL, &error) != 0)
        return fail("store", &error);
    engine_config config = {
        .store = b->db, .catalogue = b->known, .clock = pl_clock_system(), .random = pl_random_system()};
    b->rule_count = rules;
    if (engine_open(&b->e, &config, &error) != 0 || store_write(b->db, make_rule, b, &error) != 0)
        return fail("rules", &error);
    return 0;
}

static void close_store(bench *b) {
    engine_close(b->e);
    store_close(b->db);
    bare_remove(b->path);
}

/* --- Both sides
 * ------------------------------------------------------------------------------------------------ */

static void write_items(bench *b, pl_buf *out, size_t count) {
    pl_buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++, b->made++) {
        pl_buf_printf(
            out,
            "%s{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-bp1%012zu\",\"regionId\":"
            "\"cn-hangzhou\",\"resourceName\":\"web\",\"availabilityZone\":\"cn-hangzhou-g\",\"tags\":{"
            "\"env\":\"prod\"},\"configuration\":",
            i ? "," : "", b->made);
        pl_buf_add(out, b->documents.texts[b->made % WORK_DOCUMENTS]);
        pl_buf_add_char(out, '}');
    }
    pl_buf_add_char(out, ']');
}

/* What the server does behind the socket: parse the body, record, evaluate, commit. */
static double ingest(bench *b, size_t count) {
    pl_buf text;
    pl_json root;
    pl_error error = {0};
    engine_ingested out;
    pl_arena arena;
    inventory_defaults defaults = {.account_id = account, .catalogue = b->known};
    pl_buf_init(&text, 64 << 20);
    pl_arena_init(&arena, 256 << 20);
    write_items(b, &text, count);
    int64_t start = pl_monotonic_ns();
    if (pl_json_parse_in(&arena, pl_buf_str(&text), &root, &error) != 0 ||
        engine_ingest(b->e, &defaults, root, 1700000000000 + (int64_t)b->made, &out, &error) != 0)
        fail("ingest", &error);
    double seconds = (double)(pl_monotonic_ns() - start) / 1e9;
    pl_arena_free(&arena);
    pl_buf_free(&text);
    return seconds;
}

/* What `plumbline import` does behind its reader: batches, one parsed while the one before is stored. */
static double import(bench *b, size_t calls, size_t count) {
    pl_error error = {0};
    pl_buf texts[CALLS];
    engine_ingested sum;
    inventory_defaults defaults = {.account_id = account, .catalogue = b->known};
    for (size_t i = 0; i < calls; i++) {
        pl_buf_init(texts + i, 64 << 20);
        write_items(b, texts + i, count);
    }
    int64_t start = pl_monotonic_ns();
    engine_import *work = engine_import_begin(b->e, &defaults, &error);
    for (size_t i = 0; work && i < calls; i++)
        if (engine_import_add(work, pl_buf_str(texts + i), PL_STR("batch"), 1700000000000 + (int64_t)b->made,
                              &error) != ENGINE_IMPORT_TAKEN)
            fail("import", &error);
    if (!work || engine_import_end(work, &sum, &error) != 0 || sum.changed != (int64_t)(calls * count))
        fail("import", &error);
    double seconds = (double)(pl_monotonic_ns() - start) / 1e9;
    for (size_t i = 0; i < calls; i++)
        pl_buf_free(texts + i);
    return seconds;
}

static void run(sqlite3 *db, const char *sql) {
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fprintf(stderr, "%s: %s\n", sql, message);
    sqlite3_free(message);
}

static int open_bare(bench *b, const char *path) {
    bare_remove(path);
    if (sqlite3_open(path, &b->bare) != SQLITE_OK)
        return -1;
    run(b->bare, "PRAGMA journal_mode=WAL");
    run(b->bare, "PRAGMA synchronous=FULL");
    run(b->bare,
        "CREATE TABLE items (account_id TEXT, resource_type TEXT, region_id TEXT, resource_id TEXT, name "
        "TEXT, zone TEXT, tags TEXT, configuration TEXT, PRIMARY KEY (account_id, resource_type, "
        "resource_id, region_id))");
    return 0;
}

static double insert_bare(bench *b, size_t count, size_t batch) {
    sqlite3_stmt *st;
    size_t made = b->made;
    int64_t start = pl_monotonic_ns();
    sqlite3_prepare_v2(b->bare, "INSERT INTO items VALUES (?,?,?,?,?,?,?,?)", -1, &st, NULL);
    for (size_t i = 0; i < count; i++, made++) {
        char id[32];
        int n = snprintf(id, sizeof id, "i-bp1%012zu", made);
        if (i % batch == 0)
            run(b->bare, "BEGIN IMMEDIATE");
        bare_bind(st, 1, account);
        bare_bind(st, 2, PL_STR("ACS::ECS::Instance"));
        bare_bind(st, 3, PL_STR("cn-hangzhou"));
        bare_bind(st, 4, pl_str_of(id, (size_t)n));
        bare_bind(st, 5, PL_STR("web"));
        bare_bind(st, 6, PL_STR("cn-hangzhou-g"));
        bare_bind(st, 7, PL_STR("{\"env\":[\"prod\"]}"));
        bare_bind(st, 8, b->documents.texts[made % WORK_DOCUMENTS]);
        sqlite3_step(st);
        sqlite3_reset(st);
        if (i % batch == batch - 1 || i + 1 == count)
            run(b->bare, "COMMIT");
    }
    sqlite3_finalize(st);
    return (double)(pl_monotonic_ns() - start) / 1e9;
}

/* --- Every row that an import stores, bare
 * ----------------------------------------------------------------------------------------------- */

enum { TABLES = 3, COLUMNS_MAX = 24, ROWS_MAX = ITEMS * CALLS * WORK_MANAGED };

static const char *const stored[TABLES] = {"resources", "resource_history", "results"};

typedef struct rows {
    sqlite3_value **values;
    size_t count;
    int columns;
} rows;

static void text_of(sqlite3 *db, const char *sql, char *out, size_t size) {
    sqlite3_stmt *st;
    sqlite3_prepare_v2(db, sql, -1, &st, NULL);
    if (sqlite3_step(st) == SQLITE_ROW)
        snprintf(out, size, "%s", sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
}

/* The rows of the last import, in the order of their keys. */
static void load_rows(sqlite3 *own, const char *table, size_t newest, rows *out) {
    char sql[256];
    sqlite3_stmt *st;
    snprintf(sql, sizeof sql,
             "SELECT * FROM %s WHERE resource_key > (SELECT max(resource_key) FROM resources) - %zu", table,
             newest);
    sqlite3_prepare_v2(own, sql, -1, &st, NULL);
    out->columns = sqlite3_column_count(st);
    out->values = calloc((size_t)ROWS_MAX * (size_t)out->columns, sizeof(sqlite3_value *));
    for (out->count = 0; out->values && out->count < ROWS_MAX && sqlite3_step(st) == SQLITE_ROW; out->count++)
        for (int i = 0; i < out->columns; i++)
            out->values[out->count * (size_t)out->columns + (size_t)i] =
                sqlite3_value_dup(sqlite3_column_value(st, i));
    sqlite3_finalize(st);
}

static void free_rows(rows *r) {
    for (size_t i = 0; r->values && i < r->count * (size_t)r->columns; i++)
        sqlite3_value_free(r->values[i]);
    free(r->values);
}

static double insert_rows(sqlite3 *db, const char *table, const rows *r) {
    char sql[256];
    sqlite3_stmt *st;
    int n = snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (?", table);
    for (int i = 1; i < r->columns; i++)
        n += snprintf(sql + n, sizeof sql - (size_t)n, ",?");
    snprintf(sql + n, sizeof sql - (size_t)n, ")");
    int64_t start = pl_monotonic_ns();
    sqlite3_prepare_v2(db, sql, -1, &st, NULL);
    for (size_t row = 0; row < r->count; row++) {
        if (row % BARE_BATCH == 0)
            run(db, "BEGIN IMMEDIATE");
        for (int i = 0; i < r->columns; i++)
            sqlite3_bind_value(st, i + 1, r->values[row * (size_t)r->columns + (size_t)i]);
        if (sqlite3_step(st) != SQLITE_DONE)
            fprintf(stderr, "bare %s: %s\n", table, sqlite3_errmsg(db));
        sqlite3_reset(st);
        if (row % BARE_BATCH == BARE_BATCH - 1 || row + 1 == r->count)
            run(db, "COMMIT");
    }
    sqlite3_finalize(st);
    return (double)(pl_monotonic_ns() - start) / 1e9;
}

/* Configuration, history and verdicts of the last import, into tables with no index but their keys. */
static double insert_all_rows(bench *b, size_t items) {
    static bool made;
    char sql[4096] = "", find[160];
    double seconds = 0;
    sqlite3 *own;
    sqlite3_open_v2(b->path, &own, SQLITE_OPEN_READONLY, NULL);
    for (size_t i = 0; i < TABLES; i++) {
        rows r;
        snprintf(find, sizeof find, "SELECT sql FROM sqlite_schema WHERE name = '%s'", stored[i]);
        text_of(own, find, sql, sizeof sql);
        if (!made)
            run(b->bare, sql);
        load_rows(own, stored[i], items, &r);
        seconds += insert_rows(b->bare, stored[i], &r);
        free_rows(&r);
    }
    made = true;
    sqlite3_close(own);
    return seconds;
}

/* --- Ratios
 * ------------------------------------------------------------------------------------------------- */

static void bulk(bench *b) {
    double items[ROUNDS], every[ROUNDS], rate[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double alone = insert_bare(b, ITEMS * CALLS, BARE_BATCH), own = import(b, CALLS, ITEMS);
        items[round] = own / alone;
        every[round] = own / insert_all_rows(b, ITEMS * CALLS);
        rate[round] = ITEMS * CALLS / own;
    }
    printf("bulk import, 20 rules / bare insert of every row it stores: %.2f (target 2), %.0f items/s\n",
           bare_quantile(every, ROUNDS, 0.5), bare_quantile(rate, ROUNDS, 0.5));
    printf("bulk import, 20 rules / bare insert of the items alone: %.2f\n",
           bare_quantile(items, ROUNDS, 0.5));
}

/* Ratios of one round: of p99, p50 and p10, and the own p10 in seconds. */
typedef struct singles {
    double high[SINGLE_ROUNDS], middle[SINGLE_ROUNDS], low[SINGLE_ROUNDS], fast[SINGLE_ROUNDS];
} singles;

static void single_round(bench *b, singles *s, size_t round) {
    static double own[SINGLES], alone[SINGLES];
    for (int i = 0; i < SINGLES; i++) {
        alone[i] = insert_bare(b, 1, 1);
        own[i] = ingest(b, 1);
    }
    s->fast[round] = bare_quantile(own, SINGLES, 0.1);
    s->high[round] = bare_quantile(own, SINGLES, 0.99) / bare_quantile(alone, SINGLES, 0.99);
    s->middle[round] = bare_quantile(own, SINGLES, 0.5) / bare_quantile(alone, SINGLES, 0.5);
    s->low[round] = s->fast[round] / bare_quantile(alone, SINGLES, 0.1);
}

static void single(bench *b) {
    singles s;
    for (size_t i = 0; i < SINGLE_ROUNDS; i++)
        single_round(b, &s, i);
    bare_rounds high = bare_rounds_of(s.high, SINGLE_ROUNDS),
                middle = bare_rounds_of(s.middle, SINGLE_ROUNDS);
    printf("one item, 100 rules / one durable commit: p99 %.2f, p50 %.2f, p10 %.2f (target 2); the middle "
           "half of %d rounds: %.2f to %.2f and %.2f to %.2f; p10 %.3f ms\n",
           high.middle, middle.middle, bare_quantile(s.low, SINGLE_ROUNDS, 0.5), SINGLE_ROUNDS, high.lower,
           high.upper, middle.lower, middle.upper, bare_quantile(s.fast, SINGLE_ROUNDS, 0.5) * 1e3);
}

static int measure(bench *b, size_t rules, void (*part)(bench *b)) {
    if (open_store(b, rules) != 0)
        return -1;
    part(b);
    close_store(b);
    return 0;
}

int main(int count, char **arguments) {
    static bench b;
    char bare_path[512];
    const char *directory = count > 1 ? arguments[1] : ".";
    pl_error error = {0};
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS,
                   0); /* as the store has it, which is not the first to begin here */
    pl_arena_init(&b.arena, 512 << 20);
    snprintf(b.path, sizeof b.path, "%s/bench-ingest.db", directory);
    snprintf(bare_path, sizeof bare_path, "%s/bench-bare.db", directory);
    if (!work_make_documents(&b.documents) || !work_make_rules(&b.arena, b.rules) ||
        catalogue_open(&b.known, NULL, &error) != 0 || open_bare(&b, bare_path) != 0)
        return 1;
    const char *part = count > 2 ? arguments[2] : "";
    if (strcmp(part, "single") != 0 && measure(&b, WORK_MANAGED, bulk) != 0)
        return 1;
    if (strcmp(part, "bulk") != 0 && measure(&b, WORK_RULES, single) != 0)
        return 1;
    sqlite3_close(b.bare);
    bare_remove(bare_path);
    return 0;
}
