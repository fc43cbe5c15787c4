/*
 * SimulatePolicy: decides a request without running it, with policies to try.
 *
 * Items of IdentityPolicies and ControlPolicies are policy documents (objects, or their JSON text), tried
 * besides the stored ones; or objects with PolicyDocument and optionally PolicyName, PolicyId (a stored
 * policy that it replaces) and TargetId (folder or account of a control policy). A list of lists stands
 * instead of what is stored: for control policies one list for each level from the root folder down to the
 * account.
 */
#include "identity/simulate.h"

#include "api/answer.h"
#include "api/operations.gen.h"
#include "json/parser.h"

enum { TRIALS_MAX = 200 };

typedef struct trial_list {
    identity_trial items[TRIALS_MAX];
    size_t level_of[TRIALS_MAX];
    size_t count;
} trial_list;

static pl_str member(pl_json object, const char *name) {
    return pl_json_str(pl_json_get(object, pl_str_from(name)));
}

/* The compact text of an object, or the text itself. */
static pl_str document_text(api_call *call, pl_json document) {
    if (pl_json_is_string(document))
        return pl_json_str(document);
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_json_write(&text, document);
    pl_str copy = text.failed ? PL_STR_NONE : pl_arena_copy(call->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return copy;
}

static int add_trial(api_call *call, trial_list *list, pl_json item, size_t level, const char *parameter) {
    bool wrapped = pl_json_exists(pl_json_get(item, PL_STR("PolicyDocument")));
    pl_json document = wrapped ? pl_json_get(item, PL_STR("PolicyDocument")) : item;
    if (list->count == TRIALS_MAX || (!pl_json_is_object(document) && !pl_json_is_string(document)))
        return api_refuse_invalid(call, parameter);
    bool control = pl_str_is(pl_str_from(parameter), "ControlPolicies");
    pl_str name = wrapped ? member(item, "PolicyName") : PL_STR_NONE,
           id = wrapped ? member(item, "PolicyId") : PL_STR_NONE;
    identity_trial *trial = &list->items[list->count];
    *trial =
        (identity_trial){.target_id = wrapped ? member(item, "TargetId") : PL_STR_NONE,
                         .replaces = id.n || control ? id : name,
                         .name = name.n ? name
                                 : id.n ? id
                                        : pl_arena_printf(call->arena, "%s[%zu]", parameter, list->count),
                         .document = document_text(call, document)};
    list->level_of[list->count++] = level;
    return trial->document.p ? 0 : pl_fail(call->error, PL_E_ServiceUnavailable);
}

static int add_level(api_call *call, trial_list *list, pl_json items, size_t level, const char *parameter) {
    pl_str key;
    pl_json item;
    for (pl_json_walk w = pl_json_children(items); pl_json_step(&w, &key, &item);)
        if (add_trial(call, list, item, level, parameter) != 0)
            return -1;
    return 0;
}

/* An item as JSON: sent as such, or as text. */
static pl_json item_json(api_call *call, const api_value *item) {
    pl_json json = item->json;
    pl_error ignored;
    if (!pl_json_exists(json) && pl_json_parse_in(call->arena, item->text, &json, &ignored) != 0)
        json = PL_JSON_NONE;
    return json;
}

static int read_trials(api_call *call, const char *parameter, trial_list *list, identity_trials *trials) {
    const api_value *items = api_input(call, parameter);
    list->count = 0;
    *trials = (identity_trials){.items = list->items, .level_of = list->level_of};
    for (size_t i = 0; items && i < items->count; i++) {
        pl_json item = item_json(call, &items->items[i]);
        bool level = pl_json_is_array(item);
        if (i > 0 && level != trials->instead)
            return api_refuse_invalid(call, parameter);
        trials->instead = level;
        if ((level ? add_level(call, list, item, i, parameter) : add_trial(call, list, item, 0, parameter)) !=
            0)
            return -1;
    }
    trials->count = list->count;
    trials->level_count = trials->instead ? items->count : 0;
    return 0;
}

/* --- Context
 * ------------------------------------------------------------------------------------------------
 */

static int add_value(api_call *call, pl_str *values, size_t *count, pl_json value) {
    pl_buf text;
    if (pl_json_is_object(value) || pl_json_is_array(value) || pl_json_is_null(value))
        return api_refuse_invalid(call, "Context");
    pl_buf_init(&text, 1 << 16);
    pl_json_write_text(&text, value);
    values[*count] = text.failed ? PL_STR_NONE : pl_arena_copy(call->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return values[(*count)++].p ? 0 : api_refuse_invalid(call, "Context");
}

static int read_entry(api_call *call, pl_str key, pl_json value, pl_context_entry *entry) {
    pl_str unused;
    pl_json item;
    size_t count = 0;
    bool list = pl_json_is_array(value);
    pl_str *values = pl_new(call->arena, pl_str, list ? pl_json_count(value) + 1 : 1);
    if (!values)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (!list && add_value(call, values, &count, value) != 0)
        return -1;
    if (list)
        for (pl_json_walk w = pl_json_children(value); pl_json_step(&w, &unused, &item);)
            if (add_value(call, values, &count, item) != 0)
                return -1;
    *entry = (pl_context_entry){key, values, count};
    return 0;
}

static int read_context(api_call *call, identity_simulation *s) {
    const api_value *sent = api_input(call, "Context");
    pl_str key;
    pl_json value;
    if (!sent || !pl_json_is_object(sent->json))
        return 0;
    pl_context_entry *entries = pl_new(call->arena, pl_context_entry, pl_json_count(sent->json) + 1);
    if (!entries)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (pl_json_walk w = pl_json_children(sent->json); pl_json_step(&w, &key, &value);)
        if (read_entry(call, key, value, &entries[s->context_count++]) != 0)
            return -1;
    s->context = entries;
    return 0;
}

/* --- Answer
 * -------------------------------------------------------------------------------------------------
 */

static void write_matched(pl_writer *out, const identity_matched *m) {
    pl_write_object(out, PL_STR_NONE);
    api_write_text(out, "Effect", m->effect);
    api_write_text(out, "PolicyId", m->policy_id);
    api_write_text(out, "PolicyName", m->policy_name);
    if (pl_json_exists(m->statement))
        pl_write_json(out, PL_STR("Statement"), m->statement);
    api_write_text(out, "Step", m->step);
    api_write_text(out, "TargetId", m->target_id);
    pl_write_object_end(out);
}

static void write_verdict(api_call *call, const identity_verdict *verdict) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("DecidedBy"));
    api_write_text(out, "Path", verdict->target_path);
    api_write_text(out, "PolicyName", verdict->policy_name);
    api_write_text(out, "Step", verdict->step);
    api_write_text(out, "TargetId", verdict->target_id);
    api_write_text(out, "TargetName", verdict->target_name);
    pl_write_object_end(out);
    api_write_text(out, "Decision", pl_ruling_name(verdict->ruling));
    pl_write_array(out, PL_STR("MatchedStatements"));
    for (size_t i = 0; i < verdict->matched_count; i++)
        write_matched(out, &verdict->matched[i]);
    pl_write_array_end(out);
}

int plumbline_simulate_policy(api_call *call) {
    trial_list *lists = pl_new(call->arena, trial_list, 2);
    identity_verdict verdict;
    identity_simulation s = {
        .principal_arn = api_text(call, "PrincipalArn"),
        .action = api_text(call, "ActionName"),
        .resource = api_text(call, "ResourceArn"),
        .common = {.source_ip = call->source_ip, .secure = call->secure, .now = call->now}};
    if (!lists)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (read_context(call, &s) != 0 ||
        read_trials(call, "IdentityPolicies", &lists[0], &s.identity_policies) != 0 ||
        read_trials(call, "ControlPolicies", &lists[1], &s.control_policies) != 0 ||
        identity_simulate(call->services->identity, call->arena, api_account(call), &s, &verdict,
                          call->error) != 0)
        return -1;
    write_verdict(call, &verdict);
    return 0;
}
