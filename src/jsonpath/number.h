/* Exact comparison of the numbers on a tape. */
#ifndef PL_JSONPATH_NUMBER_H
#define PL_JSONPATH_NUMBER_H

#include "base/decimal.h"
#include "json/tape.h"

/* Room for the text of any number of a tape. */
typedef struct pl_number_text {
    char bytes[48];
} pl_number_text;

/* True for a number; a missing node is none. */
static inline bool pl_number_is(pl_json node) {
    char tag = node.tape ? pl_json_tag(node) : '\0';
    return tag == 'l' || tag == 'u' || tag == 'd';
}

/* The shortest decimal text of a number; the view lies in `text`. The node must be a number. */
pl_str pl_number_text_of(pl_json node, pl_number_text *text);
pl_str pl_number_text_of_i64(int64_t value, pl_number_text *text);

/* Negative, 0 or positive; both nodes must be numbers. */
int pl_number_compare(pl_json a, pl_json b);

#endif
