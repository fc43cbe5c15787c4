/* Following the trail of former documents; learning it is trail_learn.c. */
#include "condition/trail.h"

#include "base/memory.h"
#include "condition/memo.h"

/* A trail is left for a while when less than two documents of three follow it. */
enum {
    CREDIT = 64,
    HIT = 1,
    MISS = 2,
    FIRST_HOLIDAY = 256,
    LAST_HOLIDAY = 1 << 16,
    TRAIL_BYTES = 1 << 20,
    JOINT_BYTES = 1 << 19
};
enum { PATIENCE = 32 };

trail *trail_new(const pl_program *program, memo *memos) {
    trail *t = pl_calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->credit = CREDIT;
    t->follow = trail_is_wide() ? trail_follow_wide : trail_follow_plain;
    t->program = program;
    t->memos = memos;
    t->patience = PATIENCE;
    pl_arena_init(&t->arena, TRAIL_BYTES);
    pl_arena_init(&t->joints, JOINT_BYTES);
    return t;
}

void trail_free(trail *t) {
    if (!t)
        return;
    pl_arena_free(&t->arena);
    pl_arena_free(&t->joints);
    pl_free(t);
}

#define TRAIL_FOLLOW trail_follow_plain
#include "condition/trail_walk.h"

static void take_credit(trail *t, bool followed) {
    t->credit += followed ? HIT : -MISS;
    if (t->credit > CREDIT) {
        t->credit = CREDIT;
    } else if (t->credit < 0) {
        t->holiday = t->holiday == 0             ? FIRST_HOLIDAY
                     : t->holiday < LAST_HOLIDAY ? t->holiday * 2
                                                 : LAST_HOLIDAY;
        t->rest = t->holiday;
        t->credit = CREDIT / 4;
    }
}

bool trail_is_open(trail *t) {
    if (t->rest) {
        t->rest--;
        return false;
    }
    return t->first != NULL;
}

/* Until steps are joined. */
static void observe(trail *t, pl_json_parser *parser, const uint8_t *at, const uint8_t *end) {
    if (t->calm++ >= t->patience)
        trail_look(t, parser, at, end);
    if (t->calm == 2 * t->patience) {
        t->joins++;
        trail_join(t);
    }
}

const uint8_t *trail_follow(trail *t, pl_program_state *state, const uint8_t *at, const uint8_t *end) {
    const trail_follower f = {end, state->slots, state->truths, state->memos, state->parser};
    const uint8_t *reached = t->follow(t->first, &f, at);
    take_credit(t, reached != NULL);
    if (__builtin_expect(t->calm < 2 * t->patience, 0) && reached)
        observe(t, state->parser, at, end);
    return reached; // cppcheck-suppress returnDanglingLifetime -- a place in the text, as `at` is
}
