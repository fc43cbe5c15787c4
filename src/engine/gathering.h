/* Inside the engine room: gathering one range of a run, from the inventory (run_scan.c) or a page
 * (run_page.c). */
#ifndef ENGINE_GATHERING_H
#define ENGINE_GATHERING_H

#include "engine/run.h"

typedef struct engine_gathering {
    engine_run *run;
    engine_evaluating c;
    engine_typed *typed;
    engine_run_type *type;
    engine_batch *batch;
    engine_kept_writer *kept; /* NULL: no page is made */
    pl_program_state *locating;
    uint32_t *places; /* of the page that is made */
} engine_gathering;

/* Notes what a slot of the program found for the batch's next item. */
int engine_gather_found(engine_gathering *g, size_t slot, engine_found found);

/* Evaluates a resource as the inventory tells it, as the batch's next item. */
int engine_gather_resource(engine_gathering *g, const inventory_resource *r, pl_error *error);

/* Evaluates the range from the inventory; the first makes a page of it where the run makes pages. */
int engine_gather_rows(engine_gathering *g, store_session *session, pl_error *error);
int engine_gather_scanned(engine_gathering *g, store_session *session, pl_error *error);

/* Evaluates a range that has a page, from it where it tells enough. */
int engine_gather_page(engine_gathering *g, store_session *session, pl_error *error);

#endif
