/* DryRunConfigRule, and the evaluation of a rule on what is not stored. */
#include "api/config/preview.h"
#include "api/operations.gen.h"

#include "json/parser.h"

/* Takes the text out of the buffer; nothing is the empty text. */
static int keep(api_call *call, pl_buf *text, pl_str *out, pl_error *error) {
    *out = text->failed ? PL_STR_NONE : pl_arena_copy(call->arena, text->n ? pl_buf_str(text) : PL_STR(""));
    pl_buf_clear(text);
    return out->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

typedef struct evaluate_task {
    api_call *call;
    const pl_program *program;
    const config_subject *subject;
    config_preview *out;
} evaluate_task;

static int show(evaluate_task *task, pl_program_state *state, pl_error *error) {
    config_preview *out = task->out;
    pl_buf text;
    if (out->verdict == PL_VERDICT_ERROR) {
        *error = *pl_program_error(state, 0);
        return -1;
    }
    pl_buf_init(&text, 4 << 20);
    pl_program_write_annotation(state, 0, &text);
    int result = keep(task->call, &text, &out->annotation, error);
    pl_program_write_context(state, 0, &text);
    result |= keep(task->call, &text, &out->context, error);
    pl_program_write_applies_context(state, 0, &text);
    result |= keep(task->call, &text, &out->applies, error);
    pl_buf_free(&text);
    return result;
}

/* `session` NULL: the program does not ask for related resources. */
static int evaluate_work(store_session *session, void *argument, pl_error *error) {
    evaluate_task *task = argument;
    const config_subject *subject = task->subject;
    engine_relating relating = {.e = task->call->services->engine,
                                .session = session,
                                .arena = task->call->arena,
                                .resource = &subject->resource,
                                .configuration = subject->configuration,
                                .others = subject->others,
                                .other_count = subject->other_count};
    pl_program_input input = {.configuration = subject->configuration,
                              .item = subject->item,
                              .now = task->call->now,
                              .related = session ? engine_find_related : NULL,
                              .context = &relating};
    pl_program_state *state = pl_program_state_new(task->program);
    if (!state)
        return pl_fail(error, PL_E_ServiceUnavailable);
    task->out->verdict = pl_program_evaluate(state, &input)[0];
    int result = show(task, state, error);
    pl_program_state_free(state);
    return result;
}

static int evaluate(api_call *call, const pl_program *program, const config_subject *subject,
                    config_preview *out) {
    evaluate_task task = {call, program, subject, out};
    return pl_program_needs(program).related ? config_read(call, evaluate_work, &task)
                                             : evaluate_work(NULL, &task, call->error);
}

static int seal_and_evaluate(api_call *call, pl_program *program, int added, const config_subject *subject,
                             config_preview *out) {
    int result = added;
    if (result == 0)
        result = pl_program_seal(program, call->error);
    if (result == 0)
        result = evaluate(call, program, subject, out);
    pl_program_release(program);
    return result;
}

int config_preview_managed(api_call *call, const catalogue_rule *rule, pl_json parameters,
                           const config_subject *subject, config_preview *out) {
    pl_json values;
    *out = (config_preview){PL_INSUFFICIENT_DATA, PL_STR(""), PL_STR(""), PL_STR("")};
    if (catalogue_parameters(rule, call->arena, parameters, &values, call->error) != 0)
        return -1;
    if (rule->missing.n)
        return 0;
    pl_program *program = pl_program_new();
    if (!program)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    int added = catalogue_program_add(rule, program, call->arena, values, call->error);
    return seal_and_evaluate(call, program, added, subject, out);
}

/* Evaluates the text of `Conditions`; errors of pl_condition_compile. */
static int preview_conditions(api_call *call, pl_str conditions, const config_subject *subject,
                              config_preview *out) {
    pl_program_rule rule = {
        .conditions = conditions, .strict = call->services->limits->strict, .readable = true};
    *out = (config_preview){PL_INSUFFICIENT_DATA, PL_STR(""), PL_STR(""), PL_STR("")};
    pl_program *program = pl_program_new();
    if (!program)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    return seal_and_evaluate(call, program, pl_program_add(program, &rule, call->error), subject, out);
}

/* --- DryRunConfigRule ------------------------------------------------------------------------------------
 */

static bool any_account(void *context, pl_str account_id) {
    (void)context;
    (void)account_id;
    return true;
}

static int item_json(api_call *call, const inventory_item *item, pl_json *out) {
    inventory_resource resource = inventory_resource_of(item);
    pl_json tags = PL_JSON_NONE;
    if (item->tags.n && pl_json_parse_in(call->arena, item->tags, &tags, call->error) != 0)
        return -1;
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    inventory_write_item(&text, &resource, tags);
    int result = text.failed ? pl_fail(call->error, PL_E_ServiceUnavailable)
                             : pl_json_parse_in(call->arena, pl_buf_str(&text), out, call->error);
    pl_buf_free(&text);
    return result;
}

static bool has_either(pl_json root, const char *name, const char *other) {
    return pl_json_exists(pl_json_get(root, pl_str_from(name))) ||
           pl_json_exists(pl_json_get(root, pl_str_from(other)));
}

/* The item with a type and an id, so that a bare `Configuration` can be tried as well. */
static int complete_item(api_call *call, pl_json *root) {
    pl_buf text;
    pl_str key;
    pl_json value;
    bool typed = has_either(*root, "resourceType", "ResourceType");
    bool named = has_either(*root, "resourceId", "ResourceId");
    if (typed && named)
        return 0;
    pl_buf_init(&text, 8 << 20);
    pl_buf_add(&text, named ? PL_STR("{") : PL_STR("{\"resourceId\":\"dry-run\""));
    if (!typed) {
        pl_buf_add(&text, named ? PL_STR("\"resourceType\":") : PL_STR(",\"resourceType\":"));
        pl_json_write_string(&text, pl_str_trim(api_text(call, "ResourceType")));
    }
    for (pl_json_walk w = pl_json_children(*root); pl_json_step(&w, &key, &value);) {
        pl_buf_add_char(&text, ',');
        pl_json_write_string(&text, key);
        pl_buf_add_char(&text, ':');
        pl_json_write(&text, value);
    }
    pl_buf_add_char(&text, '}');
    int result = text.failed ? pl_fail(call->error, PL_E_ServiceUnavailable)
                             : pl_json_parse_in(call->arena, pl_buf_str(&text), root, call->error);
    pl_buf_free(&text);
    return result;
}

/* A wrong item, under the name that this operation's parameter has. */
static int wrong_item(api_call *call) {
    static const char prefix[] = "ConfigurationItems[0]";
    if (!pl_error_is(call->error, PL_E_Invalid_ConfigurationItems_Value))
        return -1;
    pl_str reason = pl_arena_copy(call->arena, pl_str_from(call->error->message));
    if (!reason.p)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (pl_str_starts(reason, pl_str_from(prefix)))
        reason = pl_str_skip(reason, sizeof prefix - 1);
    return pl_fail_code(call->error, 400, "InvalidConfigurationItem",
                        "Specified parameter ConfigurationItem is not valid. ConfigurationItem%.*s",
                        PL_FMT(reason));
}

/* `*applies` false: the item is of another type than the rule is for. */
static int read_subject(api_call *call, config_subject *subject, bool *applies) {
    pl_str text = api_text(call, "ConfigurationItem");
    pl_json root;
    inventory_item item;
    inventory_defaults defaults = {.account_id = api_account(call),
                                   .catalogue = call->services->catalogue,
                                   .accepts_account = any_account};
    *subject = (config_subject){0};
    *applies = true;
    if (pl_str_trim(text).n == 0)
        return 0;
    if (config_parse(call, text, &root) != 0)
        return -1;
    if (!pl_json_is_object(root))
        return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("ConfigurationItem"));
    if (complete_item(call, &root) != 0)
        return -1;
    if (inventory_parse_item(call->arena, root, &defaults, 0, &item, call->error) != 0)
        return wrong_item(call);
    subject->configuration = item.configuration;
    subject->resource = (inventory_resource){.account_id = item.account_id,
                                             .resource_type = item.resource_type,
                                             .region_id = item.region_id,
                                             .resource_id = item.resource_id};
    pl_str wanted = pl_str_trim(api_text(call, "ResourceType"));
    *applies = wanted.n == 0 ||
               pl_str_eq_fold(catalogue_type_name(call->services->catalogue, wanted), item.resource_type);
    return item_json(call, &item, &subject->item);
}

