/* Many clients at once: nothing is mixed up, one token has one effect, a stop in the middle is clean. */
#include "gateway/toy.h"

enum { CLIENTS = 8, CALLS = 40 };

typedef struct client {
    toy *server; /* shared: gateway and clock only */
    toy own;     /* arena and nonces of this client */
    int number;
    int wrong;
    int one_token; /* calls with the shared token that succeeded */
} client;

static void mixed_call(client *c, int i) {
    toy *t = &c->own;
    pl_str text = pl_arena_printf(&t->arena, "c%dx%d", c->number, i);
    toy_request q = {.method = i % 2 ? "GET" : "POST", .action = "Echo", .nonce = text.p};
    pl_str query = pl_arena_printf(&t->arena, "Text=%.*s", PL_FMT(text));
    if (i % 2)
        q.query = query.p;
    else
        q.body = query.p;
    reply r = toy_send(t, i % 3 ? toy_v3(t, q) : toy_v1(t, q));
    c->wrong += r.status != 200 || !pl_str_eq(toy_member(r, "Text"), text);
}

static void token_call(client *c, int i) {
    toy *t = &c->own;
    pl_str nonce = pl_arena_printf(&t->arena, "t%dx%d", c->number, i);
    toy_request q = {
        .method = "POST", .action = "Make", .body = "Name=one&ClientToken=one", .nonce = nonce.p};
    reply r = toy_send(t, toy_v1(t, q));
    c->one_token += r.status == 200;
    c->wrong += r.status != 200 && !pl_str_is(toy_member(r, "Code"), "LastTokenProcessing");
}

static void *run_client(void *argument) {
    client *c = argument;
    for (int i = 0; i < CALLS; i++) {
        mixed_call(c, i);
        if (i % 8 == 0)
            token_call(c, i);
        pl_arena_reset(&c->own.arena);
    }
    return NULL;
}

static void many_clients(void **state) {
    toy *t = *state;
    static client clients[CLIENTS];
    pthread_t threads[CLIENTS];
    int answered = 0;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (client){.server = t, .own = *t, .number = i};
        pl_arena_init(&clients[i].own.arena, 0);
        assert_int_equal(pthread_create(&threads[i], NULL, run_client, &clients[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(clients[i].wrong, 0);
        answered += clients[i].one_token;
        pl_arena_free(&clients[i].own.arena);
    }
    assert_true(answered > 0);
    assert_int_equal(toy_effects, 1);
}

/*
 * Connections take their requests from what others gave back: those that are half received meanwhile, those
 * whose client leaves in the middle, and those that go on with a second one must not meet.
 */
static void requests_that_arrive_in_pieces_are_not_mixed_up(void **state) {
    enum { HALVES = 24, ROUNDS = 3 };
    toy *t = *state;
    int fds[HALVES];
    pl_str texts[HALVES], requests[HALVES];
    for (int i = 0; i < HALVES; i++)
        fds[i] = toy_connect(t);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < HALVES; i++) {
            texts[i] = pl_arena_printf(&t->arena, "piece%dof%d", i, round);
            pl_str body = pl_arena_printf(&t->arena, "Text=%.*s", PL_FMT(texts[i]));
            requests[i] = toy_v1(t, (toy_request){.method = "POST", .action = "Echo", .body = body.p});
            toy_write(fds[i], pl_str_head(requests[i], requests[i].n - 5));
        }
        for (int i = HALVES - 1; i >= 0; i--) {
            if (i % 8 == 5) {
                close(fds[i]);
                fds[i] = toy_connect(t);
                continue;
            }
            toy_write(fds[i], pl_str_skip(requests[i], requests[i].n - 5));
            reply r = toy_read(t, fds[i]);
            assert_int_equal(r.status, 200);
            assert_true(pl_str_eq(toy_member(r, "Text"), texts[i]));
        }
    }
    for (int i = 0; i < HALVES; i++)
        close(fds[i]);
}

static void *stop(void *argument) {
    toy_stop(argument);
    return NULL;
}

static void a_stop_waits_for_the_answer(void **state) {
    toy *t = *state;
    pthread_t stopper;
    int fd = toy_connect(t);
    toy_write(fd, toy_v1(t, (toy_request){.method = "GET", .action = "Slow", .query = "Name=a"}));
    pthread_mutex_lock(&toy_lock);
    while (toy_in_slow == 0)
        pthread_cond_wait(&toy_changed, &toy_lock);
    pthread_mutex_unlock(&toy_lock);
    assert_int_equal(pthread_create(&stopper, NULL, stop, t), 0);
    pthread_mutex_lock(&toy_lock);
    toy_release = true;
    pthread_cond_broadcast(&toy_changed);
    pthread_mutex_unlock(&toy_lock);
    assert_int_equal(toy_read(t, fd).status, 200);
    pthread_join(stopper, NULL);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_clients, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(requests_that_arrive_in_pieces_are_not_mixed_up, toy_set_up,
                                        toy_tear_down),
        cmocka_unit_test_setup_teardown(a_stop_waits_for_the_answer, toy_set_up, toy_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
