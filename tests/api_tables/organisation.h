/*
 * Calls of operations as clients make them, without the wire: parameters are bound to the operation's
 * specification and given to its handler. One database and one organisation for each test.
 */
#ifndef PL_TESTS_ORGANISATION_H
#define PL_TESTS_ORGANISATION_H

#include "support/testing.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/bind.h"
#include "api/call.h"
#include "api/tables/products.gen.h"
#include "base/digest.h"
#include "base/encode.h"
#include "identity/identity.h"
#include "org/change.h"
#include "json/parser.h"

#define MANAGER "1000000000000001"
#define STRANGER "1000000000000002"

typedef struct organisation {
    char directory[64];
    store *store;
    org *org;
    api_services services;
    api_limits limits;
    api_binder *binder;
    uint64_t seed;
    int64_t now;
    pl_arena arena;
    pl_buf out;
    pl_error error;
    identity_caller caller;
    pl_json answer;
} organisation;

static const struct api_product *const test_products[] = {&api_product_resourcemanager_2020_03_31,
                                                          &api_product_resourcedirectorymaster_2022_04_19,
                                                          &api_product_config_2020_09_07};

static inline void open_organisation(organisation *t, const org_limits *limits) {
    *t = (organisation){.seed = 7, .now = 1700000000123};
    snprintf(t->directory, sizeof t->directory, "/tmp/plumbline-org-XXXXXX");
    assert_non_null(mkdtemp(t->directory));
    char url[128];
    snprintf(url, sizeof url, "sqlite:%s/plumbline.db", t->directory);
    pl_arena_init(&t->arena, 0);
    pl_buf_init(&t->out, 1 << 20);
    assert_int_equal(store_open(&t->store, pl_str_from(url), NULL, &t->error), 0);
    org_config config = {.store = t->store,
                         .clock = pl_clock_fixed(&t->now),
                         .random = pl_random_sequence(&t->seed),
                         .limits = limits ? *limits : (org_limits){0}};
    assert_int_equal(org_open(&t->org, &config, &t->error), 0);
    t->binder = api_binder_new(test_products, 3, &t->error);
    assert_non_null(t->binder);
    t->services.store = t->store;
    t->services.org = t->org;
    static const unsigned char key[PL_SEAL_KEY_SIZE] = {1};
    t->services.server_key = key;
    t->services.limits = &t->limits;
    t->services.random = config.random;
    t->services.clock = config.clock;
    t->caller = (identity_caller){.kind = IDENTITY_USER, .account_id = PL_STR(MANAGER)};
}

static inline void close_organisation(organisation *t) {
    api_binder_free(t->binder);
    store_close(t->store);
    org_close(t->org);
    pl_buf_free(&t->out);
    pl_arena_free(&t->arena);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", t->directory);
    assert_int_equal(system(command), 0);
}

static inline const struct api_operation *test_operation(const struct api_product *product,
                                                         const char *action) {
    for (size_t i = 0; i < product->operation_count; i++) {
        if (pl_str_is(product->operations[i].name, action))
            return &product->operations[i];
    }
    fail_msg("no operation %s", action);
    return NULL;
}

/* Pairs of name and value, ended by NULL. 0 with t->answer parsed, or -1 with t->error. */
static inline int call_list(organisation *t, const struct api_product *product, const char *action,
                            va_list pairs) {
    api_fields fields = {0};
    const char *name;
    while ((name = va_arg(pairs, const char *))) {
        pl_str value = pl_str_from(va_arg(pairs, const char *));
        api_field field = {.name = pl_str_from(name), .value = pl_arena_copy(&t->arena, value)};
        assert_int_equal(api_fields_add(&fields, &t->arena, field, &t->error), 0);
    }
    api_call call = {.operation = test_operation(product, action),
                     .services = &t->services,
                     .caller = &t->caller,
                     .arena = &t->arena,
                     .error = &t->error,
                     .now = t->now};
    pl_writer out;
    call.out = &out;
    pl_buf_clear(&t->out);
    pl_writer_begin(&out, &t->out, PL_FORMAT_JSON, PL_STR("Answer"));
    int failed = api_fields_merge(&fields, &t->error) ||
                 api_bind(t->binder, call.operation, &fields, &t->arena, &call.input, &t->error) ||
                 call.operation->handler(&call);
    if (failed)
        return -1;
    pl_writer_end(&out);
    pl_str text = pl_arena_copy(&t->arena, pl_buf_str(&t->out));
    assert_int_equal(pl_json_parse_in(&t->arena, text, &t->answer, &t->error), 0);
    return 0;
}

