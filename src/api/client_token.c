/* ClientToken. Owns the table client_tokens and the set of running calls; a mutex guards the set. */
#include "api/client_token.h"

#include "base/digest.h"
#include "base/map.h"
#include "base/memory.h"
#include "identity/identity.h"

#include <pthread.h>

struct api_client_tokens {
    pthread_mutex_t lock;
    pl_map running; /* key of api_client_token, in the arena of the running call */
};

api_client_tokens *api_client_tokens_new(void) {
    api_client_tokens *tokens = pl_calloc(1, sizeof *tokens);
    if (!tokens)
        return NULL;
    pl_map_init(&tokens->running, 0);
    if (pthread_mutex_init(&tokens->lock, NULL) != 0) {
        pl_free(tokens);
        return NULL;
    }
    return tokens;
}

void api_client_tokens_free(api_client_tokens *tokens) {
    if (!tokens)
        return;
    pl_map_free(&tokens->running);
    pthread_mutex_destroy(&tokens->lock);
    pl_free(tokens);
}

static bool valid_token(pl_str token) {
    for (size_t i = 0; i < token.n; i++) {
        if (token.p[i] < ' ' || token.p[i] > '~')
            return false;
    }
    return token.n <= API_CLIENT_TOKEN_MAX;
}

/* True when the field belongs to a parameter of the operation other than ClientToken. */
static bool counts(const struct api_operation *operation, pl_str name) {
    size_t dot = pl_str_find_char(name, '.');
    pl_str top = dot == PL_NOT_FOUND ? name : pl_str_head(name, dot);
    return !pl_str_is(top, "ClientToken") && api_find_parameter(operation, top);
}

static int hash_parameters(const api_call *call, const api_fields *fields, char hash[static 65]) {
    pl_buf text;
    pl_buf_init(&text, (size_t)1 << 28);
    for (size_t i = 0; i < fields->count; i++) {
        const api_field *field = &fields->items[i];
        if (!counts(call->operation, field->name))
            continue;
        pl_buf_printf(&text, "%zu:%.*s=%zu:", field->name.n, PL_FMT(field->name), field->value.n);
        pl_buf_add(&text, field->value);
        if (pl_json_exists(field->json) && field->value.n == 0)
            pl_json_write(&text, field->json);
    }
    int result = text.failed ? -1 : pl_sha256_hex(pl_buf_str(&text), hash);
    pl_buf_free(&text);
    return result;
}

static api_client_token *make_token(api_call *call, const api_fields *fields, pl_str text) {
    api_client_token *token = pl_new(call->arena, api_client_token, 1);
    if (!token || hash_parameters(call, fields, token->hash) != 0)
        return NULL;
    token->account_id = api_account(call);
    token->text = text;
    token->created_at = call->now;
    token->action = pl_arena_printf(call->arena, "%.*s:%.*s", PL_FMT(call->operation->product->name),
                                    PL_FMT(call->operation->name));
    token->key = pl_arena_printf(call->arena, "%.*s %.*s %.*s", PL_FMT(token->account_id),
                                 PL_FMT(token->action), PL_FMT(text));
    return token->key.p && token->action.p ? token : NULL;
}

typedef struct lookup {
    const api_client_token *token;
    pl_arena *arena;
    bool found;
    bool same; /* parameters */
    pl_str response;
} lookup;

static int look_up(store_session *session, void *argument, pl_error *error) {
    lookup *l = argument;
    l->found = false;
    store_statement *st =
        store_prepare(session,
                      "SELECT parameter_hash, response FROM client_tokens WHERE account_id = $1 "
                      "AND action = $2 AND token = $3 AND expires_at > $4",
                      error);
    store_bind_text(st, 1, l->token->account_id);
    store_bind_text(st, 2, l->token->action);
    store_bind_text(st, 3, l->token->text);
    store_bind_i64(st, 4, l->token->created_at);
    int row = store_step(st, error);
    if (row <= 0)
        return row;
    l->found = true;
    l->same = pl_str_is(store_column_text(st, 0), l->token->hash);
    l->response = pl_arena_copy(l->arena, store_column_text(st, 1));
    return l->response.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int enter(api_client_tokens *tokens, api_client_token *token, pl_error *error) {
    pthread_mutex_lock(&tokens->lock);
    bool busy = pl_map_get(&tokens->running, token->key) != NULL;
    bool entered = !busy && pl_map_put(&tokens->running, token->key, token);
    pthread_mutex_unlock(&tokens->lock);
    if (entered)
        return 0;
    return pl_fail(error, busy ? PL_E_LastTokenProcessing : PL_E_ServiceUnavailable);
}

static void leave(api_client_tokens *tokens, const api_client_token *token) {
    pthread_mutex_lock(&tokens->lock);
    pl_map_remove(&tokens->running, token->key);
    pthread_mutex_unlock(&tokens->lock);
}

int api_client_token_begin(api_client_tokens *tokens, api_call *call, const api_fields *fields,
                           pl_str *replay) {
    *replay = PL_STR_NONE;
    pl_str text = call->operation->idempotent ? api_text(call, "ClientToken") : PL_STR_NONE;
    if (text.n == 0)
        return 0;
    if (!valid_token(text))
        return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("ClientToken"));
    api_client_token *token = make_token(call, fields, text);
    if (!token)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (enter(tokens, token, call->error) != 0)
        return -1;
    lookup l = {.token = token, .arena = call->arena};
    int result = store_read(call->services->store, look_up, &l, call->error);
    if (result == 0 && l.found && !l.same)
        result = pl_fail(call->error, PL_E_IdempotentParameterMismatch);
    if (result == 0 && l.found)
        *replay = l.response;
    if (result != 0 || l.found)
        leave(tokens, token);
    else
        call->client_token = token;
    return result;
}

