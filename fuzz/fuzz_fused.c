/*
 * Documents, one a line, given to one program from their text and on a tape (tests/support/guided.h): both
 * ways refuse or give the same, whatever the documents before have taught the walk. The program is compiled
 * once and never changes; what is learned begins anew with each input, which is given several times over.
 */
#include "../tests/support/guided.h"

#include "condition/trail.h"

#include <stdlib.h>

/* The first time is no reason to learn a document, the second teaches it, and soon its steps are joined. */
enum { PASSES = 6, PATIENCE = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const pl_program *shared_program(void) {
    static pl_program *program;
    pl_arena arena;
    if (program)
        return program;
    pl_arena_init(&arena, 1 << 26);
    program = guided_program(&arena, false);
    pl_arena_free(&arena);
    if (!program)
        abort();
    return program;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pl_str text;
    guided_pair pair;
    pl_arena arena;
    bool accepted;
    pl_arena_init(&arena, 1 << 26);
    if (!guided_open(&pair, &arena, shared_program()))
        abort();
    if (size % 2)
        pair.by_text->trail->follow = trail_follow_plain; /* every processor has it */
    pair.by_text->trail->patience = PATIENCE;
    for (unsigned pass = 0; pass < PASSES; pass++)
        for (pl_str rest = pl_str_of((const char *)data, size); pl_str_split(&rest, '\n', &text);)
            if (!guided_agrees(&pair, text, &accepted))
                abort();
    guided_close(&pair);
    pl_arena_free(&arena);
    return 0;
}
