/* TemplateContent of compliance packages: reading it must neither crash nor give a rule without a name. */
#include "engine/packs.h"
#include "engine/rows.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static catalogue *known;
    static uint64_t seed = 1;
    pl_error error;
    pl_arena arena;
    engine_template template;
    if (!known && catalogue_open(&known, NULL, &error) != 0)
        abort();
    if (size > 1 << 20)
        return 0;
    pl_arena_init(&arena, (size_t)256 << 20);
    engine_context context = {
        .catalogue = known, .random = pl_random_sequence(&seed), .arena = &arena, .now = 1795000000000};
    if (engine_template_parse(&context, pl_str_of((const char *)data, size), &template, &error) == 0) {
        for (size_t i = 0; i < template.count; i++)
            if (!template.rules[i].name.n)
                __builtin_trap();
    }
    pl_arena_free(&arena);
    return 0;
}
