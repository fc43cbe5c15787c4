/* Kept columns: their names, what an open page tells, and the checksum of a body. */
#include "engine/kept_form.h"

enum { LANES = 4 };

static const uint64_t odd = 0x9e3779b97f4a7c15ULL;

/* Against accidents, in independent lanes so that the multiplications overlap. */
uint64_t engine_kept_checksum(const kept_header *head, const char *bytes, size_t n) {
    uint64_t lanes[LANES] = {head->magic ^ (uint64_t)head->records << 32,
                             head->columns ^ (uint64_t)head->words << 32,
                             head->values ^ (uint64_t)head->shapes << 32,
                             head->strings ^ (uint64_t)head->string_bytes << 32},
             words[LANES], sum = n;
    while (n) {
        size_t taken = n < sizeof words ? n : sizeof words;
        if (taken < sizeof words)
            memset(words, 0, sizeof words);
        memcpy(words, bytes, taken);
        for (size_t i = 0; i < LANES; i++)
            lanes[i] = (lanes[i] ^ words[i] ^ lanes[i] >> 32) * odd;
        bytes += taken;
        n -= taken;
    }
    for (size_t i = 0; i < LANES; i++)
        sum = ((sum << 23 | sum >> 41) ^ lanes[i] ^ lanes[i] >> 32) * odd;
    return sum ^ sum >> 29;
}

/* The checksum, which tells pages apart that ever stood in one place. */
int64_t engine_kept_identity(pl_str body) {
    kept_header h;
    int64_t identity;
    if (body.n < sizeof h)
        return 0;
    memcpy(&h, body.p, sizeof h);
    memcpy(&identity, &h.checksum, sizeof identity);
    return h.records == 0 ? 0 : identity ? identity : 1;
}

int engine_kept_columns_of(pl_arena *arena, const pl_program *program, bool scopes, engine_kept_columns *out,
                           pl_error *error) {
    static const pl_str extras[KEPT_EXTRA] = {
        PL_STR_INIT("configuration"), PL_STR_INIT("region"), PL_STR_INIT("id"),
        PL_STR_INIT("group"),         PL_STR_INIT("name"),   PL_STR_INIT("tags")};
    const pl_column *columns;
    size_t extra = scopes ? KEPT_EXTRA : 1;
    out->program = pl_program_columns(program, &columns);
    out->count = out->program + extra;
    out->names = pl_arena_calloc(arena, out->count, PL_COLUMN_NAME);
    if (!out->names)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < out->program; i++)
        memcpy(out->names[i], columns[i].name, PL_COLUMN_NAME);
    for (size_t i = 0; i < extra; i++)
        if (!pl_column_name(extras[i], out->names[out->program + i]))
            return pl_fail(error, PL_E_ServiceUnavailable);
    return 0;
}

/* Columns of a program come by name, those of a page as well, so each is looked for behind the last. */
bool engine_kept_bind(const engine_kept_page *page, const engine_kept_columns *wanted, uint32_t *map) {
    size_t at = 0;
    for (size_t i = 0; i < wanted->count; i++) {
        size_t looked = 0;
        while (looked < page->columns && memcmp(page->names[at], wanted->names[i], PL_COLUMN_NAME) != 0) {
            at = at + 1 < page->columns ? at + 1 : 0;
            looked++;
        }
        if (looked == page->columns)
            return false;
        map[i] = (uint32_t)at;
    }
    return true;
}

void engine_kept_places(const engine_kept_page *page, size_t record, const uint32_t *map, size_t count,
                        uint32_t *places) {
    for (size_t i = 0; i < count; i++) {
        const engine_kept_column *column = &page->by_column[map[i]];
        places[i] = column->places[column->codes[record]];
    }
}

pl_str engine_kept_text(const engine_kept_page *page, uint32_t place) {
    return pl_json_str(pl_json_move(page->root, place));
}
