/* One program, many threads: each with a state of its own, none waits for another, all see the same verdicts.
 */
#include "condition/program.h"

#include "support.h"

#include <pthread.h>

enum { THREADS = 4, PASSES = 300, DOCUMENTS = 4 };

static const char *const documents[DOCUMENTS] = {
    "{\"a\":\"x\",\"n\":5,\"tags\":[{\"k\":\"env\",\"v\":\"prod\"}],\"doc\":\"{\\\"v\\\":1}\"}",
    "{\"tags\":[],\"n\":7,\"a\":\"y\"}", "{\"a\":\"X\",\"doc\":\"{\\\"v\\\":2}\"}", "{}"};

static const char *const conditions[] = {
    "{\"operator\":\"StringEquals\",\"featurePath\":\"$.a\",\"featureSource\":\"CONFIGURATION\",\"desired\":"
    "\"x\"}",
    "{\"operator\":\"Less\",\"featurePath\":\"$.n\",\"featureSource\":\"CONFIGURATION\",\"desired\":\"6\"}",
    "{\"operator\":\"IsNotEmpty\",\"featurePath\":\"$.tags[?(@.k=='env')]\",\"featureSource\":"
    "\"CONFIGURATION\"}",
    "{\"operator\":\"RegexMatch\",\"featurePath\":\"$.a\",\"featureSource\":\"CONFIGURATION\",\"desired\":\"^"
    "[xX]$\"}",
    "{\"operator\":\"Equals\",\"featurePath\":\"$.v\",\"featureSource\":\"CONFIGURATION_FIELD_$.doc\","
    "\"desired\":1}"};

enum { RULES = sizeof conditions / sizeof *conditions };

static const pl_verdict expected[DOCUMENTS][RULES] = {
    {PL_COMPLIANT, PL_COMPLIANT, PL_COMPLIANT, PL_COMPLIANT, PL_COMPLIANT},
    {PL_NON_COMPLIANT, PL_NON_COMPLIANT, PL_NON_COMPLIANT, PL_NON_COMPLIANT, PL_NON_COMPLIANT},
    {PL_COMPLIANT, PL_NON_COMPLIANT, PL_NON_COMPLIANT, PL_COMPLIANT, PL_NON_COMPLIANT},
    {PL_NON_COMPLIANT, PL_NON_COMPLIANT, PL_NON_COMPLIANT, PL_NON_COMPLIANT, PL_NON_COMPLIANT}};

typedef struct worker {
    pl_program *program;
    pthread_t thread;
    size_t wrong;
} worker;

/* What a state learns from texts is its own. */
static const pl_verdict *from_text(pl_program_state *state, pl_json_parser *parser, const char *document) {
    char padded[256 + PL_JSON_PADDING] = {0};
    pl_program_input input = {.configuration = PL_JSON_NONE};
    pl_error error;
    memcpy(padded, document, strlen(document));
    return pl_program_evaluate_text(state, parser, pl_str_of(padded, strlen(document)), &input, &error);
}

static void *work(void *argument) {
    worker *w = argument;
    pl_arena arena;
    pl_buf text;
    pl_arena_init(&arena, 0);
    pl_buf_init(&text, 1 << 16);
    pl_json parsed[DOCUMENTS];
    pl_json_parser *parser = pl_json_parser_new(1 << 16);
    pl_program_state *state = pl_program_state_new(w->program);
    pl_program_release(w->program);
    for (size_t i = 0; i < DOCUMENTS; i++)
        parsed[i] = json_of(&arena, documents[i]);
    for (size_t pass = 0; pass < PASSES; pass++)
        for (size_t i = 0; i < DOCUMENTS; i++) {
            pl_program_input input = {.configuration = parsed[i]};
            const pl_verdict *verdicts = pl_program_evaluate(state, &input);
            for (size_t rule = 0; rule < RULES; rule++)
                w->wrong += verdicts[rule] != expected[i][rule];
            pl_buf_clear(&text);
            pl_program_write_context(state, pass % RULES, &text);
            verdicts = from_text(state, parser, documents[i]);
            for (size_t rule = 0; rule < RULES; rule++)
                w->wrong += !verdicts || verdicts[rule] != expected[i][rule];
        }
    pl_json_parser_free(parser);
    pl_program_state_free(state);
    pl_buf_free(&text);
    pl_arena_free(&arena);
    return NULL;
}

static void threads_share_one_program(void **unused) {
    (void)unused;
    worker workers[THREADS];
    pl_arena arena;
    pl_error error;
    pl_program *program = pl_program_new();
    pl_arena_init(&arena, 0);
    for (size_t i = 0; i < RULES; i++) {
        pl_program_rule rule = {.condition = json_of(&arena, conditions[i])};
        assert_int_equal(pl_program_add(program, &rule, &error), 0);
    }
    assert_int_equal(pl_program_seal(program, &error), 0);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (worker){.program = pl_program_hold(program)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    pl_program_release(program);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    pl_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_one_program)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
