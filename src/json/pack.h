/*
 * Documents at rest: a parsed document as one run of bytes that is walked where it lies, without parsing and
 * without copying (docs/decisions/0005-stored-documents.md).
 *
 * The bytes are a header, the tape's words, and its strings, all in this machine's byte order. They are made
 * for one program's own store: a checksum tells truncated, damaged or foreign bytes, so that a reader falls
 * back on the document's text; it does not protect against somebody who forges it.
 */
#ifndef PL_JSON_PACK_H
#define PL_JSON_PACK_H

#include "base/arena.h"
#include "base/error.h"
#include "json/tape.h"

/* Appends the packed form of a node and all below it. False (and out->failed) without memory. */
bool pl_json_pack(pl_buf *out, pl_json node);

/*
 * `*root` becomes the packed document. It lies in `packed`, which has to outlive it; when those bytes are not
 * aligned for 64-bit words, in a copy in `arena`. -1 with InvalidParameter when the bytes are not what
 * pl_json_pack wrote, ServiceUnavailable without memory.
 */
int pl_json_unpack(pl_str packed, pl_arena *arena, pl_json *root, pl_error *error);

#endif