static inline int call_product(organisation *t, const struct api_product *product, const char *action, ...) {
    va_list pairs;
    va_start(pairs, action);
    int failed = call_list(t, product, action, pairs);
    va_end(pairs);
    return failed;
}

#define CALL_OK(t, ...)                                                                                      \
    do {                                                                                                     \
        if (call_product((t), &api_product_resourcemanager_2020_03_31, __VA_ARGS__, NULL))                   \
            fail_msg("%s: %s", (t)->error.code, (t)->error.message);                                         \
    } while (0)

#define CALL_FAILS(t, status, wanted, ...)                                                                   \
    do {                                                                                                     \
        assert_int_equal(call_product((t), &api_product_resourcemanager_2020_03_31, __VA_ARGS__, NULL), -1); \
        assert_string_equal((t)->error.code, (wanted));                                                      \
        assert_int_equal((t)->error.http_status, (status));                                                  \
    } while (0)

#define CONFIG_OK(t, ...)                                                                                    \
    do {                                                                                                     \
        if (call_product((t), &api_product_config_2020_09_07, __VA_ARGS__, NULL))                            \
            fail_msg("%s: %s", (t)->error.code, (t)->error.message);                                         \
    } while (0)

#define CONFIG_FAILS(t, status, wanted, ...)                                                                 \
    do {                                                                                                     \
        assert_int_equal(call_product((t), &api_product_config_2020_09_07, __VA_ARGS__, NULL), -1);          \
        assert_string_equal((t)->error.code, (wanted));                                                      \
        assert_int_equal((t)->error.http_status, (status));                                                  \
    } while (0)

/* The value at a dotted path of the answer; numbers are array indices. */
static inline pl_json at(const organisation *t, const char *path) {
    pl_json node = t->answer;
    pl_str rest = pl_str_from(path), part;
    while (pl_str_split(&rest, '.', &part)) {
        int64_t index;
        node = pl_str_to_i64(part, &index) ? pl_json_at(node, (size_t)index) : pl_json_get(node, part);
    }
    return node;
}

static inline pl_str text_at(const organisation *t, const char *path) {
    return pl_json_str(at(t, path));
}

static inline const char *keep_at(organisation *t, const char *path) {
    const char *copy = pl_arena_cstr(&t->arena, text_at(t, path));
    assert_non_null(copy);
    assert_true(*copy);
    return copy;
}

static inline int64_t number_at(const organisation *t, const char *path) {
    int64_t number = -1;
    assert_true(pl_json_i64(at(t, path), &number));
    return number;
}

static inline void act_as(organisation *t, const char *account_id) {
    t->caller.account_id = pl_str_from(account_id);
}

/* Opens a directory for MANAGER; returns the root folder's id. */
static inline const char *open_directory(organisation *t) {
    CALL_OK(t, "InitResourceDirectory");
    return keep_at(t, "ResourceDirectory.RootFolderId");
}

static inline const char *make_folder(organisation *t, const char *parent, const char *name) {
    CALL_OK(t, "CreateFolder", "ParentFolderId", parent, "FolderName", name);
    return keep_at(t, "Folder.FolderId");
}

static inline const char *make_account(organisation *t, const char *folder, const char *name) {
    CALL_OK(t, "CreateResourceAccount", "ParentFolderId", folder, "DisplayName", name);
    return keep_at(t, "Account.AccountId");
}

#endif
