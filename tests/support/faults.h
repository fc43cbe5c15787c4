/*
 * Running the same attempt again and again while its first, second, ... allocation fails, once alone and once
 * with all that follow, until none fails any more. An attempt has to end in an error or in what it gives with
 * all the memory; the sanitizers tell what it leaves behind.
 */
#ifndef PL_TESTS_SUPPORT_FAULTS_H
#define PL_TESTS_SUPPORT_FAULTS_H

#include "base/memory.h"
#include "support/testing.h"

/* Returns how many allocations the attempt makes. */
static inline long with_failing_allocations(void (*attempt)(void *), void *argument) {
    long successes = 0;
    for (bool failed = true; failed; successes++) {
        pl_memory_fail_once(successes);
        attempt(argument);
        failed = pl_memory_fail_end();
        if (!failed)
            continue;
        pl_memory_fail_after(successes);
        attempt(argument);
        assert_true(pl_memory_fail_end());
    }
    return successes - 1;
}

#endif
