/*
 * Handlers that do everything, reading, changing and answering, inside one store work.
 *
 * The work may run more than once; what it wrote to the answer before is thrown away each time.
 */
#ifndef API_ANSWER_H
#define API_ANSWER_H

#include "api/call.h"
#include "identity/entities.h"

/* Reads or changes through `session`, and writes the answer. 0, or -1 with call->error filled. */
typedef int (*api_work)(api_call *call, store_session *session);

/* Runs the work on a snapshot, or in a write transaction (api_write). */
int api_answer_read(api_call *call, api_work work);
int api_answer_write(api_call *call, api_work work);

/*
 * As api_answer_read, for answers that are asked for often: while nothing in the store changes, what the work
 * wrote is repeated without running it. Besides the store, the answer may depend on the operation, the
 * caller's account and `key` only; not on the time, the caller or other rooms' memory.
 */
int api_answer_kept(api_call *call, pl_str key, api_work work);

/* The caller's account as identities see it. */
identity_scope api_scope(const api_call *call, store_session *session);

/* A time as "2026-01-31T08:05:09Z"; `milliseconds` 0 gives an empty text. */
void api_write_time(pl_writer *out, const char *name, int64_t milliseconds);
void api_write_text(pl_writer *out, const char *name, pl_str value);

/* --- Lists with Marker and MaxItems ------------------------------------------------------------------------
 */

typedef struct api_marker {
    pl_str after;  /* the last name of the page before; absent: from the first */
    int64_t limit; /* names on this page */
} api_marker;

/* -1 when the marker is not one of this operation. */
int api_marker_open(api_call *call, api_marker *marker);

/* IsTruncated and, when there is more, the Marker behind `last`. */
void api_marker_write(api_call *call, bool more, pl_str last);

/* --- Parameters --------------------------------------------------------------------------------------------
 */

/* The list `name` of Key and Value; -1 (invalid `name`) when a key is empty or comes twice. */
int api_read_tags(api_call *call, const char *name, identity_tag **tags, size_t *count);

/* Policy.Length and the like are documented with other codes and statuses by other operations. */
int api_refuse_document(api_call *call, pl_error_code length_code);

#endif
