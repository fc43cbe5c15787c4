/* What the files of grouping share. Not for other rooms. */
#ifndef ENGINE_GROUPING_WORK_H
#define ENGINE_GROUPING_WORK_H

#include "condition/condition.h"
#include "condition/program.h"
#include "engine/grouping.h"

enum { ENGINE_CONTENTS_MAX = 50 };

/* One content of a rule, compiled. */
typedef struct engine_content {
    pl_str group_id;
    bool any;            /* no condition: everything in scope */
    size_t program_rule; /* its number in the program, unless `any` */
} engine_content;

/* Adds the conditions of a rule's contents to the open program. InvalidParameter.RuleContents. */
int engine_compile_grouping(pl_program *program, pl_arena *arena, pl_str contents, engine_content *out,
                            size_t capacity, size_t *count, pl_error *error);

/* Appends the item that says the same of the resource but for its group; the list is closed by the parser. */
void engine_write_moved(pl_buf *out, const inventory_resource *resource, pl_str group_id);
int engine_parse_moved(pl_arena *arena, pl_buf *list, inventory_item **items, size_t *count, pl_error *error);

/* Appends the resource to the list when it may be taken up into another group. */
int engine_grouping_move_existing(engine_grouping *g, const inventory_resource *resource, pl_buf *list,
                                  pl_error *error);

/* engine_ingest_items; without `place` the items stay in the groups that they name. */
int engine_ingest_placed(engine *e, const inventory_item *items, size_t count, bool place, int64_t now,
                         engine_ingested *out, pl_error *error);

#endif
