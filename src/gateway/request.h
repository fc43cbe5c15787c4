/*
 * One request on its way through the gateway, and the steps it takes. Internal to the room.
 *
 * INVARIANT: one thread at a time works on a request: the listener thread that receives it, then perhaps a
 * worker, then the listener again. Buffers and arena are kept for the next request; nothing of a request
 * survives request_reset.
 */
#ifndef GATEWAY_REQUEST_H
#define GATEWAY_REQUEST_H

#include "api/bind.h"
#include "api/client_token.h"
#include "api/route.h"
#include "base/map.h"
#include "gateway/metrics.h"
#include "gateway/nonces.h"
#include "gateway/signature.h"
#include "gateway/throttle.h"

enum { REQUEST_HEADERS_MAX = 100, REQUEST_KEEP_BYTES = 64 << 10, REQUEST_IDS = 16 };

typedef enum request_kind { REQUEST_V1, REQUEST_V3, REQUEST_ANONYMOUS } request_kind;

/* One operation in the index by version and name; `next` has the same in another product. */
typedef struct request_operation {
    const struct api_operation *operation;
    size_t product_index;
    struct request_operation *next;
} request_operation;

/* What stays the same for all requests. */
typedef struct request_shared {
    const gateway_options *options;
    api_services *services;
    api_binder *binder;
    nonces *nonces;
    throttle *throttle;
    api_client_tokens *client_tokens;
    pl_map operations; /* "2020-09-07 GetConfigRule" to request_operation */
    metrics metrics;
    atomic_bool ready;
} request_shared;

typedef struct gateway_request {
    /* Kept for the next request. */
    request_shared *shared;
    pl_arena arena;
    pl_buf body, out, scratch;
    unsigned char chance[REQUEST_IDS * PL_UUID_BYTES]; /* randomness for the ids of this and later requests */
    size_t chance_left;

    /* This one's alone, from here to the end: request_reset makes it zeros. */
    struct gateway_request *next; /* in a list of free or waiting requests */
    void *connection;             /* the listener's, as is the next */
    struct listener *listener;
    int state; /* the listener's */
    int64_t started_ns;

    /* As received. */
    pl_str method, path, query_text;
    signature_header *headers;
    size_t header_count;
    pl_str source_ip;
    bool secure;

    /* Taken apart. */
    request_kind kind;
    signature_authorization authorization;
    api_fields fields, query;
    pl_str action, version, nonce;
    int64_t timestamp;
    const struct api_operation *operation; /* NULL: none found */
    size_t product_index;
    const api_route_product *route_product;
    const api_route *route; /* NULL: an operation by name */
    pl_str route_path;      /* decoded */
    api_route_call route_call;
    pl_format format;
    identity_caller caller;
    identity_denial denial;
    api_call call;
    uint64_t stream_at; /* where `scratch` begins in a streamed answer */
    int64_t now;
    char request_id[PL_UUID_TEXT];
    pl_error error;
    pl_str error_tail; /* follows the error's message: strings to sign outgrow it */
    bool denied;       /* by authorization: the answer tells details */
    bool prepared;

    /* The answer. */
    int status;
    pl_str content_type;
    int64_t retry_after_ms; /* -1: none */
} gateway_request;

/* --- Headers (headers.c) --- */

/* The header's value, the absent view when it was not sent. `name` in lower case. */
pl_str request_header_named(const gateway_request *r, pl_str name);

/* The same for a literal, whose length is known where it stands. */
static inline pl_str request_header(const gateway_request *r, const char *name) {
    return request_header_named(r, pl_str_from(name));
}

/* --- Answers (envelope.c) --- */

/* Writes r->error as the documented envelope. */
void envelope_error(gateway_request *r);

/* Opens and closes an answer in r->out. */
void envelope_begin(gateway_request *r, pl_writer *w);
void envelope_end(gateway_request *r, pl_writer *w);

/* A whole answer from the JSON object of its members. */
int envelope_from_json(gateway_request *r, pl_str members);

/* --- The caller (authenticate.c, authorize.c); 0, or -1 with r->error filled --- */

int request_authenticate(gateway_request *r); /* caller */
int request_authorize(gateway_request *r);    /* with the bound input in r->call */

/* --- Operations by path (route.c) --- */

/* True when the path is one of operations by path; r->route is NULL when it has none for it. */
bool request_find_route(gateway_request *r);

/* Whether the caller may do that, and the handler's call; 0, or -1 with r->error filled. */
int request_authorize_route(gateway_request *r);
int request_call_route(gateway_request *r);

/* --- The request's life (request.c) --- */

/* A fresh request with its own memory; NULL without memory. */
gateway_request *request_new(request_shared *shared);
void request_free(gateway_request *r);

/* Forgets everything but the memory, of which only modest amounts are kept. */
void request_reset(gateway_request *r);

/*
 * Reads what comes before the body: query, kind of signature, and the operation when it is named there. A
 * mistake is kept and told by request_run. True when the operation is known.
 */
bool request_prepare(gateway_request *r);

/* True when request_run will not wait: it may run on a listener thread. */
bool request_is_quick(const gateway_request *r);

/* Runs the request to its answer: status, content_type and out are set. Never fails. */
void request_run(gateway_request *r);

/* Answers with an error that arose outside of request_run, such as a body that is too large. */
void request_fail(gateway_request *r, pl_error_code code, const char *message);

/* Steps of it, each 0 or -1 with r->error filled. */
int request_read_fields(gateway_request *r); /* query and body into merged fields, the format of the answer */
int request_find(gateway_request *r);        /* the operation */

#endif
