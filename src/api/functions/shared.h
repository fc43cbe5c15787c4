/* What the handlers of functions share, from the bottom of the room to its top. */
#ifndef API_FUNCTIONS_SHARED_H
#define API_FUNCTIONS_SHARED_H

#include "api/route.h"
#include "functions/functions.h"
#include "identity/identity.h"

/* --- The call (call.c) --- */

/* 400 InvalidArgument with a message; always -1. */
int functions_refuse(pl_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* 404 FunctionNotFound; always -1. */
int functions_missing(api_route_call *call, pl_str name);

/*
 * Whether the caller may hand the role (ARN; empty: none) to functions: ram:PassRole on it, acs:Service being
 * fc.aliyuncs.com. NoPermission otherwise: who writes the code acts as the role.
 */
int functions_may_pass(api_route_call *call, pl_str role);

/* The function that the path names, in the version of the query's qualifier; FunctionNotFound. */
int functions_find(api_route_call *call, store_session *session, function_record *out, pl_error *error);

/* --- Members of a body (members.c) --- */

/*
 * Checks every member of a CreateFunction or UpdateFunction body and brings those that are only kept into
 * `members` (JSON object text; in: the stored one). InvalidArgument names the member.
 */
int functions_read_members(api_route_call *call, pl_json body, pl_str *members);

/* Writes the kept members as they came. */
void functions_write_kept(pl_writer *w, pl_str members);

/* True for what says nothing: missing, null, false, 0, empty, or made of such alone. */
bool functions_says_nothing(pl_json node);

/* The checksum that clients send with their code. */
uint64_t functions_crc64(pl_str bytes);

/* --- Answers (answers.c) --- */

/* The region of all functions: names are not kept apart by region. */
#define FUNCTION_REGION PL_STR("cn-shanghai")

/* Opens the answer, a JSON object that begins with the request's id; closes it: InternalError when it has
 * outgrown its buffer. */
void functions_begin(api_route_call *call, pl_writer *w);
int functions_end(api_route_call *call, pl_writer *w);

/* A function object of the answers, and its members alone. */
void functions_write_members(pl_writer *w, const function_record *record, pl_str region);
void functions_write(pl_writer *w, pl_str name, const function_record *record, pl_str region);

/* --- Operations on functions and their code (functions.c); as all below, 0 or -1 with call->error --- */

int functions_create(api_route_call *call);
int functions_get(api_route_call *call);
int functions_update(api_route_call *call);
int functions_delete(api_route_call *call);
int functions_list(api_route_call *call);
int functions_get_code(api_route_call *call);
int functions_download_code(api_route_call *call);
int functions_get_log(api_route_call *call);

/* --- Invoking them (invoke.c) --- */

int functions_run(api_route_call *call);

/* --- Their versions and aliases (versions.c) --- */

int functions_publish(api_route_call *call);
int functions_list_published(api_route_call *call);
int functions_delete_published(api_route_call *call);
int functions_create_alias(api_route_call *call);
int functions_update_alias(api_route_call *call);
int functions_get_alias(api_route_call *call);
int functions_list_of_aliases(api_route_call *call);
int functions_delete_alias(api_route_call *call);

#endif
