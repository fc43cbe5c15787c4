/*
 * Heap memory behind one door, so that tests can fail the n-th allocation.
 *
 * Long-lived objects use these; everything that dies with a request, batch or program uses an arena.
 */
#ifndef PL_BASE_MEMORY_H
#define PL_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc, realloc and free; NULL when memory is exhausted. The caller owns the result. */
void *pl_malloc(size_t size) __attribute__((malloc, warn_unused_result));
void *pl_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
void *pl_realloc(void *old, size_t size) __attribute__((warn_unused_result));
void pl_free(void *p);

/*
 * For tests: lets `successes` more allocations of this thread succeed, then fails every further one.
 * A negative number switches the injection off.
 */
void pl_memory_fail_after(long successes);

/*
 * For tests: as pl_memory_fail_after, but only one allocation fails, which shows who does not look at its
 * result: what follows succeeds.
 */
void pl_memory_fail_once(long successes);

/* For tests: switches the injection off; true when an allocation has failed by it. */
bool pl_memory_fail_end(void);

/* For tests: how often this thread has asked for memory here. */
uint64_t pl_memory_allocations(void);

/* True while an allocation of this thread is going to fail: arenas then make a block for each of theirs. */
bool pl_memory_is_short(void);

#endif
