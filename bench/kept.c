/*
 * Stored documents as full runs read them: 20 rules over recorded ECS instances whose columns are kept,
 * beside simdjson parsing the same texts. Each side in turns, on one core; medians.
 *
 *   bench_kept DIRECTORY [RESOURCES]   the store is made (and removed) there
 */
#include "recorded.h"

#include "engine/combined.h"
#include "engine/run.h"

enum { ROUNDS = 31 };

typedef struct reading {
    recorded *b;
    size_t count; /* of resources */
    bool compares;
    pl_arena arena;
    pl_json_parser *parser;
    engine_batch batch;
    engine_kept_page page; /* one, for the row in memory */
    size_t sum;            /* so that nothing is left out */
    double seconds;
} reading;

static double thread_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void parse_texts(reading *r) {
    pl_json root;
    pl_error error;
    for (size_t i = 0; i < r->count; i++)
        r->sum += pl_json_parse(r->parser, r->b->documents.texts[i % WORK_DOCUMENTS], &root, &error) == 0;
}

/* A full run without its writing: every range is claimed, read, evaluated and compared with the results. */
static int read_all(store_session *session, void *argument, pl_error *error) {
    reading *r = argument;
    engine_run run;
    engine_range range;
    bool inside;
    engine_group own = {recorded_account, PL_STR_NONE};
    engine_rule *rules;
    size_t count;
    pl_arena_reset(&r->arena);
    int status = engine_run_begin(&run, r->b->e, recorded_account, ENGINE_RUN_RULES, error);
    if (status == 0)
        status = engine_rule_list(session, &r->arena, &own, NULL, &rules, &count, error);
    for (size_t i = 0; status == 0 && i < count; i++)
        status = engine_run_add(&run, session, &rules[i], &inside, error) ? 0 : -1;
    while (status == 0 && (status = engine_run_claim(&run, session, &run.cursor, &range, error)) == 0 &&
           range.type.p) {
        pl_arena batch;
        pl_arena_init(&batch, 256 << 20);
        status = engine_run_gather(&run, session, &batch, 1700000002000, &range, &r->batch, error);
        r->sum += r->batch.count;
        pl_arena_free(&batch);
    }
    engine_run_end(&run);
    return status;
}

static double time_run(reading *r) {
    pl_error error;
    double started = thread_seconds();
    if (store_read(r->b->db, read_all, r, &error) != 0)
        recorded_die("run", &error);
    return thread_seconds() - started;
}

static double time_parsing(reading *r) {
    double started = thread_seconds();
    parse_texts(r);
    return thread_seconds() - started;
}

/* --- Pages as they come from the store, evaluated but not compared with results ---------------------------
 */

typedef struct evaluating {
    reading *r;
    const pl_program *program;
    pl_program_state *state;
    const engine_kept_columns *columns;
    pl_arena arena; /* of one page's combinations */
} evaluating;

/* Each rule once for each combination of values, as runs do it. */
static void evaluate_page(evaluating *v, const engine_kept_page *page) {
    uint32_t map[256], places[256];
    unsigned char *known[WORK_MANAGED];
    engine_combinations *rules;
    pl_arena *arena = &v->arena;
    pl_error error;
    pl_arena_reset(arena);
    if (!engine_kept_bind(page, v->columns, map) ||
        engine_combine(arena, v->program, page, map, &rules, &error) != 0)
        _exit(1);
    for (size_t rule = 0; rule < WORK_MANAGED; rule++)
        known[rule] = pl_new(arena, unsigned char, rules[rule].count);
    for (size_t i = 0; i < page->count; i++) {
        bool taken = false;
        for (size_t rule = 0; rule < WORK_MANAGED; rule++) {
            unsigned char *verdict = &known[rule][rules[rule].of[i]];
            pl_program_input input = {.configuration = page->root, .places = places, .now = 1700000002000};
            if (*verdict == 0) {
                if (!taken)
                    engine_kept_places(page, i, map, v->columns->count, places);
                if (!taken)
                    pl_program_take(v->state, &input);
                taken = true;
                *verdict = (unsigned char)(pl_program_judge(v->state, rule)[rule] + 1);
            }
            v->r->sum += *verdict;
        }
    }
}

