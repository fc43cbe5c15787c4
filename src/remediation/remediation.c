/*
 * Running remediations: events are claimed, each template execution is one of its own, events of one function
 * and account are brought to it together.
 */
#include "remediation/remediation.h"

#include "base/memory.h"
#include "store/leases.h"
#include "store/workers.h"
#include "json/parser.h"
#include "json/writer.h"

#include <curl/curl.h>

enum {
    CLAIMED = 100,
    TICK_MS = 5000,
    EXECUTOR_MS = 60000,
    CONNECT_MS = 10000,
    WORKERS_MAX = 16,
    ARENA_LIMIT = 512 << 20,
    PAYLOAD_MAX = 16 << 20
};

struct remediation {
    remediation_config config;
    store_leases *leases;
    store_workers *workers;
};

/* One claimed event and what it is about. */
typedef struct job {
    engine_remedy_event event;
    engine_rule rule;
    engine_remedy remedy;
    inventory_resource resource;
    bool live;    /* everything is still there, and wanted */
    bool settled; /* executed, or brought along by an earlier one */
} job;

typedef struct round {
    remediation *r;
    store_lease lease;
    pl_arena arena;
    int64_t now;
    bool any;
    engine_remedy_event events[CLAIMED];
    job jobs[CLAIMED];
    size_t count;
    /* The execution being settled. */
    job **together;
    size_t together_count;
    engine_remedy_run run;
} round;

/* --- Claiming ----------------------------------------------------------------------------------------------
 */

static int any_work(store_session *session, void *argument, pl_error *error) {
    round *x = argument;
    return engine_remedy_any_due(session, x->now, &x->any, error);
}

/* By itself only what is to run by itself. */
static bool is_wanted(const job *j) {
    if (j->event.manual)
        return !pl_str_is(j->remedy.invoke_type, "NON_EXECUTION") &&
               !pl_str_is(j->remedy.invoke_type, "NOT_CONFIG");
    return pl_str_is(j->remedy.invoke_type, "AUTO_EXECUTION");
}

/* What was ignored or has become compliant meanwhile needs nothing. */
static int load_job(round *x, store_session *session, job *j, pl_error *error) {
    bool found = false;
    const engine_remedy_event *e = &j->event;
    if (engine_rule_find_key(session, &x->arena, e->owner_id, e->rule_key, &j->rule, &found, error) != 0)
        return -1;
    if (found && engine_remedy_of_rule(session, &x->arena, e->owner_id, j->rule.rule_id, &j->remedy, &found,
                                       error) != 0)
        return -1;
    if (found && inventory_find_key(session, &x->arena, e->account_id, e->resource_key, &j->resource, &found,
                                    error) != 0)
        return -1;
    bool needed = false;
    if (found && engine_remedy_is_needed(session, &x->arena, e, &j->rule, &needed, error) != 0)
        return -1;
    j->live = needed && !j->resource.deleted && is_wanted(j);
    return 0;
}

static int claim_work(store_session *session, void *argument, pl_error *error) {
    round *x = argument;
    pl_arena_reset(&x->arena);
    if (engine_remedy_claim(session, &x->arena, pl_str_from(x->lease.name), x->now, x->now + STORE_LEASE_MS,
                            CLAIMED, x->events, &x->count, error) != 0)
        return -1;
    for (size_t i = 0; i < x->count; i++) {
        x->jobs[i] = (job){.event = x->events[i]};
        if (load_job(x, session, x->jobs + i, error) != 0)
            return -1;
    }
    return 0;
}

/* --- Templates ---------------------------------------------------------------------------------------------
 */

static size_t take_answer(char *data, size_t size, size_t count, void *context) {
    (void)data, (void)context;
    return size * count;
}

static bool accepts_own(void *context, pl_str account_id) {
    return pl_str_eq(*(const pl_str *)context, account_id);
}

/* As if it had been done: the changed item is recorded, which evaluates it again. */
static bool simulate(round *x, const job *j, const catalogue_remediation *t, pl_json values,
                     pl_error *error) {
    remediation *r = x->r;
    pl_buf item;
    pl_json root;
    engine_ingested done;
    pl_str account = j->event.account_id;
    inventory_defaults defaults = {.account_id = account,
                                   .catalogue = r->config.catalogue,
                                   .accepts_account = accepts_own,
                                   .context = &account};
    pl_buf_init(&item, PAYLOAD_MAX);
    int status = remediation_apply(&x->arena, t, values, &j->resource, &item, error);
    if (status == 0)
        status = pl_json_parse_in(&x->arena, pl_buf_str(&item), &root, error);
    if (status == 0)
        status = engine_ingest(r->config.engine, &defaults, root, pl_now(&r->config.clock), &done, error);
    pl_buf_free(&item);
    return status == 0;
}

