/*
 * Inventories, search files, package and rules reports: asking for them and looking at them, for accounts and
 * account groups (reference/reports.md).
 */
#include "api/config/downloads.h"
#include "api/config/results.h"
#include "api/operations.gen.h"

enum { RULES_MAX = 10000 }; /* named in one call */

typedef struct file_task {
    api_call *call;
    config_owner owner;
    reports_file file;
    pl_str file_id;    /* asked for by its own id */
    engine_list rules; /* named by the call */
    bool found, busy;
} file_task;

static int begin(file_task *task, reports_kind kind) {
    api_call *call = task->call;
    if (config_owner_of(call, CONFIG_READ, &task->owner) != 0)
        return -1;
    pl_str group = task->owner.group.aggregator_id;
    task->file = (reports_file){.account_id = api_account(call),
                                .kind = kind,
                                .aggregator_id = group.n ? group : PL_STR(""),
                                .object_id = PL_STR("")};
    return 0;
}

/* --- Requests --------------------------------------------------------------------------------------------
 */

static void add_list(pl_buf *out, const char *name, const engine_list *list) {
    pl_buf_add_char(out, out->n ? ',' : '{');
    pl_json_write_string(out, pl_str_from(name));
    pl_buf_add(out, PL_STR(":["));
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            pl_buf_add_char(out, ',');
        pl_json_write_string(out, list->items[i]);
    }
    pl_buf_add_char(out, ']');
}

static void add_flag(pl_buf *out, const char *name, bool flag) {
    pl_buf_add_char(out, out->n ? ',' : '{');
    pl_json_write_string(out, pl_str_from(name));
    pl_buf_add(out, flag ? PL_STR(":true") : PL_STR(":false"));
}

/* Takes the text over as the request of the file. */
static int end_request(file_task *task, pl_buf *text) {
    pl_buf_add_char(text, '}');
    task->file.request = text->failed ? PL_STR_NONE : pl_arena_copy(task->call->arena, pl_buf_str(text));
    pl_buf_free(text);
    return task->file.request.p ? 0 : pl_fail(task->call->error, PL_E_ServiceUnavailable);
}

static int start_work(store_session *session, void *argument, pl_error *error) {
    file_task *task = argument;
    reports_file file = task->file;
    if (reports_start(session, task->call->arena, &task->call->services->random, task->call->now, &file,
                      &task->busy, error) != 0)
        return -1;
    task->file.file_id = file.file_id;
    return 0;
}

static int start(file_task *task) {
    return store_write(task->call->services->store, start_work, task, task->call->error);
}

/* --- Answers ---------------------------------------------------------------------------------------------
 */

static int find_work(store_session *session, void *argument, pl_error *error) {
    file_task *task = argument;
    reports_file *file = &task->file, found;
    int result = task->file_id.n
                     ? reports_find_id(session, task->call->arena, file->account_id, task->file_id, &found,
                                       &task->found, error)
                     : reports_find(session, task->call->arena, file->account_id, file->kind,
                                    file->aggregator_id, file->object_id, &found, &task->found, error);
    if (result != 0 || !task->found)
        return result;
    /* An id of another kind or group names nothing here. */
    task->found = found.kind == file->kind && pl_str_eq(found.aggregator_id, file->aggregator_id);
    if (task->found)
        *file = found;
    return 0;
}

/* Status, address when there is one, and time, by the names of the operation. */
static int write_state(file_task *task, const char *status, const char *url, const char *time) {
    api_call *call = task->call;
    pl_str link = PL_STR_NONE;
    if (task->found && task->file.state == REPORTS_COMPLETE && downloads_link(call, &task->file, &link) != 0)
        return -1;
    pl_write_string(call->out, pl_str_from(status),
                    task->found ? reports_state_name(task->file.state) : PL_STR("NONE"));
    pl_write_optional(call->out, pl_str_from(url), link);
    if (task->found)
        pl_write_i64(call->out, pl_str_from(time), task->file.started);
    return 0;
}

/* --- Inventories -----------------------------------------------------------------------------------------
 */

