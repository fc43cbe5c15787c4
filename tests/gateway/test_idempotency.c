/* ClientToken: one effect and one answer for one token (reference/gateway.md, section 10). */
#include "gateway/toy.h"

#include "api/client_token.h"

static reply make(toy *t, const char *body) {
    return toy_send(t, toy_v1(t, (toy_request){.method = "POST", .action = "Make", .body = body}));
}

static int64_t effects_in(reply r) {
    int64_t number = -1;
    pl_json_i64(pl_json_get(r.json, PL_STR("Effects")), &number);
    return number;
}

static void a_repeated_call_gets_the_first_answer(void **state) {
    toy *t = *state;
    reply first = make(t, "Name=a&ClientToken=t1"), again = make(t, "Name=a&ClientToken=t1");
    assert_int_equal(first.status, 200);
    assert_int_equal(again.status, 200);
    assert_int_equal(effects_in(again), effects_in(first));
    assert_str(toy_member(again, "Id"), "id-1");
    assert_int_equal(toy_effects, 1);
    assert_false(pl_str_eq(toy_member(first, "RequestId"), toy_member(again, "RequestId")));
}

static void the_answer_is_repeated_in_the_format_asked_for(void **state) {
    toy *t = *state;
    make(t, "Name=a&ClientToken=t1");
    reply r = toy_send(t, toy_v1(t, (toy_request){.method = "POST",
                                                  .action = "Make",
                                                  .query = "Format=XML",
                                                  .body = "Name=a&ClientToken=t1"}));
    assert_true(pl_str_ends(r.body, PL_STR("<Id>id-1</Id><Effects>1</Effects></MakeResponse>")));
}

static void other_parameters_are_refused(void **state) {
    toy *t = *state;
    make(t, "Name=a&ClientToken=t1");
    assert_refused(make(t, "Name=b&ClientToken=t1"), 400, "IdempotentParameterMismatch",
                   "updated parameters");
    assert_int_equal(make(t, "Name=b&ClientToken=T1").status, 200);
    assert_int_equal(toy_effects, 2);
}

/* The answer of one account is nothing that another one may have, and neither is its refusal. */
static void accounts_do_not_meet_in_a_token(void **state) {
    toy *t = *state;
    toy_request q = {.method = "POST", .action = "Make", .body = "Name=a&ClientToken=t1"};
    assert_int_equal(effects_in(toy_send(t, toy_v1(t, q))), 1);
    q.key = TOY_OTHER_KEY;
    q.body = "Name=b&ClientToken=t1";
    assert_int_equal(effects_in(toy_send(t, toy_v1(t, q))), 2);
    assert_int_equal(effects_in(toy_send(t, toy_v1(t, q))), 2);
    assert_int_equal(effects_in(make(t, "Name=a&ClientToken=t1")), 1);
    assert_int_equal(toy_effects, 2);
}

static void operations_do_not_meet_in_a_token(void **state) {
    toy *t = *state;
    make(t, "Name=a&ClientToken=t1");
    toy_release = true;
    toy_request q = {.method = "POST", .action = "Slow", .body = "Name=a&ClientToken=t1"};
    reply r = toy_send(t, toy_v1(t, q));
    assert_int_equal(r.status, 200);
    assert_int_equal(toy_in_slow, 1);
    assert_false(pl_json_exists(pl_json_get(r.json, PL_STR("Id"))));
}

static void a_failed_call_is_not_remembered(void **state) {
    toy *t = *state;
    make(t, "Name=a");
    assert_int_equal(make(t, "Name=a&ClientToken=t1").status, 409); /* the name is there already */
    assert_int_equal(make(t, "Name=b&ClientToken=t1").status, 200);
}

static void the_answer_survives_a_restart_but_not_a_day(void **state) {
    toy *t = *state;
    make(t, "Name=a&ClientToken=t1");
    toy_stop(t);
    toy_start(t);
    reply r = make(t, "Name=a&ClientToken=t1");
    assert_int_equal(effects_in(r), 1);
    t->now += 24 * 3600 * 1000 + 1000;
    assert_int_equal(make(t, "Name=c&ClientToken=t1").status, 200);
    assert_int_equal(toy_effects, 2);
}

