/*
 * A small house for tests of operations: store, organisation and identities, with real credentials. Calls go
 * the way of the gateway without its wire: the parameters are bound and checked by the operation's
 * specification, the call is authorized, the handler runs.
 */
#ifndef PL_TESTS_HOUSE_H
#define PL_TESTS_HOUSE_H

#include "support/testing.h"

#include "api/bind.h"
#include "api/call.h"
#include "api/tables/find.h"
#include "api/tables/products.gen.h"
#include "identity/identity.h"
#include "org/org.h"
#include "support/database.h"
#include "json/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct house {
    test_database database;
    char key_file[128];
    store *store;
    org *org;
    identity *identity;
    api_binder *binder;
    api_services services;
    unsigned char server_key[32];
    int64_t now;
    identity_root root; /* of the first account */
    identity_caller caller;
    pl_arena arena;
    pl_error error;
    identity_denial denial;
    pl_buf answer;
} house;

static const char *house_driver = "sqlite";
static house h;

static inline void house_connect(void) {
    org_config directory = {.store = h.store, .clock = pl_clock_fixed(&h.now), .random = pl_random_system()};
    identity_config config = {
        .store = h.store, .clock = directory.clock, .random = directory.random, .key_file = h.key_file};
    if (org_open(&h.org, &directory, &h.error) != 0)
        fail_msg("%s", h.error.message);
    config.org = h.org;
    if (identity_open(&h.identity, &config, &h.error) != 0)
        fail_msg("%s", h.error.message);
    org_hooks hooks = {.context = NULL};
    identity_org_hooks(h.identity, &hooks);
    org_set_hooks(h.org, &hooks);
    h.services = (api_services){.store = h.store,
                                .identity = h.identity,
                                .org = h.org,
                                .clock = directory.clock,
                                .random = directory.random,
                                .server_key = h.server_key};
}

/* The caller becomes whoever owns this key. */
static inline void house_be(const char *id, const char *token) {
    identity_key key;
    if (identity_find_key(h.identity, &h.arena, pl_str_from(id), pl_str_from(token), h.now, &key, &h.error))
        fail_msg("%s: %s", h.error.code, h.error.message);
    h.caller = key.caller;
}

static inline void house_be_root(void) {
    house_be(h.root.access_key_id, NULL);
}

static inline int house_open(void **state) {
    bool created;
    identity_root wanted = {.account_id = ""};
    (void)state;
    h = (house){.now = 1790000000000};
    pl_arena_init(&h.arena, 256 << 20);
    pl_buf_init(&h.answer, 16 << 20);
    if (test_database_new(&h.database, house_driver) != 0)
        return -1;
    snprintf(h.key_file, sizeof h.key_file, "/tmp/plumbline-key-%d-%p", getpid(), (void *)&h);
    unlink(h.key_file);
    if (store_open(&h.store, pl_str_from(h.database.url), NULL, &h.error) != 0)
        fail_msg("%s", h.error.message);
    h.binder = api_binder_new(api_products, api_product_count, &h.error);
    assert_non_null(h.binder);
    house_connect();
    if (identity_bootstrap(h.identity, &wanted, &h.root, &created, &h.error) != 0 || !created)
        fail_msg("%s", h.error.message);
    house_be_root();
    return 0;
}

static inline void house_disconnect(void) {
    store_close(h.store);
    identity_close(h.identity);
    org_close(h.org);
}

static inline int house_close(void **state) {
    (void)state;
    house_disconnect();
    test_database_drop(&h.database);
    unlink(h.key_file);
    api_binder_free(h.binder);
    pl_buf_free(&h.answer);
    pl_arena_free(&h.arena);
    return 0;
}

static inline int house_authorize(const struct api_operation *operation, pl_str resource) {
    identity_request request = {.action = operation->ram_action,
                                .resources = &resource,
                                .resource_count = 1,
                                .source_ip = PL_STR("192.0.2.7"),
                                .now = h.now};
    return operation->ram_action.n && !operation->ram_by_handler
               ? identity_authorize(h.identity, &h.arena, &h.caller, &request, &h.denial, &h.error)
               : 0;
}

