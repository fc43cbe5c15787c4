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

/*
 * Sends one request. `parameters` is urlencoded: the query of a GET, the form body of a POST. Any answer of
 * the server is a success here; -1 with ServiceUnavailable when none came.
 */
int cli_client_send(cli_client *client, pl_arena *arena, bool post, pl_str action, pl_str version,
                    pl_str parameters, cli_answer *answer, pl_error *error);

/*
 * Posts a JSON body and parses the answer into the arena. An answer with an error status becomes this error:
 * its code, status and message.
 */
int cli_client_post_json(cli_client *client, pl_arena *arena, pl_str action, pl_str version, pl_str body,
                         pl_json *answer, pl_error *error);

/*
 * Sends one request to an operation found by its path. An answer with an error status becomes this error, as
 * with cli_client_post_json.
 */
int cli_client_send_path(cli_client *client, pl_arena *arena, const char *method, const char *path,
                         pl_str action, pl_str version, const char *content_type, pl_str body,
                         cli_answer *answer, pl_error *error);

#endif
