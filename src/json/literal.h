/*
 * Python literals as JSON. Old Python clients form-encode a list parameter with str(), so its text on the
 * wire is [{'accountId': 123, 'annotation': None}] (reference/function-rules.md, section 6).
 */
#ifndef PL_JSON_LITERAL_H
#define PL_JSON_LITERAL_H

#include "base/buf.h"

enum { PL_LITERAL_DEPTH = 64 };

/*
 * Appends the JSON of a Python literal: lists, tuples, dictionaries with text keys, strings (also with prefix
 * u), numbers, None, True, False. False when the text is not one, is nested deeper than PL_LITERAL_DEPTH, or
 * does not fit; the content is then undefined. Whether numbers are well formed is left to the JSON parser.
 */
bool pl_json_from_python(pl_buf *out, pl_str text);

#endif
