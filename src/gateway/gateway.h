/*
 * The gateway: the HTTP listener in front of every product. It takes a request apart, authenticates, finds,
 * validates, authorizes, runs the operation's handler, and writes the answer (reference/gateway.md).
 *
 * One gateway a process. Handlers run on its threads: cheap reading operations on the listener threads
 * themselves, everything that may wait on a pool of workers, so that nobody's write stalls others.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "api/call.h"
#include "identity/identity.h"

typedef struct gateway gateway;

/* The questions that the gateway asks of lower rooms; the program fills in the real ones, tests their own. */
typedef struct gateway_guard {
    int (*find_key)(identity *identity, pl_arena *arena, pl_str access_key_id, pl_str security_token,
                    int64_t now, identity_key *key, pl_error *error);
    int (*authorize)(identity *identity, pl_arena *arena, const identity_caller *caller,
                     const identity_request *request, identity_denial *denial, pl_error *error);
    /*
     * The path ("rd-a/r-abc/fd-def/1200...") of a folder or account in the caller's resource directory, for
     * ARNs; of the root folder when `id` is empty. Absent when it is not there. NULL while no directory
     * exists.
     */
    int (*directory_path)(struct org *org, pl_arena *arena, pl_str account_id, pl_str id, pl_str *path,
                          pl_error *error);
} gateway_guard;

/* One number of /metrics that the gateway does not count itself. `read` may be called by several threads. */
typedef struct gateway_gauge {
    const char *name; /* "plumbline_store_writes_total" */
    const char *help;
    bool counter; /* it only grows */
    int64_t (*read)(void *context);
    void *context;
} gateway_gauge;

/* A document served by path without signature, such as the console's files. */
typedef struct gateway_page {
    pl_str content_type;
    pl_str body; /* static, or in the arena given */
} gateway_page;

typedef struct gateway_options {
    pl_str host;                     /* address or name to listen on */
    uint16_t port;                   /* 0: a free one */
    unsigned threads;                /* listener threads; 0: one a processor */
    unsigned workers;                /* threads for operations that may wait; 0: 16 */
    unsigned connections;            /* most at once; 0: 4096 */
    size_t body_bytes;               /* common limit of a request body; 0: 4 MiB */
    size_t body_memory;              /* bytes of all bodies being received at once; 0: 256 MiB */
    size_t header_bytes;             /* request line and headers; 0: 32 KiB */
    unsigned read_seconds;           /* longest time from the first byte to the last of a request; 0: 60 */
    unsigned idle_seconds;           /* longest silence on a connection; 0: 75 */
    size_t nonces;                   /* most nonces remembered in memory; 0: 4 million */
    pl_str tls_certificate, tls_key; /* PEM texts; absent: plain HTTP */
    const struct api_product *const *products;
    size_t product_count;
    const struct api_route_product *const *routes; /* operations by path */
    size_t route_count;
    gateway_guard guard;
    const gateway_gauge *gauges;
    size_t gauge_count;
    bool (*find_page)(void *context, pl_str path, pl_arena *arena, gateway_page *page); /* NULL: no pages */
    void *page_context;
} gateway_options;

/*
 * Listens and serves until gateway_stop. `services` must outlive the gateway; its server_key is set here,
 * from the store, where it is made at the first start. The option's views and tables must outlive the gateway
 * too. Fails with ServiceUnavailable (address in use, wrong certificate, store) and a message for the
 * operator.
 */
int gateway_start(gateway **out, const gateway_options *options, api_services *services, pl_error *error);

/*
 * Takes no new requests, finishes those that run (waits at most 30 seconds for their answers to be sent), and
 * stores what has to outlive the process. gateway_free follows after store_close, which ends the
 * notifications of other nodes. NULL is fine for both.
 */
void gateway_stop(gateway *gateway);
void gateway_free(gateway *gateway);

/*
 * Serves a connection that was opened elsewhere and ends on this machine: by a function to a vendor host. It
 * counts as secure. -1 when it cannot be taken; the descriptor is then still the caller's.
 */
int gateway_adopt(gateway *gateway, int descriptor);

/* The port that is listened on. */
uint16_t gateway_port(const gateway *gateway);

#endif
