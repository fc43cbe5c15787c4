/* The house wrapper around malloc, with fault injection for tests. The counter is per thread. */
#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>

static _Thread_local long remaining = -1;
static _Thread_local bool once, refused;
static _Thread_local uint64_t allocations;

static bool refuse(void) {
    refused = true;
    if (once)
        remaining = -1;
    return false;
}

static bool may_allocate(void) {
    allocations++;
    if (__builtin_expect(remaining < 0, 1))
        return true;
    if (remaining == 0)
        return refuse();
    remaining--;
    return true;
}

void *pl_malloc(size_t size) {
    return may_allocate() ? malloc(size ? size : 1) : NULL;
}

void *pl_calloc(size_t count, size_t size) {
    return may_allocate() ? calloc(count ? count : 1, size ? size : 1) : NULL;
}

void *pl_realloc(void *old, size_t size) {
    return may_allocate() ? realloc(old, size ? size : 1) : NULL;
}

void pl_free(void *p) {
    free(p);
}

static void inject(long successes, bool only_one) {
    remaining = successes;
    once = only_one;
    refused = false;
}

void pl_memory_fail_after(long successes) {
    inject(successes, false);
}

void pl_memory_fail_once(long successes) {
    inject(successes, true);
}

bool pl_memory_fail_end(void) {
    remaining = -1;
    return refused;
}

uint64_t pl_memory_allocations(void) {
    return allocations;
}

bool pl_memory_is_short(void) {
    return remaining >= 0;
}
