/* The worker pool: who runs what, in which order, and that nothing is lost when it ends. */
#include "gateway/workers.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { THREADS = 4, REQUESTS = 200, PUTTERS = 4 };

/* What the requests of one test note; `open` lets those go on that wait at the gate. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    size_t began, ended;
    int order[REQUESTS];
    pthread_t threads[REQUESTS];
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static gateway_request requests[REQUESTS];

static int set_up(void **state) {
    (void)state;
    seen.open = false;
    seen.began = seen.ended = 0;
    for (int i = 0; i < REQUESTS; i++)
        requests[i] = (gateway_request){.state = i};
    return 0;
}

static void note(gateway_request *r) {
    pthread_mutex_lock(&seen.lock);
    seen.threads[seen.began] = pthread_self();
    seen.order[seen.began++] = r->state;
    seen.ended++;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void note_and_wait(gateway_request *r) {
    pthread_mutex_lock(&seen.lock);
    seen.order[seen.began++] = r->state;
    pthread_cond_broadcast(&seen.changed);
    while (!seen.open)
        pthread_cond_wait(&seen.changed, &seen.lock);
    seen.ended++;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_for(const size_t *count, size_t least) {
    pthread_mutex_lock(&seen.lock);
    while (*count < least)
        pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_for_idle(workers *w, size_t count) {
    while (workers_idle(w) != count)
        sched_yield();
}

static void open_gate(void) {
    pthread_mutex_lock(&seen.lock);
    seen.open = true;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void the_thread_used_last_is_used_again(void **state) {
    (void)state;
    workers *w = workers_new(THREADS, note);
    for (size_t i = 0; i < REQUESTS; i++) {
        wait_for_idle(w, THREADS);
        workers_put(w, &requests[i]);
        wait_for(&seen.ended, i + 1);
    }
    workers_free(w);
    for (size_t i = 1; i < REQUESTS; i++)
        assert_true(pthread_equal(seen.threads[i], seen.threads[0]));
}

static void slow_requests_take_all_threads_before_one_queues(void **state) {
    (void)state;
    workers *w = workers_new(THREADS, note_and_wait);
    wait_for_idle(w, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        workers_put(w, &requests[i]);
        wait_for(&seen.began, i + 1);
        assert_int_equal(workers_idle(w), THREADS - i - 1);
    }
    workers_put(w, &requests[THREADS]);
    assert_int_equal(seen.began, THREADS);
    open_gate();
    wait_for(&seen.ended, THREADS + 1);
    wait_for_idle(w, THREADS);
    workers_free(w);
    assert_int_equal(seen.order[THREADS], THREADS);
}

static void what_waits_is_begun_in_the_order_of_its_arrival_also_at_the_end(void **state) {
    (void)state;
    workers *w = workers_new(1, note_and_wait);
    for (size_t i = 0; i < REQUESTS; i++)
        workers_put(w, &requests[i]);
    wait_for(&seen.began, 1);
    open_gate();
    workers_free(w);
    assert_int_equal(seen.ended, REQUESTS);
    for (int i = 0; i < REQUESTS; i++)
        assert_int_equal(seen.order[i], i);
}

typedef struct putter {
    workers *w;
    size_t from;
} putter;

static void *put_some(void *argument) {
    const putter *p = argument;
    for (size_t i = p->from; i < REQUESTS; i += PUTTERS)
        workers_put(p->w, &requests[i]);
    return NULL;
}

static void each_request_of_many_threads_runs_once(void **state) {
    (void)state;
    pthread_t threads[PUTTERS];
    putter putters[PUTTERS];
    bool ran[REQUESTS] = {false};
    workers *w = workers_new(THREADS, note);
    for (size_t i = 0; i < PUTTERS; i++) {
        putters[i] = (putter){w, i};
        assert_int_equal(pthread_create(&threads[i], NULL, put_some, &putters[i]), 0);
    }
    for (size_t i = 0; i < PUTTERS; i++)
        pthread_join(threads[i], NULL);
    workers_free(w);
    assert_int_equal(seen.ended, REQUESTS);
    for (size_t i = 0; i < REQUESTS; i++) {
        assert_false(ran[seen.order[i]]);
        ran[seen.order[i]] = true;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_thread_used_last_is_used_again, set_up),
        cmocka_unit_test_setup(slow_requests_take_all_threads_before_one_queues, set_up),
        cmocka_unit_test_setup(what_waits_is_begun_in_the_order_of_its_arrival_also_at_the_end, set_up),
        cmocka_unit_test_setup(each_request_of_many_threads_runs_once, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
