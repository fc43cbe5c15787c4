/* Requests that are kept for the next: what comes back, how many are kept, and that none has two holders. */
#include "gateway/spares.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 2000, HELD = 3 };

static request_shared shared;

/* The thread stays on its processor for the length of the test: the place is the processor's. */
static void what_is_given_back_is_taken_again(void **state) {
    (void)state;
    cpu_set_t before, here;
    CPU_ZERO(&here);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_SET((unsigned)sched_getcpu(), &here);
    assert_int_equal(sched_setaffinity(0, sizeof here, &here), 0);
    spares *s = spares_new(&shared);
    gateway_request *r = spares_take(s), *other = spares_take(s);
    r->status = 200;
    pl_buf_add(&r->out, PL_STR("an answer"));
    request_reset(r);
    spares_give(s, other);
    spares_give(s, r);
    spares_give(s, NULL);
    assert_ptr_equal(spares_take(s), r);
    assert_ptr_equal(spares_take(s), other);
    assert_int_equal(r->status, 0);
    assert_int_equal(r->out.n, 0);
    assert_true(r->out.capacity > 0);
    assert_int_equal(r->retry_after_ms, -1);
    assert_ptr_equal(r->shared, &shared);
    spares_give(s, r);
    spares_give(s, other);
    spares_free(s);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

/* Those above the limit are freed: the sanitizer would find them lost otherwise, or used after that. */
static void many_are_taken_and_no_more_than_the_limit_kept(void **state) {
    (void)state;
    enum { MANY = SPARES_MOST + SPARES_PLACES + 10 };
    gateway_request *taken[MANY];
    spares *s = spares_new(&shared);
    for (int i = 0; i < MANY; i++) {
        taken[i] = spares_take(s);
        assert_non_null(taken[i]);
        for (int j = 0; j < i; j++)
            assert_ptr_not_equal(taken[i], taken[j]);
    }
    for (int i = 0; i < MANY; i++)
        spares_give(s, taken[i]);
    assert_true(spares_count(s) >= SPARES_MOST);
    assert_true(spares_count(s) <= SPARES_MOST + SPARES_PLACES);
    spares_free(s);
}

static void *take_and_give(void *argument) {
    spares *s = argument;
    gateway_request *held[HELD];
    size_t wrong = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < HELD; i++) {
            held[i] = spares_take(s);
            wrong += !held[i] || held[i]->state != 0;
            held[i]->state = 1; /* two holders would see it, and the thread sanitizer their race */
        }
        for (int i = 0; i < HELD; i++) {
            held[i]->state = 0;
            spares_give(s, held[i]);
        }
    }
    return (void *)(uintptr_t)wrong;
}

static void a_request_has_one_holder(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    spares *s = spares_new(&shared);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, s), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_true(spares_count(s) <= THREADS * HELD);
    spares_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_back_is_taken_again),
        cmocka_unit_test(many_are_taken_and_no_more_than_the_limit_kept),
        cmocka_unit_test(a_request_has_one_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
