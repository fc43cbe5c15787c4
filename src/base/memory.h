/*
 * Heap memory behind one door, so that tests can fail the n-th allocation.
 *
 * Long-lived objects use these; everything that dies with a request, batch or program uses an arena.
 */
#ifndef PL_BASE_MEMORY_H
#define PL_BASE_MEMORY_H

#include <stddef.h>

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

#endif
