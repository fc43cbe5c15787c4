/*
 * Calls handlers directly: an operation's name and its input as JSON in, the answer or the error code out.
 * The store is a fresh SQLite file, the engine has no workers, the clock stands still until the test moves
 * it.
 */
#ifndef PL_TESTS_CALLS_H
#define PL_TESTS_CALLS_H

#include "support/testing.h"

#include "api/call.h"
#include "engine/engine.h"
#include "identity/identity.h"
#include "org/change.h"
#include "json/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct call_world {
    char directory[64], file[96];
    store *store;
    catalogue *catalogue;
    engine *engine;
    org *org;
    unsigned char key[32];
    api_limits limits;
    api_services services;
    identity_caller caller;
    int64_t now;
    uint64_t random;
    pl_arena arena;
    pl_error error;
    pl_buf answer;
} call_world;

static call_world world;

static inline void call_world_open(void) {
    strcpy(world.directory, "/tmp/plumbline-test-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    snprintf(world.file, sizeof world.file, "%s/test.db", world.directory);
    pl_arena_init(&world.arena, 64 << 20);
    pl_buf_init(&world.answer, 16 << 20);
    world.now = 1760000000000;
    world.random = 7;
    if (store_open(&world.store, pl_str_from(world.file), NULL, &world.error) != 0 ||
        catalogue_open(&world.catalogue, NULL, &world.error) != 0)
        fail_msg("%s", world.error.message);
    engine_config config = {.store = world.store,
                            .catalogue = world.catalogue,
                            .clock = pl_clock_fixed(&world.now),
                            .random = pl_random_sequence(&world.random)};
    if (engine_open(&world.engine, &config, &world.error) != 0)
        fail_msg("%s", world.error.message);
    world.limits = (api_limits){.rules_per_account = 10, .packs_per_account = 5};
    world.services = (api_services){.store = world.store,
                                    .catalogue = world.catalogue,
                                    .engine = world.engine,
                                    .server_key = world.key,
                                    .limits = &world.limits,
                                    .clock = config.clock,
                                    .random = config.random};
    world.caller = (identity_caller){.kind = IDENTITY_USER,
                                     .account_id = PL_STR("1203000000000042"),
                                     .principal_id = PL_STR("220000000000000001"),
                                     .name = PL_STR("alice")};
}

/* Makes the caller a management account with a group that holds itself; returns the group's id. */
static inline const char *call_group(void) {
    org_config config = {
        .store = world.store, .clock = world.services.clock, .random = world.services.random};
    org_caller caller = {.account_id = world.caller.account_id, .now = world.now, .arena = &world.arena};
    org_group_member member = {world.caller.account_id, PL_STR("main")};
    org_group_request request = {.name = PL_STR("everyone"),
                                 .description = PL_STR("all accounts"),
                                 .type = ORG_GROUP_CUSTOM,
                                 .members = &member,
                                 .member_count = 1,
                                 .members_given = true};
    pl_str id = PL_STR_NONE;
    if (org_open(&world.org, &config, &world.error) != 0 ||
        org_enable_directory(world.org, &caller, PL_STR("main"), NULL, &world.error) != 0 ||
        org_create_group(world.org, &caller, &request, &id, &world.error) != 0)
        fail_msg("%s: %s", world.error.code, world.error.message);
    world.services.org = world.org;
    return pl_arena_cstr(&world.arena, id);
}

static inline void call_world_close(void) {
    engine_close(world.engine);
    org_close(world.org);
    store_close(world.store);
    catalogue_close(world.catalogue);
    pl_arena_free(&world.arena);
    pl_buf_free(&world.answer);
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", world.file, endings[i]);
        unlink(path);
    }
    rmdir(world.directory);
}

static inline api_value call_value(pl_str name, pl_json json) {
    api_value value = {.name = name, .json = json, .type = API_STRING};
    pl_buf text;
    pl_buf_init(&text, 4 << 20);
    pl_json_write_text(&text, json);
    value.text = pl_arena_copy(&world.arena, pl_buf_str(&text));
    pl_buf_free(&text);
    (void)pl_json_i64(json, &value.number);
    (void)pl_json_bool(json, &value.flag);
    bool object = pl_json_is_object(json);
    if (!object && !pl_json_is_array(json))
        return value;
    value.type = object ? API_OBJECT : API_ARRAY;
    value.items = pl_new(&world.arena, api_value, pl_json_count(json) + 1);
    pl_str key;
    pl_json child;
    for (pl_json_walk w = pl_json_children(json); pl_json_step(&w, &key, &child);)
        value.items[value.count++] = call_value(key, child);
    return value;
}

