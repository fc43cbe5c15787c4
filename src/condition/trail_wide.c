/* The walk along a trail for processors with registers of 32 bytes; the build sets the flags for it. */
#include "condition/trail.h"

#if defined(__AVX2__)
#define TRAIL_FOLLOW trail_follow_wide
#include "condition/trail_walk.h"

bool trail_is_wide(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
}
#else
const uint8_t *trail_follow_wide(const trail_step *first, const trail_follower *f, const uint8_t *at) {
    return trail_follow_plain(first, f, at);
}

bool trail_is_wide(void) {
    return false;
}
#endif