static void write_request(pl_buf *out, round *x, const job *j, pl_json values) {
    pl_writer w;
    pl_buf parameters;
    pl_buf_init(&parameters, PAYLOAD_MAX);
    pl_json_write(&parameters, values);
    pl_writer_begin(&w, out, PL_FORMAT_JSON, PL_STR("request"));
    pl_write_string(&w, PL_STR("Action"), PL_STR("StartExecution"));
    pl_write_string(&w, PL_STR("TemplateName"), j->remedy.template_id);
    pl_write_string(&w, PL_STR("RegionId"), j->resource.region_id);
    pl_write_string(&w, PL_STR("ClientToken"), x->run.execution_id);
    pl_write_string(&w, PL_STR("Parameters"), pl_buf_str(&parameters));
    pl_write_string(&w, PL_STR("AccountId"), j->event.account_id);
    pl_write_string(&w, PL_STR("ConfigRuleId"), j->rule.rule_id);
    pl_write_string(&w, PL_STR("ResourceType"), j->resource.resource_type);
    pl_write_string(&w, PL_STR("ResourceId"), j->resource.resource_id);
    pl_writer_end(&w);
    out->failed = out->failed || parameters.failed;
    pl_buf_free(&parameters);
}

static bool post(const char *url, pl_str body, pl_error *error) {
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    long status = 0;
    CURLcode result = CURLE_OUT_OF_MEMORY;
    if (curl && headers) {
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.p);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)EXECUTOR_MS);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
        result = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (result == CURLE_OPERATION_TIMEDOUT)
        pl_failf(error, PL_E_ServiceUnavailable, "Invocation time out.");
    else if (result != CURLE_OK)
        pl_failf(error, PL_E_ServiceUnavailable, "The executor cannot be reached: %s.",
                 curl_easy_strerror(result));
    else if (status < 200 || status > 299)
        pl_failf(error, PL_E_ServiceUnavailable, "The executor answered with HTTP status %ld.", status);
    return result == CURLE_OK && status >= 200 && status <= 299;
}

static bool request_execution(round *x, const job *j, pl_json values, pl_error *error) {
    pl_buf body;
    pl_buf_init(&body, PAYLOAD_MAX);
    write_request(&body, x, j, values);
    bool done = body.failed ? pl_fail(error, PL_E_ServiceUnavailable) == 0
                            : post(x->r->config.executor, pl_buf_str(&body), error);
    pl_buf_free(&body);
    return done;
}

static bool run_template(round *x, const job *j, pl_error *error) {
    remediation *r = x->r;
    pl_json values;
    const inventory_resource *s = &j->resource;
    remediation_subject subject = {s->account_id, s->region_id, s->resource_type, s->resource_id, s->name};
    if (!r->config.executor) {
        pl_failf(error, PL_E_ServiceUnavailable,
                 "This server has no executor for templates: start it with --remediation-executor.");
        return false;
    }
    const catalogue_remediation *t =
        catalogue_find_remediation(r->config.catalogue, j->remedy.template_id, error);
    if (!t) {
        pl_failf(error, PL_E_RemediationTemplateNotExist, "The template does not exist any more.");
        return false;
    }
    if (remediation_values(&x->arena, t, j->remedy.params, &subject, &values, error) != 0)
        return false;
    return strcmp(r->config.executor, "simulate") == 0 ? simulate(x, j, t, values, error)
                                                       : request_execution(x, j, values, error);
}

/* --- Functions ---------------------------------------------------------------------------------------------
 */

static void write_event(pl_buf *out, const round *x) {
    pl_buf_add_char(out, '[');
    for (size_t i = 0; i < x->together_count; i++) {
        const job *j = x->together[i];
        pl_buf_printf(out, "%s{\"accountId\":%.*s", i ? "," : "", PL_FMT(j->event.account_id));
        const struct {
            const char *name;
            pl_str value;
        } members[] = {{"regionId", j->resource.region_id},
                       {"resourceId", j->resource.resource_id},
                       {"resourceType", j->resource.resource_type},
                       {"resourceName", j->resource.name},
                       {"configRuleId", j->rule.rule_id}};
        for (size_t k = 0; k < sizeof members / sizeof *members; k++) {
            pl_buf_printf(out, ",\"%s\":", members[k].name);
            pl_json_write_string(out, members[k].value);
        }
        pl_buf_add_char(out, '}');
    }
    pl_buf_add_char(out, ']');
}