/* Runs the handler once; everything but the answer's text lies in `arena`. 0, or -1 with `error` filled. */
static inline int call_once(int (*handler)(api_call *), const api_value *input, pl_arena *arena,
                            pl_error *error) {
    static const struct api_product product = {.missing = {"Missing{Name}", "{Name} is mandatory.", 400},
                                               .invalid = {"Invalid{Name}", "{Name} is not valid.", 400}};
    static struct api_parameter group[] = {{.name = PL_STR_INIT("AggregatorId")}};
    static struct api_operation operation = {.name = PL_STR_INIT("Test"), .product = &product};
    bool aggregate = false;
    for (size_t i = 0; i < input->count; i++)
        aggregate = aggregate || pl_str_is(input->items[i].name, "AggregatorId");
    operation.parameters = aggregate ? group : NULL;
    operation.parameter_count = aggregate;
    pl_writer writer;
    pl_buf_clear(&world.answer);
    pl_writer_begin(&writer, &world.answer, PL_FORMAT_JSON, PL_STR("Test"));
    *error = (pl_error){0};
    api_call one = {.operation = &operation,
                    .input = input,
                    .services = &world.services,
                    .caller = &world.caller,
                    .out = &writer,
                    .arena = arena,
                    .error = error,
                    .now = world.now};
    if (handler(&one) != 0)
        return -1;
    pl_writer_end(&writer);
    return world.answer.failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

#ifdef PL_TESTS_WITH_FAULTS
#include "support/store_faults.h"

static inline int call_try(int (*handler)(api_call *), const api_value *input) {
    pl_arena arena;
    pl_arena_init(&arena, 64 << 20);
    int status = call_once(handler, input, &arena, &world.error);
    if (status == 0 && arena.failed) /* the gateway does not let it out, either */
        status = pl_fail(&world.error, PL_E_ServiceUnavailable);
    pl_arena_free(&arena);
    return status;
}

/* Answers are told apart by their lengths: tokens in them are never twice the same. */
static inline void check_answer(size_t *length) {
    if (*length && *length != world.answer.n)
        fail_msg("answers of %zu and %zu bytes: %.*s", *length, world.answer.n,
                 PL_FMT(pl_buf_str(&world.answer)));
    *length = world.answer.n;
}

/*
 * A try without memory is refused for that reason, or as the call is refused anyway, or it answers all the
 * same; nothing is committed.
 */
static inline void call_without_memory(int (*handler)(api_call *), const api_value *input, char *refusal) {
    bool failed = true;
    size_t length = 0;
    commits_fail = true;
    for (long successes = 0; failed; successes += 1 + successes / 40) {
        fault_begin(FAULT_ALLOCATION, successes);
        int status = call_try(handler, input);
        failed = fault_end();
        if (status == 0)
            check_answer(&length);
        else if (world.error.http_status < 500)
            snprintf(refusal, sizeof world.error.code, "%s", world.error.code);
    }
    commits_fail = false;
}

/*
 * Tries the call while more and more of its statements succeed. A try fails with ServiceUnavailable and
 * leaves nothing behind, or ends as the call ends: 0 done, -1 refused.
 */
static inline int call_with_faults(int (*handler)(api_call *), const api_value *input) {
    char refusal[sizeof world.error.code] = "";
    bool failed = true;
    int status = -1;
    call_without_memory(handler, input, refusal);
    for (long successes = 0; failed; successes++) {
        fault_begin(FAULT_STEP, successes);
        status = call_try(handler, input);
        failed = fault_end() && status != 0 && world.error.http_status >= 500;
    }
    if (refusal[0] && (status == 0 || strcmp(refusal, world.error.code) != 0))
        fail_msg("without memory: %s", refusal);
    return status;
}
#else
static inline int call_with_faults(int (*handler)(api_call *), const api_value *input) {
    (void)handler;
    (void)input;
    return 1;
}
#endif

/* Calls the handler; the answer as JSON, or a missing value when it failed (world.error tells). */
static inline pl_json call(int (*handler)(api_call *), const char *input) {
    pl_json root;
    if (pl_json_parse_in(&world.arena, pl_str_from(input), &root, &world.error) != 0)
        fail_msg("%s: %s", input, world.error.message);
    api_value value = call_value(PL_STR_NONE, root);
    int status = call_with_faults(handler, &value);
    if (status == 1)
        status = call_once(handler, &value, &world.arena, &world.error);
    if (status != 0)
        return PL_JSON_NONE;
    if (pl_json_parse_in(&world.arena, pl_buf_str(&world.answer), &root, &world.error) != 0)
        fail_msg("answer: %.*s", PL_FMT(pl_buf_str(&world.answer)));
    return root;
}

/* The same for a call that must succeed. */
static inline pl_json call_well(int (*handler)(api_call *), const char *input) {
    pl_json answer = call(handler, input);
    if (!pl_json_exists(answer))
        fail_msg("%s: %s: %s", input, world.error.code, world.error.message);
    return answer;
}

/* A call that must fail with this code. */
static inline void call_refused(int (*handler)(api_call *), const char *input, const char *code) {
    if (pl_json_exists(call(handler, input)))
        fail_msg("%s: accepted, wanted %s", input, code);
    if (strcmp(world.error.code, code) != 0)
        fail_msg("%s: got %s (%s), wanted %s", input, world.error.code, world.error.message, code);
}

/* The value behind member names separated by points ("ConfigRule.Source.Owner", "List.0.Name"). */
static inline pl_json at(pl_json node, const char *path) {
    pl_str rest = pl_str_from(path), part;
    while (pl_str_split(&rest, '.', &part)) {
        int64_t index = 0;
        node = pl_json_is_array(node) && pl_str_to_i64(part, &index) ? pl_json_at(node, (size_t)index)
                                                                     : pl_json_get(node, part);
    }
    return node;
}

#define assert_text(answer, path, wanted)                                                                    \
    do {                                                                                                     \
        pl_buf text_;                                                                                        \
        pl_buf_init(&text_, 1 << 20);                                                                        \
        pl_json_write_text(&text_, at((answer), (path)));                                                    \
        if (!pl_str_is(pl_buf_str(&text_), (wanted)))                                                        \
            fail_msg("%s: got \"%.*s\", wanted \"%s\"", (path), PL_FMT(pl_buf_str(&text_)), (wanted));       \
        pl_buf_free(&text_);                                                                                 \
    } while (0)

/* Formatted input in the test's arena. */
#define input_of(...) pl_arena_printf(&world.arena, __VA_ARGS__).p

static inline int call_setup(void **state) {
    (void)state;
    world = (call_world){0};
#ifdef PL_TESTS_WITH_FAULTS
    commits_fail = false;
#endif
    call_world_open();
    return 0;
}

static inline int call_teardown(void **state) {
    (void)state;
    call_world_close();
    return 0;
}

#endif
