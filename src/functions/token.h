/*
 * Result tokens: what a function hands back with its results. Sealed, so that nobody can forge or read one;
 * they name rule, account, resource and run, and expire (reference/function-rules.md, section 6).
 */
#ifndef FUNCTIONS_TOKEN_H
#define FUNCTIONS_TOKEN_H

#include "base/digest.h"
#include "engine/function.h"

enum { TOKEN_VALID_MS = 24 * 3600 * 1000 };

/* The token of an event, in the arena; absent when it cannot be made. */
pl_str token_make(const unsigned char key[static PL_SEAL_KEY_SIZE], const pl_random *random, pl_arena *arena,
                  const engine_function_event *event, int64_t expires);

/* Opens a token; texts live in the arena. Invalid.ResultToken.Value when it is not one, or has expired. */
int token_open(const unsigned char key[static PL_SEAL_KEY_SIZE], pl_arena *arena, pl_str token, int64_t now,
               engine_function_event *event, pl_error *error);

#endif