struct finding {
    pl_arena *arena;
    function_name name;
    function_record record;
    bool found;
};

static int find_function(store_session *session, void *argument, pl_error *error) {
    struct finding *f = argument;
    return function_find(session, f->arena, f->name.account_id, f->name.name, f->name.qualifier, &f->record,
                         &f->found, error);
}

/* A rule's remediation calls functions of the rule's own account only. */
static bool run_function(round *x, const job *j, pl_error *error) {
    remediation *r = x->r;
    struct finding f = {.arena = &x->arena};
    functions_outcome outcome = {0};
    pl_buf payload;
    if (!r->config.functions || !function_arn_parse(j->remedy.template_id, &f.name) ||
        !pl_str_eq(f.name.account_id, j->rule.account_id))
        return pl_failf(error, PL_E_ServiceUnavailable, "The function is not one of this account's.") == 0;
    if (store_read(r->config.store, find_function, &f, error) != 0)
        return false;
    if (!f.found)
        return pl_failf(error, PL_E_ServiceUnavailable, "The function %.*s does not exist.",
                        PL_FMT(j->remedy.template_id)) == 0;
    pl_buf_init(&payload, PAYLOAD_MAX);
    write_event(&payload, x);
    int status = payload.failed
                     ? pl_fail(error, PL_E_ServiceUnavailable)
                     : functions_invoke(r->config.functions, &x->arena, &f.record, pl_buf_str(&payload),
                                        x->run.execution_id, 0, &outcome, error);
    pl_buf_free(&payload);
    if (status == 0 && outcome.error_type.n)
        status = pl_str_is(outcome.code, "TimeOut")
                     ? pl_failf(error, PL_E_ServiceUnavailable, "Invocation time out.")
                     : pl_failf(error, PL_E_ServiceUnavailable, "%.*s", PL_FMT(outcome.message));
    return status == 0;
}

/* --- Executions --------------------------------------------------------------------------------------------
 */

static int settle_work(store_session *session, void *argument, pl_error *error) {
    round *x = argument;
    for (size_t i = 0; i < x->together_count; i++)
        if (engine_remedy_drop(session, &x->together[i]->event, error) != 0)
            return -1;
    if (!x->run.execution_id.p)
        return 0;
    return engine_remedy_note(
        session, &x->run,
        x->together[0]->event.manual ? PL_STR("MANUAL_EXECUTION") : PL_STR("AUTO_EXECUTION"), error);
}

static bool go_together(const job *a, const job *b) {
    return a->live && b->live && !b->settled && a->event.rule_key == b->event.rule_key &&
           a->event.manual == b->event.manual && pl_str_eq(a->event.account_id, b->event.account_id) &&
           pl_str_eq(a->event.owner_id, b->event.owner_id) &&
           pl_str_eq(a->resource.resource_type, b->resource.resource_type);
}

static void gather(round *x, size_t first) {
    job *j = x->jobs + first;
    x->together_count = 0;
    x->together[x->together_count++] = j;
    for (size_t i = first + 1; i < x->count && j->live && pl_str_is(j->remedy.type, "FC"); i++)
        if (go_together(j, x->jobs + i))
            x->together[x->together_count++] = x->jobs + i;
    for (size_t i = 0; i < x->together_count; i++)
        x->together[i]->settled = true;
}

