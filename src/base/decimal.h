/*
 * Exact decimal numbers as text: compared digit by digit, never through binary floating point.
 *
 * A pl_decimal is a view into the text it was read from; it owns nothing.
 */
#ifndef PL_BASE_DECIMAL_H
#define PL_BASE_DECIMAL_H

#include "base/str.h"

typedef struct pl_decimal {
    pl_str digits;     /* from the first to the last digit that is not 0; may hold one point */
    int64_t magnitude; /* power of ten of the first digit */
    int sign;          /* -1, 0 (the number is 0) or 1 */
} pl_decimal;

/*
 * Reads [+-]?(digits[.digits]|.digits)([eE][+-]?digits)? with blanks around it (reference/operators.json,
 * commonRules). False on anything else and on an exponent beyond +-10^15; nothing is written then.
 */
bool pl_decimal_parse(pl_str text, pl_decimal *out);

/* Negative, 0 or positive as `a` is smaller than, equal to or greater than `b`. */
int pl_decimal_compare(const pl_decimal *a, const pl_decimal *b);

#endif