static void the_same_token_at_the_same_time(void **state) {
    toy *t = *state;
    int fd = toy_connect(t);
    toy_request q = {.method = "POST", .action = "Slow", .body = "Name=a&ClientToken=t1"};
    toy_write(fd, toy_v1(t, q));
    pthread_mutex_lock(&toy_lock);
    while (toy_in_slow == 0)
        pthread_cond_wait(&toy_changed, &toy_lock);
    pthread_mutex_unlock(&toy_lock);
    assert_refused(toy_send(t, toy_v1(t, q)), 403, "LastTokenProcessing", "processing");
    pthread_mutex_lock(&toy_lock);
    toy_release = true;
    pthread_cond_broadcast(&toy_changed);
    pthread_mutex_unlock(&toy_lock);
    assert_int_equal(toy_read(t, fd).status, 200);
    close(fd);
    assert_int_equal(toy_send(t, toy_v1(t, q)).status, 200);
    assert_int_equal(toy_in_slow, 1);
}

static void tokens_have_a_form(void **state) {
    toy *t = *state;
    assert_refused(make(t, "Name=a&ClientToken=t%C3%A4"), 400, "InvalidClientToken", "ClientToken");
    pl_str body = pl_arena_printf(&t->arena, "Name=a&ClientToken=%065d", 1);
    assert_refused(make(t, body.p), 400, "InvalidClientToken", "ClientToken");
}

static int row_count(store_session *session, void *argument, pl_error *error) {
    store_statement *st = store_prepare(session, "SELECT count(*), max(response) FROM client_tokens", error);
    if (store_step(st, error) < 0)
        return -1;
    pl_str response = store_column_text(st, 1);
    snprintf(argument, 200, "%lld %.*s", (long long)store_column_i64(st, 0), PL_FMT(response));
    return 0;
}

/* What a crash right after the handler's transaction would leave: the row with the members written in it. */
static void the_effect_and_its_row_are_one_transaction(void **state) {
    toy *t = *state;
    pl_error error;
    pl_buf out;
    pl_writer w;
    pl_buf_init(&out, 4096);
    pl_writer_begin(&w, &out, PL_FORMAT_JSON, PL_STR(""));
    identity_caller caller = {.account_id = PL_STR("1")};
    api_value members[] = {{.type = API_STRING, .name = PL_STR("Name"), .text = PL_STR("a")},
                           {.type = API_STRING, .name = PL_STR("ClientToken"), .text = PL_STR("t")}};
    api_value input = {.type = API_OBJECT, .items = members, .count = 2};
    api_client_token token = {
        .account_id = PL_STR("1"), .action = PL_STR("Toy:Make"), .text = PL_STR("t"), .created_at = 5};
    api_call call = {.operation = &toy_operations[5],
                     .input = &input,
                     .services = &t->services,
                     .caller = &caller,
                     .out = &w,
                     .arena = &t->arena,
                     .error = &error,
                     .client_token = &token};
    char rows[200];
    assert_int_equal(api_write(&call, toy_store_name, &call), 0);
    assert_int_equal(store_read(t->store, row_count, rows, &error), 0);
    assert_string_equal(rows, "1 {\"Id\":\"id-1\"}");
    /* The same name again violates the table: neither effect nor row. */
    token = (api_client_token){
        .account_id = PL_STR("1"), .action = PL_STR("Toy:Make"), .text = PL_STR("u"), .created_at = 5};
    assert_int_equal(api_write(&call, toy_store_name, &call), -1);
    assert_int_equal(store_read(t->store, row_count, rows, &error), 0);
    assert_string_equal(rows, "1 {\"Id\":\"id-1\"}");
    pl_buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_repeated_call_gets_the_first_answer, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(the_answer_is_repeated_in_the_format_asked_for, toy_set_up,
                                        toy_tear_down),
        cmocka_unit_test_setup_teardown(other_parameters_are_refused, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(accounts_do_not_meet_in_a_token, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(operations_do_not_meet_in_a_token, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(a_failed_call_is_not_remembered, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(the_answer_survives_a_restart_but_not_a_day, toy_set_up,
                                        toy_tear_down),
        cmocka_unit_test_setup_teardown(the_same_token_at_the_same_time, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(tokens_have_a_form, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(the_effect_and_its_row_are_one_transaction, toy_set_up,
                                        toy_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
