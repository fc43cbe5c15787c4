/*
 * One API call, as its handler sees it: who calls what with which checked input, and where the answer goes.
 *
 * A handler reads `input`, calls the domain, writes members of the answer to `out` (the envelope with
 * RequestId is the gateway's) and returns 0; or fills `error` and returns -1, then everything written is
 * thrown away. Authentication, validation, authorization and idempotency have been done before.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/value.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "store/db.h"
#include "json/writer.h"

struct catalogue;
struct identity;
struct org;
struct engine;
struct functions;
struct delivery;
struct identity_caller;
struct identity_denial;
struct api_limits;
struct api_client_token;

/* What every handler may use; made once by the program, lives as long as the server. Not owned. */
typedef struct api_services {
    store *store;
    const struct catalogue *catalogue;
    struct identity *identity;
    struct org *org;
    struct engine *engine;
    struct functions *functions; /* NULL: the program runs no functions */
    struct delivery *delivery;
    const struct api_limits *limits;
    pl_clock clock;
    pl_random random;
    const pl_log *log;
    int64_t started;                 /* Unix milliseconds */
    const unsigned char *server_key; /* PL_SEAL_KEY_SIZE bytes, kept in the store: seals paging tokens */
} api_services;

/* Limits and switches of the server (docs/configuration.md); the vendor's values with --strict. */
typedef struct api_limits {
    bool strict;                     /* refuse what the vendor would refuse */
    uint32_t rules_per_account;      /* vendor: 200 */
    uint32_t packs_per_account;      /* vendor: 5 */
    uint32_t account_groups;         /* per management account; vendor: 5 */
    uint32_t accounts_per_group;     /* vendor: 200 */
    uint32_t folder_depth;           /* below the root; vendor: 5 */
    uint32_t folders_per_directory;  /* without the root; vendor: 100 */
    uint32_t accounts_per_directory; /* vendor: 20 */
    uint32_t control_policies;       /* custom policies in a directory; vendor: 1500 */
    uint32_t policies_per_target;    /* custom policies on a folder or member; vendor: 10 */
    uint32_t invitations_per_day;    /* sent and not accepted; vendor: 20 */
    uint32_t resource_groups;        /* of an account; vendor: 30 */
    uint32_t switch_interval;        /* milliseconds between two switches of control policies; 0: any */
    uint32_t calls_per_second;       /* per access key; 0: no limit */
    uint32_t delivery_channels;      /* of an account, and of a group; vendor: 5 */
} api_limits;

typedef struct api_call {
    const struct api_operation *operation;
    const api_value *input; /* an API_OBJECT, never NULL */
    api_services *services;
    const struct identity_caller *caller;
    pl_writer *out;
    pl_arena *arena;
    pl_error *error;
    int64_t now;       /* Unix milliseconds, read once per request */
    pl_str request_id; /* upper-case UUID */
    pl_str source_ip;
    pl_str host;                           /* the Host header, for HostId */
    bool secure;                           /* came over TLS */
    struct api_client_token *client_token; /* NULL when none was sent; see api_write */
    struct identity_denial
        *denial; /* for handlers that decide by themselves, told with the error; may be NULL */
} api_call;

/* Shorthands for the members of `call->input`. */
static inline pl_str api_text(const api_call *call, const char *name) {
    return api_member_text(call->input, name);
}

static inline int64_t api_number(const api_call *call, const char *name, int64_t fallback) {
    return api_member_number(call->input, name, fallback);
}

static inline bool api_flag(const api_call *call, const char *name, bool fallback) {
    return api_member_flag(call->input, name, fallback);
}

static inline const api_value *api_input(const api_call *call, const char *name) {
    return api_member(call->input, name);
}

/*
 * Refuses a parameter with its documented code, or with the product's generic one (reference/gateway.md,
 * section 9); always -1.
 */
int api_refuse_invalid(api_call *call, const char *name);
int api_refuse_missing(api_call *call, const char *name);

/* The account that the call acts in: the caller's own. */
pl_str api_account(const api_call *call);

/*
 * PageNumber and PageSize within the operation's bounds (reference/gateway.md, section 12): `*skip` rows to
 * leave out and `*take` rows to answer with. Never fails: the bounds were checked at binding.
 */
void api_page(const api_call *call, int64_t default_size, int64_t *page, int64_t *take, int64_t *skip);

/*
 * Opaque paging tokens. A token carries a key of the domain, sealed to account, operation and the other
 * parameters but the page's length; one of another account or operation, one that answered another question
 * (it would silently leave things out), or a changed one, fails with the operation's NextToken error.
 */
pl_str api_token_make(const api_call *call, pl_str key); /* absent, and the answer failed, when it cannot */
int api_token_open(api_call *call, pl_str *key);         /* absent key when no NextToken was sent */

/*
 * store_write for handlers: runs `work` and, when the call carries a ClientToken, notes in the same
 * transaction that its effect is stored, together with the members of the answer written so far. So either
 * both are there after a crash or none, and a repeated call never has a second effect. A handler that writes
 * its whole answer inside `work` has it repeated exactly even when the server dies before sending it; what it
 * writes later is lost only then. `work` may run more than once; the answer is reset to where it was each
 * time.
 */
int api_write(api_call *call, store_work work, void *argument);

#endif
