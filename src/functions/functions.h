/*
 * The functions room: code that customers bring, run in sandboxes, and the events of function rules that it
 * is run for (reference/function-rules.md). It owns the tables of functions (functions/record.h), the
 * instances and the threads that deliver events; the queue itself and the results are the engine's
 * (engine/function.h).
 *
 * INVARIANT: an event leaves the queue only with its result, or after its last failed try; whatever an
 * instance does, it costs at most its own event one try.
 */
#ifndef FUNCTIONS_FUNCTIONS_H
#define FUNCTIONS_FUNCTIONS_H

#include "engine/engine.h"
#include "functions/record.h"
#include "identity/identity.h"

typedef struct functions functions;

typedef struct functions_config {
    store *store;
    engine *engine;
    const catalogue *catalogue; /* forms of the ARNs that events tell */
    identity *identity;
    pl_clock clock;
    pl_random random;
    const pl_log *log;     /* may be NULL */
    const char *program;   /* path of this program */
    pl_str region;         /* told to functions */
    unsigned workers;      /* events delivered at once; 0: 8 */
    unsigned instances;    /* instances of all functions; 0: 16; at most SANDBOX_SLOTS_MAX */
    unsigned per_function; /* instances of one function, and events of it at once; 0: 4 */
    unsigned idle_seconds; /* after which an instance is ended; 0: 60 */
    int64_t retry_ms;      /* before the second try, five times that before the third; 0: 5000 */
    bool unsafe;           /* run without a sandbox where there can be none */
} functions_config;

/* The server that functions call back; there is one when the gateway listens. */
typedef struct functions_link {
    const unsigned char *server_key; /* PL_SEAL_KEY_SIZE bytes: seals result tokens */
    const char *endpoint;            /* told to functions without a sandbox */
    /* Takes over a connection that a function has opened to a vendor host; -1: it did not. */
    int (*serve)(void *context, int descriptor);
    void *context;
} functions_link;

/* Opens the room. Everything in `config` outlives it. */
int functions_open(functions **out, const functions_config *config, pl_error *error);

/* Begins to deliver events. What `link` points to outlives functions_stop. */
int functions_start(functions *f, const functions_link *link, pl_error *error);

/* Ends what runs (events stay queued, invocations fail) and begins nothing new. NULL is fine for both. */
void functions_stop(functions *f);
void functions_close(functions *f);

/* Why no function can run here; the absent view when they can. */
pl_str functions_refusal(const functions *f);

/* Whether this runtime can be run here: known, and installed. */
bool functions_has_runtime(const functions *f, pl_str runtime);

/* What came of an invocation. Texts live in the caller's arena. */
typedef struct functions_outcome {
    pl_str body;       /* the function's answer, or the error document */
    pl_str error_type; /* empty: the function ended well; else HandledInvocationError,
                          UnhandledInvocationError, InitializationError */
    pl_str code;       /* of a failure as rules show it: TimeOut, FunctionInvokeError, FunctionUnreachable */
    pl_str message;    /* of a failure */
    pl_str log;        /* the end of what the function wrote before it answered, between lines that tell begin
                          and end of the invocation */
    pl_str instance_id;
    int64_t duration_ms, memory_mb;
} functions_outcome;

/*
 * Runs a function once and waits for it; `retries` tries of the same event have failed before. A function
 * that fails is an outcome, not an error. -1: ServiceUnavailable when no instance could be had (the sandbox,
 * the limits of instances), with the reason.
 */
int functions_invoke(functions *f, pl_arena *arena, const function_record *function, pl_str payload,
                     pl_str request_id, int64_t retries, functions_outcome *out, pl_error *error);

/*
 * For callers that wait on a thread which functions need in order to call back: false when too many do
 * already. Every true is followed by functions_leave.
 */
bool functions_enter(functions *f);
void functions_leave(functions *f);

/* Stores an asynchronous invocation inside the caller's transaction; it is run with retries afterwards. */
int functions_invoke_later(functions *f, store_session *session, const function_record *function,
                           pl_str payload, pl_str request_id, int64_t now, pl_error *error);

/* Instances of other revisions end when they are idle. To be called after a function has changed or gone. */
void functions_changed(functions *f, pl_str account_id, pl_str name);

/* The last lines that a function's instances have written here, since the start of the server. */
int functions_log(functions *f, pl_arena *arena, pl_str account_id, pl_str name, pl_str *text,
                  pl_error *error);

/*
 * Hands in results (PutEvaluations): `evaluations` is a JSON array, or missing. The caller's account must be
 * the one that owns the rule. Invalid.ResultToken.Value, Invalid.Evaluations.Value; then nothing is stored.
 */
int functions_put_evaluations(functions *f, pl_str caller_account, pl_str token, pl_json evaluations,
                              bool delete_mode, int64_t now, pl_error *error);

typedef struct functions_counts {
    int64_t running, instances, idle;           /* invocations, and sandboxes */
    int64_t invocations, failures, cold_starts; /* since the start */
} functions_counts;

/* May be called by any thread. */
void functions_count_all(functions *f, functions_counts *counts);

#endif