typedef struct dry_task {
    api_call *call;
    engine_rule rule;
    bool found;
} dry_task;

static int find_work(store_session *session, void *argument, pl_error *error) {
    dry_task *task = argument;
    engine_group owner = {api_account(task->call), PL_STR_NONE};
    pl_str id = pl_str_trim(api_text(task->call, "ConfigRuleId"));
    if (engine_rule_find(session, task->call->arena, &owner, id, &task->rule, &task->found, error) != 0)
        return -1;
    return task->found ? 0 : pl_fail(error, PL_E_ConfigRuleNotExists);
}

/* The rule that the request means: by id, or by its source. `found` false: none was given. */
static int read_rule(api_call *call, dry_task *task) {
    if (api_text(call, "ConfigRuleId").n)
        return config_read(call, find_work, task);
    task->rule.conditions = api_text(call, "Conditions");
    task->rule.identifier = pl_str_trim(api_text(call, "SourceIdentifier"));
    task->rule.input_parameters = api_text(call, "InputParameters");
    task->rule.owner = task->rule.conditions.n ? ENGINE_CONDITION : ENGINE_MANAGED;
    pl_str owner = api_text(call, "SourceOwner");
    if (owner.n && !engine_rule_owner_find(owner, &task->rule.owner))
        return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("SourceOwner"));
    task->found = task->rule.conditions.n || task->rule.identifier.n;
    return 0;
}