/* The answer as JSON; a missing value when the call failed (h.error tells). */
static inline pl_json house_call(const char *product, const char *version, const char *action,
                                 const char *parameters) {
    const struct api_operation *operation;
    const api_value *input;
    api_fields fields = {.items = NULL};
    pl_json root = PL_JSON_NONE;
    pl_writer writer;
    h.error = (pl_error){0};
    assert_int_equal(api_find(pl_str_from(product), pl_str_from(version), pl_str_from(action), &operation),
                     API_FOUND);
    assert_non_null(operation->handler);
    pl_buf_clear(&h.answer);
    pl_writer_begin(&writer, &h.answer, PL_FORMAT_JSON, operation->name);
    if (api_fields_decode(&fields, &h.arena, pl_str_from(parameters), false, &h.error) != 0 ||
        api_fields_merge(&fields, &h.error) != 0 ||
        api_bind(h.binder, operation, &fields, &h.arena, &input, &h.error) != 0)
        return PL_JSON_NONE;
    api_call one = {.operation = operation,
                    .input = input,
                    .services = &h.services,
                    .caller = &h.caller,
                    .out = &writer,
                    .arena = &h.arena,
                    .error = &h.error,
                    .now = h.now,
                    .source_ip = PL_STR("192.0.2.7"),
                    .denial = &h.denial,
                    .request_id = PL_STR("7B8A4E7D-6CFF-471D-84DF-195A7A241ECB")};
    if (house_authorize(operation,
                        pl_arena_printf(&h.arena, "acs:%.*s:*:%.*s:*",
                                        PL_FMT(pl_str_head(operation->ram_action,
                                                           pl_str_find_char(operation->ram_action, ':'))),
                                        PL_FMT(h.caller.account_id))) != 0 ||
        operation->handler(&one) != 0) {
        api_error_localize(operation, &h.error);
        return PL_JSON_NONE;
    }
    pl_writer_end(&writer);
    if (pl_json_parse_in(&h.arena, pl_buf_str(&h.answer), &root, &h.error) != 0)
        fail_msg("%s answered %.*s", action, PL_FMT(pl_buf_str(&h.answer)));
    return root;
}

static inline pl_json ram(const char *action, const char *parameters) {
    return house_call("Ram", "2015-05-01", action, parameters);
}

static inline pl_json sts(const char *action, const char *parameters) {
    return house_call("Sts", "2015-04-01", action, parameters);
}

static inline pl_json directory(const char *action, const char *parameters) {
    return house_call("ResourceManager", "2020-03-31", action, parameters);
}

/* The text at a path such as "Users.User.0.UserName"; numbers and truths as text. */
static inline pl_str at(pl_json node, const char *path) {
    pl_str rest = pl_str_from(path), part;
    uint64_t index;
    while (pl_str_split(&rest, '.', &part))
        node = pl_str_to_u64(part, &index) ? pl_json_at(node, index) : pl_json_get(node, part);
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_json_write_text(&text, node);
    pl_str copy = pl_json_exists(node) ? pl_arena_copy(&h.arena, pl_buf_str(&text)) : PL_STR_NONE;
    pl_buf_free(&text);
    return copy;
}

static inline const char *text_at(pl_json node, const char *path) {
    return pl_arena_cstr(&h.arena, at(node, path));
}

#define assert_answer(expression)                                                                            \
    do {                                                                                                     \
        pl_json answer_ = (expression);                                                                      \
        if (!pl_json_exists(answer_))                                                                        \
            fail_msg("%s failed: %d %s %s", #expression, h.error.http_status, h.error.code,                  \
                     h.error.message);                                                                       \
    } while (0)

#define assert_refused(expression, wanted_status, wanted_code)                                               \
    do {                                                                                                     \
        pl_json answer_ = (expression);                                                                      \
        if (pl_json_exists(answer_))                                                                         \
            fail_msg("%s succeeded, wanted %s", #expression, wanted_code);                                   \
        assert_string_equal(h.error.code, wanted_code);                                                      \
        assert_int_equal(h.error.http_status, wanted_status);                                                \
    } while (0)

#define HOUSE_TEST(function) cmocka_unit_test_setup_teardown(function, house_open, house_close)

/* Runs the cases on SQLite and on PostgreSQL. */
#define house_run(cases)                                                                                     \
    (house_driver = "sqlite", cmocka_run_group_tests_name("sqlite", cases, NULL, NULL)) +                    \
        (house_driver = "postgres", cmocka_run_group_tests_name("postgres", cases, NULL, NULL))

#endif