/* Rows of the account that have expired go first, so the table needs no other care. */
static int insert_row(store_session *session, const api_client_token *token, pl_str response,
                      pl_error *error) {
    if (store_run(session, error, "DELETE FROM client_tokens WHERE account_id = $1 AND expires_at <= $2",
                  "ti", token->account_id, token->created_at) != 0)
        return -1;
    int result =
        store_run(session, error,
                  "INSERT INTO client_tokens(account_id, action, token, parameter_hash, status, response, "
                  "created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                  "ttttitii", token->account_id, token->action, token->text, pl_str_from(token->hash),
                  (int64_t)200, response, token->created_at, token->created_at + API_CLIENT_TOKEN_MS);
    /* Only another process can have the row: it runs, or has run, the same call. */
    return result != 0 && store_is_conflict(error) ? pl_fail(error, PL_E_LastTokenProcessing) : result;
}

static int record(store_session *session, const api_client_token *token, pl_str response, pl_error *error) {
    if (!token->recorded)
        return insert_row(session, token, response, error);
    return store_run(
        session, error,
        "UPDATE client_tokens SET response = $4 WHERE account_id = $1 AND action = $2 AND token = $3", "tttt",
        token->account_id, token->action, token->text, response);
}

typedef struct joined_work {
    api_call *call;
    store_work work;
    void *argument;
    pl_writer writer; /* the answer as it was before the work */
    size_t length;
    pl_str response; /* members written, in the arena */
} joined_work;

/* The answer so far as one JSON object; empty when the work left something open. */
static pl_str answer_so_far(const joined_work *job) {
    const pl_writer *w = job->call->out;
    pl_str text = pl_buf_str(w->out);
    if (w->depth != 1 || w->out->failed)
        return PL_STR("{}");
    return pl_arena_printf(job->call->arena, "%.*s}", PL_FMT(text));
}

static int run_and_record(store_session *session, void *argument, pl_error *error) {
    joined_work *job = argument;
    *job->call->out = job->writer;
    job->call->out->out->n = job->length;
    if (job->work(session, job->argument, error) != 0)
        return -1;
    job->response = answer_so_far(job);
    if (!job->response.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return record(session, job->call->client_token, job->response, error);
}

int api_write(api_call *call, store_work work, void *argument) {
    if (!call->client_token)
        return store_write(call->services->store, work, argument, call->error);
    joined_work job = {call, work, argument, *call->out, call->out->out->n, PL_STR_NONE};
    if (store_write(call->services->store, run_and_record, &job, call->error) != 0)
        return -1;
    call->client_token->recorded = true;
    call->client_token->response = job.response;
    return 0;
}

typedef struct ending {
    const api_client_token *token;
    pl_str response; /* absent: the call failed, take the row back */
} ending;

static int end_row(store_session *session, void *argument, pl_error *error) {
    const ending *e = argument;
    if (e->response.p)
        return record(session, e->token, e->response, error);
    return store_run(session, error,
                     "DELETE FROM client_tokens WHERE account_id = $1 AND action = $2 AND token = $3", "ttt",
                     e->token->account_id, e->token->action, e->token->text);
}

int api_client_token_end(api_client_tokens *tokens, api_call *call, bool success, pl_str response,
                         pl_error *error) {
    api_client_token *token = call->client_token;
    if (!token)
        return 0;
    int result = 0;
    bool kept = success && token->recorded && pl_str_eq(token->response, response);
    ending e = {token, success ? response : PL_STR_NONE};
    if (!kept && (success || token->recorded))
        result = store_write(call->services->store, end_row, &e, error);
    leave(tokens, token);
    call->client_token = NULL;
    return result;
}

int api_client_tokens_forget(store_session *session, pl_str account_id, pl_error *error) {
    return store_run(session, error, "DELETE FROM client_tokens WHERE account_id = $1", "t", account_id);
}
