/* Putting the gateway together and taking it apart. Owns the shared part of all requests. */
#include "gateway/gateway.h"

#include "base/digest.h"
#include "base/encode.h"
#include "base/memory.h"
#include "gateway/listener.h"

#include <unistd.h>

enum { STOP_MS = 30000 };

struct gateway {
    gateway_options options;
    request_shared shared;
    listener *listener;
    pl_arena arena; /* of the index */
    unsigned char key[PL_SEAL_KEY_SIZE];
};

static void set_defaults(gateway_options *o) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    o->threads = o->threads ? o->threads : processors > 0 ? (unsigned)processors : 1;
    o->workers = o->workers ? o->workers : 16;
    o->connections = o->connections ? o->connections : 4096;
    o->body_bytes = o->body_bytes ? o->body_bytes : (size_t)4 << 20;
    o->body_memory = o->body_memory ? o->body_memory : (size_t)256 << 20;
    o->header_bytes = o->header_bytes ? o->header_bytes : (size_t)32 << 10;
    o->read_seconds = o->read_seconds ? o->read_seconds : 60;
    o->idle_seconds = o->idle_seconds ? o->idle_seconds : 75;
    o->nonces = o->nonces ? o->nonces : (size_t)4 << 20;
}

static int add_name(gateway *g, pl_str name, const struct api_operation *operation, size_t product,
                    pl_error *error) {
    pl_map *map = &g->shared.operations;
    pl_str key = pl_arena_printf(&g->arena, "%.*s %.*s", PL_FMT(operation->product->version), PL_FMT(name));
    request_operation *entry = pl_new(&g->arena, request_operation, 1);
    if (!key.p || !entry)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *entry = (request_operation){operation, product, NULL};
    request_operation *first = pl_map_get(map, key);
    if (first) {
        entry->next = first->next;
        first->next = entry;
        return 0;
    }
    return pl_map_put(map, key, entry) ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int add_product(gateway *g, size_t at, pl_error *error) {
    const struct api_product *product = g->options.products[at];
    for (size_t i = 0; i < product->operation_count; i++) {
        if (add_name(g, product->operations[i].name, &product->operations[i], at, error) != 0)
            return -1;
    }
    for (size_t i = 0; i < product->alias_count; i++) {
        if (add_name(g, product->aliases[i].name, product->aliases[i].operation, at, error) != 0)
            return -1;
    }
    return 0;
}

typedef struct key_work {
    gateway *gateway;
    const pl_random *random;
} key_work;

/* Reads the server's key, or makes it at the first start. */
static int load_key(store_session *session, void *argument, pl_error *error) {
    key_work *work = argument;
    char text[PL_SEAL_KEY_SIZE * 2 + 1];
    pl_buf out = {.p = (char *)work->gateway->key, .capacity = PL_SEAL_KEY_SIZE, .limit = PL_SEAL_KEY_SIZE};
    if (pl_random_hex(work->random, text, PL_SEAL_KEY_SIZE * 2) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "the system gives no randomness");
    if (store_run(
            session, error,
            "INSERT INTO settings(name, value) VALUES ('gateway.key', $1) ON CONFLICT (name) DO NOTHING", "t",
            pl_str_from(text)) != 0)
        return -1;
    store_statement *st =
        store_prepare(session, "SELECT value FROM settings WHERE name = 'gateway.key'", error);
    int row = store_step(st, error);
    if (row < 0)
        return -1;
    if (row == 0 || !pl_hex_decode(&out, store_column_text(st, 0)) || out.n != PL_SEAL_KEY_SIZE)
        return pl_failf(error, PL_E_ServiceUnavailable, "the setting gateway.key is damaged");
    return 0;
}

/* Clients must not be able to guess how nonces are hashed, so the seed comes from the key. */
static int nonce_seed(const gateway *g, uint64_t *seed) {
    unsigned char sum[PL_SHA256_SIZE];
    if (pl_hmac_sha256(pl_str_of((const char *)g->key, sizeof g->key), PL_STR("nonces"), sum) != 0)
        return -1;
    memcpy(seed, sum, sizeof *seed);
    return 0;
}

static int start_parts(gateway *g, api_services *services, pl_error *error) {
    uint64_t seed;
    key_work work = {g, &services->random};
    request_shared *shared = &g->shared;
    if (store_write(services->store, load_key, &work, error) != 0)
        return -1;
    if (nonce_seed(g, &seed) != 0)
        return pl_fail(error, PL_E_InternalError);
    services->server_key = g->key;
    shared->binder = api_binder_new(g->options.products, g->options.product_count, error);
    if (!shared->binder)
        return -1;
    shared->throttle = throttle_new(services->limits->calls_per_second);
    shared->client_tokens = api_client_tokens_new();
    if (!shared->throttle || !shared->client_tokens)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < g->options.product_count; i++) {
        if (add_product(g, i, error) != 0)
            return -1;
    }
    return nonces_open(&shared->nonces, services->store, &services->clock, services->log, seed,
                       g->options.nonces, error);
}

int gateway_start(gateway **out, const gateway_options *options, api_services *services, pl_error *error) {
    gateway *g = pl_calloc(1, sizeof *g);
    *out = g;
    if (!g)
        return pl_fail(error, PL_E_ServiceUnavailable);
    g->options = *options;
    set_defaults(&g->options);
    pl_arena_init(&g->arena, 0);
    pl_map_init(&g->shared.operations, 0);
    g->shared.options = &g->options;
    g->shared.services = services;
    if (start_parts(g, services, error) != 0 || listener_start(&g->listener, &g->shared, error) != 0) {
        gateway_stop(g);
        return -1;
    }
    atomic_store(&g->shared.ready, true);
    return 0;
}

void gateway_stop(gateway *g) {
    if (!g)
        return;
    atomic_store(&g->shared.ready, false);
    listener_stop(g->listener, STOP_MS);
    g->listener = NULL;
    nonces_close(g->shared.nonces);
}

void gateway_free(gateway *g) {
    if (!g)
        return;
    nonces_free(g->shared.nonces);
    api_client_tokens_free(g->shared.client_tokens);
    throttle_free(g->shared.throttle);
    api_binder_free(g->shared.binder);
    pl_map_free(&g->shared.operations);
    pl_arena_free(&g->arena);
    explicit_bzero(g->key, sizeof g->key);
    pl_free(g);
}

uint16_t gateway_port(const gateway *g) {
    return listener_port(g->listener);
}

int gateway_adopt(gateway *g, int descriptor) {
    return listener_adopt(g->listener, descriptor);
}
