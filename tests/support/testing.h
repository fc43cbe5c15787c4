/* What every cmocka test file starts with, and the few helpers that tests share. */
#ifndef PL_TESTS_TESTING_H
#define PL_TESTS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

/* Byte-wise comparison that shows both texts. */
#define assert_str(actual, literal)                                                                          \
    do {                                                                                                     \
        pl_str actual_ = (actual);                                                                           \
        pl_str wanted_ = pl_str_from(literal);                                                               \
        if (!pl_str_eq(actual_, wanted_))                                                                    \
            fail_msg("got \"%.*s\", wanted \"%.*s\"", PL_FMT(actual_), PL_FMT(wanted_));                     \
    } while (0)

#endif
