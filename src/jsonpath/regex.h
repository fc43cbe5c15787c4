/*
 * Regular expressions with bounded cost, on PCRE2.
 *
 * A compiled expression lives wholly in the arena it was compiled into (so nothing has to be freed one by
 * one, and the just-in-time compiler, whose memory cannot live there, is not used). It may be shared by
 * threads.
 */
#ifndef PL_JSONPATH_REGEX_H
#define PL_JSONPATH_REGEX_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

typedef struct pl_regex pl_regex;

typedef enum pl_regex_kind {
    PL_REGEX_SEARCH,         /* PCRE2 syntax, anywhere in the text */
    PL_REGEX_I_REGEXP_MATCH, /* RFC 9485, the whole text */
    PL_REGEX_I_REGEXP_SEARCH,
    PL_REGEX_FOLDED_EQUAL, /* the pattern is plain text; letter case (Unicode) is ignored */
    PL_REGEX_FOLDED_PART
} pl_regex_kind;

enum { PL_REGEX_MAX_PATTERN = 16384 };

/*
 * Compiles `pattern` (UTF-8). Sets `*out` to NULL when the pattern is not an expression of its kind; -1 with
 * ServiceUnavailable without memory, InvalidParameter when the pattern is longer than PL_REGEX_MAX_PATTERN.
 */
int pl_regex_compile(pl_arena *arena, pl_str pattern, pl_regex_kind kind, const pl_regex **out,
                     pl_error *error);

/* 1: matches, 0: does not; -1 with InvalidParameter when the match limit is exceeded. */
int pl_regex_test(const pl_regex *regex, pl_str subject, pl_error *error);

/*
 * Translates an I-Regexp (RFC 9485) into a PCRE2 pattern; false when it is not one. `^` and `$` outside
 * classes are anchors.
 */
bool pl_regex_translate(pl_buf *out, pl_str pattern);

#endif
