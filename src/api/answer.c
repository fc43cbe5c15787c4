/* What handlers over the store share: works that answer, marker pages, tag lists. No state. */
#include "api/answer.h"

typedef struct job {
    api_call *call;
    api_work work;
    pl_writer writer; /* as it was before the work */
    size_t written;
    pl_str key; /* of an answer that is kept */
} job;

static int run(store_session *session, void *argument, pl_error *error) {
    job *j = argument;
    *j->call->out = j->writer;
    j->call->out->out->n = j->written;
    (void)error; /* the store was given call->error */
    return j->work(j->call, session);
}

static int run_kept(store_session *session, void *argument, pl_error *error) {
    job *j = argument;
    pl_str written;
    if (store_recall(session, j->key, &written)) {
        *j->call->out = j->writer;
        j->call->out->out->n = j->written;
        pl_write_members(j->call->out, written);
        return 0;
    }
    if (run(session, argument, error) != 0)
        return -1;
    pl_buf *out = j->call->out->out;
    /* An answer made without all its memory is refused by the gateway and must not be kept either. */
    if (!out->failed && !j->call->arena->failed)
        store_keep(session, j->key, pl_str_skip(pl_buf_str(out), j->written));
    return 0;
}

static job job_of(api_call *call, api_work work) {
    return (job){call, work, *call->out, call->out->out->n, PL_STR_NONE};
}

int api_answer_read(api_call *call, api_work work) {
    job j = job_of(call, work);
    return store_read(call->services->store, run, &j, call->error);
}

/* Names of operations and accounts have no blanks, so no two calls share a key. */
static pl_str kept_key(const api_call *call, pl_str key) {
    pl_str parts[] = {call->out->format == PL_FORMAT_XML ? PL_STR("xml") : PL_STR("json"),
                      call->operation->name, api_account(call), key};
    size_t size = 0;
    for (size_t i = 0; i < 4; i++)
        size += parts[i].n + 1;
    char *text = pl_arena_alloc(call->arena, size), *at = text;
    for (size_t i = 0; text && i < 4; i++) {
        if (parts[i].n)
            memcpy(at, parts[i].p, parts[i].n);
        at += parts[i].n;
        *at++ = ' ';
    }
    return text ? pl_str_of(text, size) : PL_STR_NONE;
}

static void write_kept(void *context, pl_str written) {
    pl_write_members(((api_call *)context)->out, written);
}

int api_answer_kept(api_call *call, pl_str key, api_work work) {
    job j = job_of(call, work);
    j.key = kept_key(call, key);
    if (!j.key.p)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (store_peek(call->services->store, j.key, write_kept, call))
        return 0;
    return store_read(call->services->store, run_kept, &j, call->error);
}

int api_answer_write(api_call *call, api_work work) {
    job j = job_of(call, work);
    return api_write(call, run, &j);
}

identity_scope api_scope(const api_call *call, store_session *session) {
    return (identity_scope){call->services->identity, session, call->arena, api_account(call), call->now};
}

void api_write_text(pl_writer *out, const char *name, pl_str value) {
    pl_write_string(out, pl_str_from(name), value);
}

void api_write_time(pl_writer *out, const char *name, int64_t milliseconds) {
    char text[PL_TIME_TEXT];
    api_write_text(out, name, milliseconds ? pl_time_iso(milliseconds, text) : PL_STR(""));
}

int api_marker_open(api_call *call, api_marker *marker) {
    marker->limit = api_number(call, "MaxItems", 100);
    return api_token_open(call, &marker->after);
}

void api_marker_write(api_call *call, bool more, pl_str last) {
    pl_write_bool(call->out, PL_STR("IsTruncated"), more);
    if (more)
        api_write_text(call->out, "Marker", api_token_make(call, last));
}

static bool has_key(const identity_tag *tags, size_t count, pl_str key) {
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq(tags[i].key, key))
            return true;
    return false;
}

int api_read_tags(api_call *call, const char *name, identity_tag **tags, size_t *count) {
    const api_value *list = api_input(call, name);
    *count = 0;
    *tags = pl_new(call->arena, identity_tag, list && list->count ? list->count : 1);
    if (!*tags)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; list && i < list->count; i++) {
        pl_str key = api_member_text(&list->items[i], "Key");
        if (key.n == 0 || has_key(*tags, *count, key))
            return api_refuse_invalid(call, name);
        (*tags)[(*count)++] = (identity_tag){key, api_member_text(&list->items[i], "Value")};
    }
    return 0;
}

/* The code as the operation documents it, keeping the reader's message with its place in the document. */
static void take_status(const struct api_operation *operation, pl_error *error) {
    for (size_t i = 0; i < operation->error_count; i++)
        if (pl_error_is(error, operation->errors[i].code))
            error->http_status = operation->errors[i].http_status;
}

int api_refuse_document(api_call *call, pl_error_code length_code) {
    pl_error *error = call->error;
    if (pl_error_is(error, PL_E_InvalidParameter_PolicyDocument_Length) ||
        pl_error_is(error, PL_E_InvalidParameter_AssumeRolePolicyDocument_Length))
        return api_fail(call->operation, error, length_code);
    if (pl_error_is(error, PL_E_MalformedPolicyDocument))
        take_status(call->operation, error);
    return -1;
}
