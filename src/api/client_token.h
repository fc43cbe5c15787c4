/*
 * ClientToken: the same token with the same parameters has one effect and one answer for 24 hours
 * (reference/gateway.md, section 10).
 *
 * Three parts: a set of the calls running in this process, the table client_tokens (migration 0001), and
 * api_write, which stores a call's effect and its row in one transaction. The answer is kept as a JSON object
 * of its members without RequestId, whatever format the client asked for.
 *
 * After a crash: no row, no effect (with api_write), so the repeated call runs. A row, the effect is stored:
 * the repeated call gets the answer as far as it was written in that transaction. A handler that stores
 * without api_write has its row written right after it returned; a crash in between lets a repetition run
 * again.
 */
#ifndef API_CLIENT_TOKEN_H
#define API_CLIENT_TOKEN_H

#include "api/call.h"
#include "api/fields.h"

enum { API_CLIENT_TOKEN_MAX = 64, API_CLIENT_TOKEN_MS = 24 * 3600 * 1000 };

/* The calls with tokens that run in this process. */
typedef struct api_client_tokens api_client_tokens;

/* Empty; the caller frees it. NULL without memory. */
api_client_tokens *api_client_tokens_new(void);
void api_client_tokens_free(api_client_tokens *tokens);

/* The token of one call; lives in its arena. */
typedef struct api_client_token {
    pl_str key; /* account, action and token in one text */
    pl_str account_id;
    pl_str action; /* "Config:CreateConfigRule" */
    pl_str text;
    char hash[65];      /* of all parameters but ClientToken */
    bool recorded;      /* the row is in the table */
    pl_str response;    /* what the row holds */
    int64_t created_at; /* Unix milliseconds */
} api_client_token;

/*
 * Takes up the call's ClientToken. Without one nothing happens. `*replay` becomes the kept answer when the
 * call was made before; it must then not run. Otherwise call->client_token is set, and api_client_token_end
 * must follow. Fails with IdempotentParameterMismatch, LastTokenProcessing, or the code of a wrong
 * ClientToken.
 */
int api_client_token_begin(api_client_tokens *tokens, api_call *call, const api_fields *fields,
                           pl_str *replay);

/*
 * The call has ended: with success `response` is kept, otherwise the token may be used again. -1 when the
 * answer could not be kept; the effect is stored all the same.
 */
int api_client_token_end(api_client_tokens *tokens, api_call *call, bool success, pl_str response,
                         pl_error *error);

/* The kept answers of an account that is deleted. */
int api_client_tokens_forget(store_session *session, pl_str account_id, pl_error *error);

#endif