/* Accounts of the group only; others are not told apart from none. */
static int check_accounts(file_task *task, const engine_list *accounts) {
    for (size_t i = 0; i < accounts->count; i++) {
        bool member = false;
        for (size_t k = 0; k < task->owner.account_count; k++)
            member = member || pl_str_eq(task->owner.accounts[k], accounts->items[i]);
        if (!member)
            return api_fail_generic(&task->call->operation->product->invalid, task->call->error,
                                    PL_STR("AccountIds"));
    }
    return 0;
}

static int generate_inventory(api_call *call) {
    file_task task = {.call = call};
    engine_list types, regions, accounts = {0};
    pl_buf request;
    if (begin(&task, REPORTS_INVENTORY) != 0 || config_types(call, "ResourceTypes", &types) != 0 ||
        config_list(call, "Regions", &regions) != 0 || config_list(call, "AccountIds", &accounts) != 0 ||
        check_accounts(&task, &accounts) != 0)
        return -1;
    pl_buf_init(&request, 1 << 20);
    add_list(&request, "types", &types);
    add_list(&request, "regions", &regions);
    add_list(&request, "accounts", &accounts);
    add_flag(&request, "deleted", api_number(call, "ResourceDeleted", 1) == 0);
    return end_request(&task, &request) != 0 ? -1 : start(&task);
}

static int get_file(api_call *call, reports_kind kind, const char *name) {
    file_task task = {.call = call};
    if (begin(&task, kind) != 0 || config_read(call, find_work, &task) != 0)
        return -1;
    pl_write_object(call->out, pl_str_from(name));
    if (write_state(&task, "Status", "DownloadUrl", "ResourceInventoryGenerateTime") != 0)
        return -1;
    pl_write_object_end(call->out);
    return 0;
}

static int get_inventory(api_call *call) {
    return get_file(call, REPORTS_INVENTORY, "ResourceInventory");
}

/* --- Search files ----------------------------------------------------------------------------------------
 */

static int create_search(api_call *call) {
    file_task task = {.call = call};
    pl_str sql = api_text(call, "Sql");
    search_plan *plan;
    pl_buf request;
    bool strict = call->services->limits->strict;
    if (begin(&task, REPORTS_SEARCH) != 0 ||
        search_compile(call->arena, sql, strict, &plan, call->error) != 0)
        return -1;
    pl_buf_init(&request, 1 << 20);
    add_flag(&request, "strict", strict);
    pl_buf_add(&request, PL_STR(",\"sql\":"));
    pl_json_write_string(&request, sql);
    return end_request(&task, &request) != 0 ? -1 : start(&task);
}

static int get_search(api_call *call) {
    return get_file(call, REPORTS_SEARCH, "ResourceSearch");
}

/* --- Reports on packages ---------------------------------------------------------------------------------
 */

static int check_pack(file_task *task, store_session *session, pl_error *error) {
    engine_pack pack;
    bool found;
    if (engine_pack_find(session, task->call->arena, &task->owner.group, task->file.object_id, &pack, &found,
                         error) != 0)
        return -1;
    return found ? 0 : pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
}

/* The whole answer is written inside, so that a repeated call with the same ClientToken gets it. */
static int start_pack_work(store_session *session, void *argument, pl_error *error) {
    file_task *task = argument;
    if (check_pack(task, session, error) != 0 || start_work(session, argument, error) != 0)
        return -1;
    if (task->busy)
        return pl_fail(error, PL_E_CompliancePackReportCreating);
    pl_write_string(task->call->out, PL_STR("CompliancePackId"), task->file.object_id);
    return 0;
}

static int generate_pack(api_call *call) {
    file_task task = {.call = call};
    pl_buf request;
    if (begin(&task, REPORTS_PACK) != 0)
        return -1;
    task.file.object_id = pl_str_trim(api_text(call, "CompliancePackId"));
    pl_buf_init(&request, 1 << 20);
    add_flag(&request, "multi", api_flag(call, "MultiFiles", false));
    return end_request(&task, &request) != 0 ? -1 : api_write(call, start_pack_work, &task);
}

static int find_pack_work(store_session *session, void *argument, pl_error *error) {
    file_task *task = argument;
    return check_pack(task, session, error) != 0 ? -1 : find_work(session, argument, error);
}

