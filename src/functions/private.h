/* Inside the functions room: the room itself and its instances. */
#ifndef FUNCTIONS_PRIVATE_H
#define FUNCTIONS_PRIVATE_H

#include "engine/function.h"
#include "engine/rules.h"
#include "functions/functions.h"
#include "functions/sandbox.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    FUNCTION_KEY = 112, /* account/name */
    INSTANCE_KEY = 256,
    INSTANCE_ID = 37,
    LOG_TAIL = 4096,       /* bytes of log that an invocation answers with */
    LOG_KEPT = 32 << 10,   /* bytes of log kept of a function */
    LOG_MOST = 16 << 20,   /* bytes an invocation may write before its instance is ended */
    LOGS_MOST = 512,       /* functions of which logs are kept */
    ANSWER_MOST = 6 << 20, /* bytes of an answer */
    LANES_MOST = 256,
    WORKERS_MOST = 64,
    ATTEMPTS = 3,
    WAITING_CALLERS = 8,
    REPORT_MS_MOST = 600000 /* longest wait for a report after the invocation began */
};

/* The end of a stream of bytes. */
typedef struct tail {
    char *bytes;
    size_t size;
    uint64_t written; /* in all; the newest byte lies at (written - 1) % size */
} tail;

/* What was written behind `from`, as far as it is still there; in the arena. */
pl_str tail_read(const tail *t, pl_arena *arena, uint64_t from);

/* Logs of one function. */
typedef struct function_log {
    char key[FUNCTION_KEY];
    char bytes[LOG_KEPT];
    tail tail;
    struct function_log *next;
} function_log;

/*
 * One sandbox with a runtime. The pool's lock guards all but the request under way, which belongs to the
 * thread that has set `busy`. Only the watcher frees instances.
 */
typedef struct instance {
    struct instance *next;
    char key[INSTANCE_KEY]; /* account/name/version/revision */
    char function[FUNCTION_KEY];
    char id[INSTANCE_ID];
    char directory[SANDBOX_PATH];
    unsigned slot;
    uint16_t port; /* of the runtime's server: 9000, or one of the host's when unsafe */
    sandbox box;
    bool started; /* `box` is filled */
    bool busy, ending, exited;
    bool over_memory, over_output;
    bool silent; /* its output is closed */
    int exit_status;
    int64_t memory_mb, peak_mb, idle_since;
    int64_t busy_cpu_ms; /* processor time at the end of the last invocation */
    unsigned accepted;   /* connections to the server, never less than are open */
    bool was_busy;       /* since it was measured last */
    bool initialized;    /* its initializer has run, or it has none */
    tail log;
    char log_bytes[LOG_TAIL];
    char line[LOG_TAIL]; /* the beginning of one that is not written to its end */
    size_t line_length;
    uint64_t log_from; /* where the invocation under way began to write */
    CURL *curl;
} instance;

typedef struct lane lane;

struct functions {
    functions_config config;
    sandbox_host host;         /* filled when functions_settle has returned */
    struct preparing *finding; /* the thread that fills it */
    char node[17];
    functions_link link;
    atomic_bool linked; /* `link` is filled */

    pthread_mutex_t lock; /* guards the pool: what follows up to the lanes */
    pthread_cond_t freed; /* an instance became idle or is gone */
    instance *instances;
    unsigned instance_count;
    bool slots[SANDBOX_SLOTS_MAX];
    function_log *logs;
    size_t log_count;
    functions_counts counts;
    unsigned waiting_callers;
    int64_t measured_ns; /* when instances were measured last, monotonic */
    bool closing;
    int wake[2]; /* a pipe: the watcher has to look again */
    pthread_t watcher;
    bool has_watcher;

    pthread_mutex_t queue_lock; /* guards the lanes and what follows */
    pthread_cond_t queue_wake;  /* for the claimer */
    pthread_cond_t work;        /* for the workers */
    lane *lanes;
    lane *next_lane; /* where the next worker begins to look */
    size_t lane_count;
    uint64_t wanted;
    unsigned running_jobs;
    int64_t claimed_key; /* the claimer's alone: rules up to here were looked at last */
    int64_t renewed_ms;  /* the claimer's alone: when claims were renewed, monotonic */
    bool stopping;
    pthread_t claimer;
    bool has_claimer;
    pthread_t workers[WORKERS_MOST];
    unsigned worker_count;
    bool listens; /* for events of the engine */
};

/* --- What the host offers (host.c) --- */

/* Begins to find it out, on a thread of its own when one can be had. ServiceUnavailable without memory. */
int functions_prepare_host(functions *f, pl_error *error);

/* Waits until `host` is known: trying a sandbox takes longer than all else of a start, so it is done aside.
 */
void functions_settle(const functions *f);

/* Removes what finding out has made on the host. Fine when it has not begun. */
void functions_clean_host(functions *f);

/* --- What an instance writes (logs.c); the pool's lock is held --- */

/* Takes all that has been written so far; ends an instance that writes too much. */
void instance_read_log(functions *f, instance *i);

/* Adds a line of the server's own behind that. */
void instance_note(functions *f, instance *i, pl_str line);

/* --- Starting one (runtime.c) --- */

/* Fills the instance's box; -1 with the reason. */
int instance_start(functions *f, const function_record *function, instance *i, pl_error *error);

/* --- Instances (instance.c) --- */

/* The thread that reads logs, hands connections on, measures memory and buries the dead. */
void *instance_watch(void *context);
void instance_wake_watcher(functions *f);

/* An instance of this function, warm or new, that is this thread's alone; waits for one until `deadline_ns`.
 */
int instance_acquire(functions *f, const function_record *function, int64_t deadline_ns, instance **out,
                     pl_error *error);

/* Gives it back; `end` when it must not be used again. */
void instance_release(functions *f, instance *i, bool end);

/* --- Credentials (credentials.c) --- */

/* A session of the function's role, for its context. */
int function_credentials(functions *f, pl_arena *arena, const function_record *function, int64_t now,
                         identity_session *session, pl_error *error);

/* --- Events (event.c) --- */

/* The event document with its token; `*found` false when rule or resource are gone. */
int event_document(functions *f, store_session *session, pl_arena *arena, const engine_function_event *event,
                   int64_t now, pl_str *document, engine_rule *rule, bool *found, pl_error *error);

/* --- Delivery (dispatch.c) --- */

/* Starts the workers; -1 with ServiceUnavailable when no thread can be had. dispatch_stop waits for them. */
int dispatch_start(functions *f, pl_error *error);
void dispatch_stop(functions *f);

#endif
