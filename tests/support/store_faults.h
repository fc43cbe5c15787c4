/*
 * Failures beneath an engine on SQLite: the n-th allocation, it and all that follow, the n-th step of a
 * statement (BEGIN and COMMIT are statements, too), each for growing n. The program that includes this stands
 * between the store and SQLite, so it is included once in a program.
 */
#ifndef PL_TESTS_SUPPORT_STORE_FAULTS_H
#define PL_TESTS_SUPPORT_STORE_FAULTS_H

#include "base/memory.h"
#include "support/testing.h"

#include <dlfcn.h>
#include <sqlite3.h>

static _Thread_local long steps_left = -1; /* that succeed; negative: all */
static _Thread_local bool step_failed;
static bool commits_fail; /* every COMMIT does: nothing that is tried has an effect */

/* Of the steps of all threads that are not spared, every so many; 0: none. */
static _Atomic long others_fail, others_made;
static _Thread_local bool is_spared;

int sqlite3_step(sqlite3_stmt *statement) {
    static int (*real)(sqlite3_stmt *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_step");
    const char *sql = sqlite3_sql(statement);
    if (commits_fail && sql && strcmp(sql, "COMMIT") == 0)
        return SQLITE_IOERR;
    long part = is_spared ? 0 : others_fail;
    if (part && ++others_made % part == 0)
        return SQLITE_IOERR;
    if (steps_left > 0)
        steps_left--;
    else if (steps_left == 0) {
        steps_left = -1;
        step_failed = true;
        return SQLITE_IOERR;
    }
    return real(statement);
}

typedef enum fault { FAULT_ALLOCATION, FAULT_MEMORY, FAULT_STEP, FAULTS } fault;

static inline void fault_begin(fault kind, long successes) {
    step_failed = false;
    if (kind == FAULT_ALLOCATION)
        pl_memory_fail_once(successes);
    else if (kind == FAULT_MEMORY)
        pl_memory_fail_after(successes);
    else
        steps_left = successes;
}

/* True when something has failed by it. */
static inline bool fault_end(void) {
    steps_left = -1;
    return pl_memory_fail_end() || step_failed;
}

/*
 * Prepares and attempts until an attempt is too short for its failure. Late failures are thinned out: what
 * comes late in an attempt has mostly been met before.
 */
static inline void with_faults(fault kind, void (*prepare)(void), void (*attempt)(void)) {
    bool failed = true;
    for (long successes = 0; failed; successes += 1 + successes / 40) {
        prepare();
        fault_begin(kind, successes);
        attempt();
        failed = fault_end();
    }
}

/* The same at every single place: for what is small. */
static inline void with_every_fault(fault kind, void (*prepare)(void), void (*attempt)(void)) {
    bool failed = true;
    for (long successes = 0; failed; successes++) {
        prepare();
        fault_begin(kind, successes);
        attempt();
        failed = fault_end();
    }
}

#endif
