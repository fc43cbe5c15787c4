/* Inside the engine room: the engine itself. */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H

#include "base/map.h"
#include "engine/view.h"

enum { ENGINE_VIEWS_MAX = 4096, ENGINE_WORKERS_MAX = 64, ENGINE_NODE_TEXT = 17 };

struct engine {
    engine_config config;
    char node[ENGINE_NODE_TEXT]; /* names this process in leases */

    pthread_mutex_t views_lock; /* guards `views`; held for a look-up or a swap only */
    pl_map views;               /* account id -> engine_view */

    pthread_mutex_t work_lock; /* guards what follows */
    pthread_cond_t work_wake;
    bool work_stop;
    uint64_t work_wanted; /* goes up with every reason to look for work */
    pthread_t workers[ENGINE_WORKERS_MAX];
    unsigned worker_count;
    bool listens;               /* for news of other nodes; the store is open as long */
    unsigned workers_begun;     /* atomic */
    uint64_t passes_begun;      /* atomic */
    struct engine_pass *passes; /* runs that other threads may join (pass.c) */
    int64_t unlisted;           /* atomic: about so many results wait to be listed; negative: not known */
};

/* Values of InvokingEventMessageType as stored. */
typedef enum engine_message_type {
    ENGINE_BY_CHANGE,
    ENGINE_BY_SCHEDULE,
    ENGINE_BY_HAND,
} engine_message_type;

/* The channel on which nodes tell each other of queued runs. */
#define ENGINE_WAKE_CHANNEL PL_STR("engine_wake")

/* The name as InvokingEventMessageType has it, and the type of a name; by hand when it is no such name. */
pl_str engine_message_name(engine_message_type type);
engine_message_type engine_message_find(pl_str name);

#endif