static int name_run(round *x, const job *j, pl_error *error) {
    char text[PL_UUID_TEXT];
    bool oos = pl_str_is(j->remedy.type, "OOS");
    pl_buf ids;
    if ((oos ? pl_random_hex(&x->r->config.random, text, 16) : pl_random_uuid(&x->r->config.random, text)) !=
        0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_buf_init(&ids, PAYLOAD_MAX);
    for (size_t i = 0; i < x->together_count; i++) {
        pl_buf_add(&ids, i ? PL_STR(",") : PL_STR(""));
        pl_buf_add(&ids, x->together[i]->resource.resource_id);
    }
    x->run = (engine_remedy_run){.execution_id = pl_arena_printf(&x->arena, oos ? "exec-%s" : "%s", text),
                                 .owner_id = j->rule.account_id,
                                 .rule_id = j->rule.rule_id,
                                 .account_id = j->event.account_id,
                                 .resource_ids = pl_arena_copy(&x->arena, pl_buf_str(&ids)),
                                 .resource_type = j->resource.resource_type,
                                 .created = pl_now(&x->r->config.clock)};
    pl_buf_free(&ids);
    return x->arena.failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static int execute(round *x, size_t first, pl_error *error) {
    job *j = x->jobs + first;
    pl_error failure = {0};
    gather(x, first);
    x->run = (engine_remedy_run){.execution_id = PL_STR_NONE};
    if (j->live) {
        if (name_run(x, j, error) != 0)
            return -1;
        x->run.success =
            pl_str_is(j->remedy.type, "OOS") ? run_template(x, j, &failure) : run_function(x, j, &failure);
        x->run.message = x->run.success ? PL_STR("") : pl_str_from(failure.message);
        if (!x->run.success && x->r->config.log)
            pl_log_write(x->r->config.log, PL_LOG_WARNING, "remediation: %.*s: %s",
                         PL_FMT(x->run.execution_id), failure.message);
    }
    return store_write(x->r->config.store, settle_work, x, error);
}

static int execute_all(round *x, pl_error *error) {
    for (size_t i = 0; i < x->count && !store_workers_stopping(x->r->workers); i++)
        if (!x->jobs[i].settled && execute(x, i, error) != 0)
            return -1;
    return 0;
}

static int release_round(store_session *session, void *argument, pl_error *error) {
    return engine_remedy_release(session, pl_str_from(((round *)argument)->lease.name), error);
}

/* Claims and executes while the lease is held; what was not executed is given back. */
static int work_held(round *x, bool *worked, pl_error *error) {
    pl_error ignored = {0};
    if (store_write(x->r->config.store, claim_work, x, error) != 0)
        return -1;
    *worked = x->count > 0;
    int status = execute_all(x, error);
    if (status != 0 || store_workers_stopping(x->r->workers))
        (void)store_write(x->r->config.store, release_round, x, &ignored);
    return status;
}

int remediation_work(remediation *r, bool *worked, pl_error *error) {
    job *together[CLAIMED];
    round *x = pl_calloc(1, sizeof *x);
    *worked = false;
    if (!x)
        return pl_fail(error, PL_E_ServiceUnavailable);
    x->r = r;
    x->together = together;
    x->now = pl_now(&r->config.clock);
    pl_arena_init(&x->arena, ARENA_LIMIT);
    int status = store_read(r->config.store, any_work, x, error);
    if (status == 0 && x->any && (status = store_lease_hold(r->leases, &x->lease, error)) == 0) {
        status = work_held(x, worked, error);
        store_lease_let_go(r->leases, &x->lease);
    }
    pl_arena_free(&x->arena);
    pl_free(x);
    return status;
}

/* --- Threads -----------------------------------------------------------------------------------------------
 */

static int work_once(void *context, unsigned number, bool *worked, pl_error *error) {
    (void)number;
    return remediation_work(context, worked, error);
}

static int open_workers(remediation *r, pl_error *error) {
    const remediation_config *c = &r->config;
    store_workers_config workers = {.store = c->store,
                                    .log = c->log,
                                    .name = "remediation",
                                    .channel = ENGINE_REMEDY_CHANNEL,
                                    .threads = c->workers < WORKERS_MAX ? c->workers : (unsigned)WORKERS_MAX,
                                    .wait_ms = TICK_MS,
                                    .work = work_once,
                                    .context = r};
    return store_workers_open(&r->workers, &workers, error);
}

int remediation_open(remediation **out, const remediation_config *config, pl_error *error) {
    remediation *r = pl_calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return pl_fail(error, PL_E_ServiceUnavailable);
    r->config = *config;
    store_leases_config leases = {.store = config->store,
                                  .clock = config->clock,
                                  .random = config->random,
                                  .log = config->log,
                                  .renew = engine_remedy_renew};
    if (store_leases_open(&r->leases, &leases, error) != 0 || open_workers(r, error) != 0) {
        remediation_close(r);
        return -1;
    }
    *out = r;
    return 0;
}

static int release_gone(store_session *session, void *argument, pl_error *error) {
    (void)argument;
    return engine_remedy_release(session, PL_STR_NONE, error);
}

int remediation_start(remediation *r, pl_error *error) {
    if (store_write(r->config.store, release_gone, NULL, error) != 0 ||
        store_leases_start(r->leases, error) != 0)
        return -1;
    return store_workers_start(r->workers, error);
}

void remediation_stop(remediation *r) {
    if (!r)
        return;
    store_workers_stop(r->workers);
    store_leases_close(r->leases);
    r->leases = NULL;
}

void remediation_close(remediation *r) {
    if (!r)
        return;
    remediation_stop(r);
    store_workers_close(r->workers);
    pl_free(r);
}
