/* Parsing JSON text into a tape. The only file pair that knows simdjson is parser.h/parser.cc. */
#ifndef PL_JSON_PARSER_H
#define PL_JSON_PARSER_H

#include "base/arena.h"
#include "base/error.h"
#include "json/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_JSON_MAX_DEPTH = 1024, PL_JSON_PADDING = 64 };

typedef struct pl_json_parser pl_json_parser;

/* A parser for documents of up to `max_bytes` bytes; one thread at a time. NULL without memory. */
pl_json_parser *pl_json_parser_new(size_t max_bytes);
void pl_json_parser_free(pl_json_parser *parser);

/*
 * Parses one document into `*root`, valid until the parser's next parse. The text is UTF-8 and need not be
 * padded. -1 with InvalidParameter and the byte offset in `error->position` when it is not JSON, is too
 * large, nested deeper than PL_JSON_MAX_DEPTH, or holds a number beyond 64 bits and double range.
 */
int pl_json_parse(pl_json_parser *parser, pl_str text, pl_json *root, pl_error *error);

/* As pl_json_parse for a text that has PL_JSON_PADDING readable bytes behind it: no copy is made. */
int pl_json_parse_padded(pl_json_parser *parser, pl_str text, pl_json *root, pl_error *error);

/* Parses into an arena: the tape lives as long as the arena does. For parameters, rules and other small
 * texts. */
int pl_json_parse_in(pl_arena *arena, pl_str text, pl_json *root, pl_error *error);

/* Copies a parsed document's tape and strings into an arena; NONE on failure. `root` must be a document's
 * root. */
pl_json pl_json_keep(pl_arena *arena, const pl_json_parser *parser, pl_json root);

/* Offset of the first byte at which `text` stops being JSON; its length when it ends too early. */
size_t pl_json_locate_error(pl_str text);

/* Offset in `text` at which a node of its tape begins (a member's key is a node); for error messages. */
size_t pl_json_locate_node(pl_str text, pl_json node);

/* Appends the path of a node below `root`, as `$.a[2]["b c"]`; a member's key has the member's path. */
void pl_json_path(pl_buf *out, pl_json root, pl_json node);

#ifdef __cplusplus
}
#endif
#endif