static int read_pages(store_session *session, void *argument, pl_error *error) {
    evaluating *v = argument;
    engine_kept_range range = {0};
    bool found = true;
    for (int64_t after = 0; found; after = range.until) {
        engine_kept_page page;
        pl_str type = PL_STR("ACS::ECS::Instance");
        int64_t marks[1];
        size_t count;
        pl_arena_reset(&v->r->arena);
        if (engine_kept_next(session, recorded_account, type, after, &range, &found, error) != 0)
            return -1;
        if (!found)
            break;
        if (engine_kept_load(session, &v->r->arena, recorded_account, type, range.from, &page, &found,
                             error) != 0 ||
            engine_kept_marks(session, recorded_account, type, range.from, range.until, marks, 1, &count,
                              error) != 0)
            return -1;
        evaluate_page(v, &page);
    }
    return 0;
}

static double time_pages(evaluating *v) {
    pl_error error;
    double started = thread_seconds();
    if (store_read(v->r->b->db, read_pages, v, &error) != 0)
        recorded_die("pages", &error);
    return thread_seconds() - started;
}

/* --- In memory: one page, as it lies in the store ---------------------------------------------------------
 */

static int load_page(store_session *session, void *argument, pl_error *error) {
    reading *r = argument;
    bool found;
    return engine_kept_load(session, &r->b->arena, recorded_account, PL_STR("ACS::ECS::Instance"), 0,
                            &r->page, &found, error) == 0 &&
                   found
               ? 0
               : -1;
}

static double time_memory(evaluating *v) {
    double started = thread_seconds();
    for (size_t done = 0; done < v->r->count; done += v->r->page.count)
        evaluate_page(v, &v->r->page);
    return thread_seconds() - started;
}

static void print_row(const char *what, double *ratios, const char *target) {
    printf("%-66s %5.2f (target %s)\n", what, bare_quantile(ratios, ROUNDS, 0.5), target);
}

static void compare(reading *r) {
    double memory[ROUNDS], pages[ROUNDS], runs[ROUNDS], last = 0;
    pl_error error;
    engine_kept_columns columns;
    pl_program *program = work_make_program(&r->b->arena, r->b->rules, WORK_MANAGED);
    evaluating v = {r, program, program ? pl_program_state_new(program) : NULL, &columns, {0}};
    pl_arena_init(&v.arena, 0);
    if (!v.state || engine_kept_columns_of(&r->b->arena, program, false, &columns, &error) != 0 ||
        store_read(r->b->db, load_page, r, &error) != 0)
        _exit(1);
    for (size_t i = 0; i < ROUNDS; i++) {
        double parsing = time_parsing(r);
        memory[i] = time_memory(&v) / parsing;
        pages[i] = time_pages(&v) / parsing;
        last = time_run(r);
        runs[i] = last / parsing;
    }
    print_row("stored document, 20 rules, kept columns in memory / parsing alone", memory, "0.5");
    print_row("stored document, 20 rules, pages from the store / parsing alone", pages, "0.5");
    print_row("the same in a run, compared with stored results / parsing alone", runs, "-");
    printf("a run reads, evaluates and compares %.0f documents/s of one core\n", (double)r->count / last);
}

int main(int argc, char **argv) {
    static recorded b;
    static reading r;
    if (argc < 2) {
        fputs("usage: bench_kept DIRECTORY [RESOURCES]\n", stderr);
        return 2;
    }
    r.b = &b;
    r.count = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
    r.parser = pl_json_parser_new(1 << 20);
    pl_arena_init(&r.arena, 0);
    if (!r.parser || !recorded_begin(&b, argv[1], WORK_MANAGED))
        return 2;
    bare_remove(b.path);
    recorded_open(&b);
    for (size_t from = 0; from < r.count; from += RECORDED_ITEMS)
        (void)recorded_load(&b, from);
    recorded_run(&b, recorded_make_rules);
    compare(&r);
    recorded_close(&b);
    bare_remove(b.path);
    return r.sum == 0;
}
