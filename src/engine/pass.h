/*
 * Inside the engine room: a pass, the runs of an account that stand at the same place and go through the
 * inventory as one.
 *
 * Its runs are taken with leases that each batch renews; the work of a killed node goes on elsewhere, from
 * the last batch that was stored. A run whose row is gone, or was started anew, is abandoned at its next
 * batch.
 */
#ifndef ENGINE_PASS_H
#define ENGINE_PASS_H

#include "engine/run.h"

typedef struct engine_pass {
    engine *e;
    engine_run run;
    char lease[ENGINE_NODE_TEXT + 21]; /* names this pass of this process in the rows */
    unsigned hands; /* threads that take part; with `next` and `closed` guarded by the engine's work_lock */
    bool closed;    /* nobody joins any more */
    struct engine_pass *next;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t turned;
    uint64_t tickets, turn; /* handed out; the one to be stored next */
    pl_str type;            /* position of what is stored durably */
    int64_t key;
    bool lost; /* all rules are */
    bool failed;
    bool done;
} engine_pass;

/* --- pass.c: its way through the inventory ----------------------------------------------------------------
 */

/* True from the beginning of engine_stop. */
bool engine_is_stopping(engine *e);

/*
 * Takes what waits, for this thread; `*out` NULL: nothing does, or nothing is left of it. `*worked` is set
 * when something waited. What is taken ends in engine_pass_work or engine_pass_abandon.
 */
int engine_pass_take(engine *e, engine_pass **out, bool *worked, pl_error *error);

/* Shows the pass to the other threads, which may then join it. */
void engine_pass_publish(engine_pass *pass);

/* A pass that others work at, with this thread as one more hand; NULL when there is none. */
engine_pass *engine_pass_join(engine *e);

/*
 * A thread's whole part in a pass, which is gone for it afterwards. With `one_batch` it stops after one, and
 * must be the only hand.
 */
int engine_pass_work(engine_pass *pass, bool one_batch, pl_error *error);

/* Gives a pass that nobody else has joined back as it is. */
void engine_pass_abandon(engine_pass *pass);

/* --- pass_rows.c: the rows of its runs, inside a transaction ----------------------------------------------
 */

/* Whether any run waits that nobody has a lease of. */
int engine_pass_any(store_session *session, int64_t now, bool *any, pl_error *error);

/*
 * Takes the run that waits longest, and all that stand where it stands. `*any` false: none waits. When `*any`
 * is true, also on failure, the pass's run has begun and has to be ended.
 */
int engine_pass_fill(engine_pass *pass, store_session *session, int64_t now, bool *any, pl_error *error);

/* Which of its rules are still the pass's as their rows stand; `*lost`: none is. Their counts begin anew. */
int engine_pass_check(engine_pass *pass, store_session *session, bool *lost, pl_error *error);

/* Stores how far the rules have come, and what they counted; `ends`: they have come to their end. */
int engine_pass_move(engine_pass *pass, store_session *session, int64_t now, bool ends, pl_error *error);

/* Gives the runs back, so that they go on at once, here or elsewhere. */
int engine_pass_release(engine_pass *pass, store_session *session, pl_error *error);

#endif
