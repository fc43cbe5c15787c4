/* Inside the engine room: background work. */
#ifndef ENGINE_WORK_H
#define ENGINE_WORK_H

#include "engine/run.h"

/* A worker thread; `context` is the engine. */
void *engine_worker(void *context);

/* Starts the rules whose schedule is due; `*worked` is set when there was one. */
int engine_work_schedules(engine *e, int64_t now, bool *worked, pl_error *error);

/* Lifts ignore marks whose day has come. */
int engine_work_marks(engine *e, int64_t now, bool *worked, pl_error *error);

/* When the rule's schedule asks for its next run. ServiceUnavailable without memory. */
int engine_next_scheduled(const engine_rule *rule, int64_t last_run, int64_t *next, pl_error *error);

/* Writes the figures of the day that has ended, once. */
int engine_work_statistics(engine *e, int64_t now, bool *worked, pl_error *error);

#endif