static int get_pack(api_call *call) {
    file_task task = {.call = call};
    if (begin(&task, REPORTS_PACK) != 0)
        return -1;
    task.file.object_id = pl_str_trim(api_text(call, "CompliancePackId"));
    if (config_read(call, find_pack_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("CompliancePackReport"));
    config_write_account(call->out, "AccountId", api_account(call));
    pl_write_string(call->out, PL_STR("CompliancePackId"), task.file.object_id);
    if (write_state(&task, "ReportStatus", "ReportUrl", "ReportCreateTimestamp") != 0)
        return -1;
    pl_write_object_end(call->out);
    return 0;
}

/* --- Reports on rules ------------------------------------------------------------------------------------
 */

/* A report on rules that are not there would look as if all was well. */
static int check_rules(file_task *task, store_session *session, pl_error *error) {
    engine_rule rule;
    for (size_t i = 0; i < task->rules.count; i++) {
        bool found;
        if (engine_rule_find(session, task->call->arena, &task->owner.group, task->rules.items[i], &rule,
                             &found, error) != 0)
            return -1;
        if (!found)
            return pl_fail(error, PL_E_ConfigRuleNotExists);
    }
    return 0;
}

static int start_rules_work(store_session *session, void *argument, pl_error *error) {
    file_task *task = argument;
    if (check_rules(task, session, error) != 0 || start_work(session, argument, error) != 0)
        return -1;
    if (task->busy)
        return pl_fail(error, PL_E_ConfigRuleReportCreating);
    pl_write_string(task->call->out, PL_STR("ReportId"), task->file.file_id);
    if (task->file.aggregator_id.n)
        pl_write_string(task->call->out, PL_STR("AggregatorId"), task->file.aggregator_id);
    return 0;
}

static int generate_rules(api_call *call) {
    file_task task = {.call = call};
    pl_buf request;
    if (begin(&task, REPORTS_RULES) != 0 || config_list(call, "ConfigRuleIds", &task.rules) != 0)
        return -1;
    if (task.rules.count > RULES_MAX)
        return api_fail(call->operation, call->error, PL_E_Invalid_ConfigRuleIds_SizeExceed);
    pl_buf_init(&request, 1 << 20);
    add_list(&request, "rules", &task.rules);
    return end_request(&task, &request) != 0 ? -1 : api_write(call, start_rules_work, &task);
}

static int get_rules(api_call *call) {
    file_task task = {.call = call, .file_id = pl_str_trim(api_text(call, "ReportId"))};
    if (begin(&task, REPORTS_RULES) != 0 || config_read(call, find_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("ConfigRulesReport"));
    config_write_account(call->out, "AccountId", api_account(call));
    if (task.file.aggregator_id.n)
        pl_write_string(call->out, PL_STR("AggregatorId"), task.file.aggregator_id);
    pl_write_string(call->out, PL_STR("ReportId"), task.found ? task.file.file_id : task.file_id);
    if (write_state(&task, "ReportStatus", "ReportUrl", "ReportCreateTimestamp") != 0)
        return -1;
    pl_write_object_end(call->out);
    return 0;
}

CONFIG_TWINS(config_generate_resource_inventory, config_generate_aggregate_resource_inventory,
             generate_inventory)
CONFIG_TWINS(config_get_resource_inventory, config_get_aggregate_resource_inventory, get_inventory)
CONFIG_TWINS(config_create_advanced_search_file, config_create_aggregate_advanced_search_file, create_search)
CONFIG_TWINS(config_get_advanced_search_file, config_get_aggregate_advanced_search_file, get_search)
CONFIG_TWINS(config_generate_compliance_pack_report, config_generate_aggregate_compliance_pack_report,
             generate_pack)
CONFIG_TWINS(config_get_compliance_pack_report, config_get_aggregate_compliance_pack_report, get_pack)
CONFIG_TWINS(config_generate_config_rules_report, config_generate_aggregate_config_rules_report,
             generate_rules)
CONFIG_TWINS(config_get_config_rules_report, config_get_aggregate_config_rules_report, get_rules)