static int dry_run(api_call *call, const engine_rule *rule, const config_subject *subject,
                   config_preview *out) {
    if (rule->owner == ENGINE_CONDITION)
        return preview_conditions(call, rule->conditions, subject, out);
    if (rule->owner == ENGINE_FUNCTION)
        return 0; /* a function is not called for a trial */
    const catalogue_rule *managed =
        catalogue_find_rule(call->services->catalogue, rule->identifier, call->error);
    if (!managed)
        return call->error->code[0] ? -1 : pl_fail(call->error, PL_E_Invalid_SourceIdentifier_Value);
    pl_json parameters = PL_JSON_NONE;
    if (rule->input_parameters.n && config_parse(call, rule->input_parameters, &parameters) != 0)
        return -1;
    if (rule->input_parameters.n && !pl_json_exists(parameters))
        return pl_fail(call->error, PL_E_Invalid_InputParameters_Value);
    return config_preview_managed(call, managed, parameters, subject, out);
}

int config_dry_run_config_rule(api_call *call) {
    dry_task task = {.call = call};
    config_subject subject;
    config_preview preview = {PL_INSUFFICIENT_DATA, PL_STR(""), PL_STR(""), PL_STR("")};
    bool applies;
    if (read_subject(call, &subject, &applies) != 0 || read_rule(call, &task) != 0)
        return -1;
    if (!applies)
        preview.verdict = PL_NOT_APPLICABLE;
    else if (task.found && dry_run(call, &task.rule, &subject, &preview) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("ComplianceType"), pl_verdict_name(preview.verdict));
    pl_write_string(call->out, PL_STR("RuleConditionContext"), preview.context);
    return 0;
}
