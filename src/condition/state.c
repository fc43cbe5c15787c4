/* What the parts of an evaluation keep in its working memory for those that ask afterwards. */
#include "condition/program_internal.h"

const pl_error *state_keep_error(pl_program_state *state) {
    pl_error *copy = pl_new(&state->scratch, pl_error, 1);
    if (!copy)
        return &state->memory_error;
    *copy = state->error;
    return copy;
}
