/*
 * A client of a running server: signs with ACS3-HMAC-SHA256 and sends over one kept connection. What `call`
 * and `import --endpoint` use.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/arena.h"
#include "base/error.h"
#include "json/tape.h"

typedef struct cli_client cli_client;

/*
 * Opens a client. Key: `credentials.json` in the data directory, else ALIBABA_CLOUD_ACCESS_KEY_ID, ..._SECRET
 * and ALIBABA_CLOUD_SECURITY_TOKEN. Endpoint: `endpoint`, else the file's, else http://127.0.0.1:7586. The
 * caller closes *out. Fails with InvalidParameter when no key is found.
 */
int cli_client_open(cli_client **out, const char *endpoint, const char *data_directory, pl_error *error);
void cli_client_close(cli_client *client); /* NULL is fine */

/* The answer of a server: the body lies in the arena. */
typedef struct cli_answer {
    int status;
    pl_str body;
} cli_answer;

/* One request. Nothing of it is kept. */
typedef struct cli_request {
    const char *method;       /* "GET", "POST", "PUT" */
    const char *path;         /* NULL: / */
    pl_str action, version;   /* of the operation: "GetCallerIdentity", "2015-04-01" */
    pl_str query;             /* urlencoded */
    const char *content_type; /* NULL without a body */
    pl_str body;
} cli_request;

/* A request with urlencoded parameters: the query of a GET, the form body of a POST. */
cli_request cli_request_of(bool post, pl_str action, pl_str version, pl_str parameters);

/* Sends it. Any answer of the server is a success here; -1 with ServiceUnavailable when none came. */
int cli_client_send(cli_client *client, pl_arena *arena, const cli_request *request, cli_answer *answer,
                    pl_error *error);

/*
 * As cli_client_send, but an answer with an error status becomes this error: its code, status and message.
 */
int cli_client_ask(cli_client *client, pl_arena *arena, const cli_request *request, cli_answer *answer,
                   pl_error *error);

#endif
