/*
 * A small API client: requests signed with V3, answers parsed. Used by `call` and by `import --endpoint`.
 * One thread at a time; the connection is reused.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/arena.h"
#include "base/error.h"
#include "json/tape.h"

typedef struct cli_client cli_client;

/* A parameter of a call; views. */
typedef struct cli_parameter {
    pl_str name, value;
} cli_parameter;

/*
 * Opens a client. The endpoint is `endpoint`, else the one of credentials.json in `directory`; the key is
 * that of the environment (ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET, ALIBABA_CLOUD_SECURITY_TOKEN) when it is
 * set, else that of the file. InvalidParameter when there is neither.
 */
int cli_client_open(cli_client **out, const char *endpoint, const char *directory, pl_error *error);
void cli_client_close(cli_client *client); /* NULL is fine */

/*
 * Calls an operation with form parameters, or with a JSON body. The answer is parsed into the arena. An API
 * error fails with its own code, status and message.
 */
int cli_client_call(cli_client *client, pl_arena *arena, pl_str action, pl_str version,
                    const cli_parameter *parameters, size_t count, pl_json *answer, pl_error *error);
int cli_client_post_json(cli_client *client, pl_arena *arena, pl_str action, pl_str version, pl_str body,
                         pl_json *answer, pl_error *error);

#endif
