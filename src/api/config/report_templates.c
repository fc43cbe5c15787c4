/*
 * Report templates: what goes into a report, in which form and language, and when it is made and sent by
 * itself. Values are those of the published resource: scopes by AggregatorId, CompliancePackId and RuleId
 * that all have to hold, Quartz expressions in UTC+8.
 */
#include "api/answer.h"
#include "api/config/downloads.h"
#include "api/config/shared.h"
#include "api/operations.gen.h"

#include "base/encode.h"
#include "json/parser.h"

enum {
    NAME_MAX = 128,
    DESCRIPTION_MAX = 512,
    SCOPE_ITEMS_MAX = 20,
    VALUE_MAX = 8192,
    PAGE = 20,
    PAGE_MAX = 100
};

typedef struct template_task {
    api_call *call;
    reports_template t;
    bool send;
    reports_file file;
    bool found;
} template_task;

static int missing(template_task *task) {
    return pl_fail(task->call->error, PL_E_ReportTemplateNotExist);
}

/* --- Parameters ------------------------------------------------------------------------------------------
 */

static bool is_one_of(pl_str text, const char *const *allowed, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (pl_str_is(text, allowed[i]))
            return true;
    return false;
}

/* Takes a text that was sent, one of the allowed ones; an empty one is the first of them. */
static int take_choice(api_call *call, const char *name, const char *const *allowed, size_t count,
                       pl_str *text) {
    if (!api_input(call, name))
        return 0;
    *text = pl_str_trim(api_text(call, name));
    if (text->n == 0)
        *text = pl_str_from(allowed[0]);
    return is_one_of(*text, allowed, count) ? 0 : api_refuse_invalid(call, name);
}

/* excel, csv, or both. */
static int take_formats(api_call *call, pl_str *text) {
    static const char *const allowed[] = {"excel", "csv", "excel,csv", "csv,excel"};
    return take_choice(call, "ReportFileFormats", allowed, 4, text);
}

static int take_text(api_call *call, const char *name, size_t most, bool required, pl_str *text) {
    if (!api_input(call, name))
        return 0;
    *text = pl_str_trim(api_text(call, name));
    if ((required && text->n == 0) || pl_utf8_length(*text) > most)
        return api_refuse_invalid(call, name);
    return 0;
}

static int take_frequency(api_call *call, pl_str *text) {
    int64_t next;
    const char *why;
    if (!api_input(call, "SubscriptionFrequency"))
        return 0;
    *text = api_text(call, "SubscriptionFrequency"); /* shown as it was written, blanks and all */
    pl_str expression = pl_str_trim(*text);
    if (expression.n == 0 || reports_cron_next(expression, call->now, &next, &why))
        return 0;
    return pl_fail_code(call->error, 400, "InvalidSubscriptionFrequency",
                        "SubscriptionFrequency is not a Quartz expression: %s.", why);
}

/*
 * Groups have to be the caller's to look at; whether they still are is decided whenever a report is made.
 * Outside of store works, as org answers there.
 */
static int check_groups(api_call *call, pl_str value) {
    engine_list groups;
    config_owner owner;
    if (engine_list_parse(call->arena, value, &groups, call->error) != 0)
        return -1;
    for (size_t i = 0; i < groups.count; i++)
        if (config_owner_by_id(call, groups.items[i], CONFIG_READ, &owner) != 0)
            return -1;
    return 0;
}

static int take_condition(api_call *call, const api_value *item, pl_buf *out) {
    static const char *const keys[] = {"AggregatorId", "CompliancePackId", "RuleId"};
    pl_str key = pl_str_trim(api_member_text(item, "Key")),
           match = pl_str_trim(api_member_text(item, "MatchType")),
           value = pl_str_trim(api_member_text(item, "Value"));
    if (!is_one_of(key, keys, 3) || (match.n && !pl_str_is(match, "In")) || value.n == 0 ||
        value.n > VALUE_MAX)
        return api_refuse_invalid(call, "ReportScope");
    pl_buf_add(out, PL_STR("{\"Key\":"));
    pl_json_write_string(out, key);
    pl_buf_add(out, PL_STR(",\"MatchType\":\"In\",\"Value\":"));
    pl_json_write_string(out, value);
    pl_buf_add_char(out, '}');
    return 0;
}

static int take_scope(api_call *call, pl_str *text) {
    const api_value *list = api_input(call, "ReportScope");
    pl_buf out;
    int result = 0;
    if (!list)
        return 0;
    if (list->count > SCOPE_ITEMS_MAX)
        return api_refuse_invalid(call, "ReportScope");
    pl_buf_init(&out, 1 << 20);
    pl_buf_add_char(&out, '[');
    for (size_t i = 0; result == 0 && i < list->count; i++) {
        if (i)
            pl_buf_add_char(&out, ',');
        result = take_condition(call, &list->items[i], &out);
    }
    pl_buf_add_char(&out, ']');
    if (result == 0) {
        *text = out.failed ? PL_STR_NONE : pl_arena_copy(call->arena, pl_buf_str(&out));
        result = text->p ? 0 : pl_fail(call->error, PL_E_ServiceUnavailable);
    }
    pl_buf_free(&out);
    return result;
}

static int check_scope(api_call *call) {
    const api_value *list = api_input(call, "ReportScope");
    for (size_t i = 0; list && i < list->count; i++)
        if (pl_str_is(pl_str_trim(api_member_text(&list->items[i], "Key")), "AggregatorId") &&
            check_groups(call, api_member_text(&list->items[i], "Value")) != 0)
            return -1;
    return 0;
}

/* Puts what was sent over the template. */
static int take_all(api_call *call, reports_template *t) {
    static const char *const granularities[] = {"AllInOne", "GroupByAggregator", "GroupByCompliancePack",
                                                "GroupByRule", "GroupByAccount"};
    static const char *const languages[] = {"en-US", "zh-CN"};
    if (take_text(call, "ReportTemplateName", NAME_MAX, true, &t->name) != 0 ||
        take_text(call, "ReportTemplateDescription", DESCRIPTION_MAX, false, &t->description) != 0 ||
        take_formats(call, &t->file_formats) != 0 ||
        take_choice(call, "ReportGranularity", granularities, 5, &t->granularity) != 0 ||
        take_choice(call, "ReportLanguage", languages, 2, &t->language) != 0)
        return -1;
    return take_frequency(call, &t->frequency) != 0 ? -1 : take_scope(call, &t->scope);
}

/* --- Create, update, delete ------------------------------------------------------------------------------
 */

static int create_work(api_call *call, store_session *session) {
    reports_template t = {.account_id = api_account(call),
                          .description = PL_STR(""),
                          .file_formats = PL_STR("excel"),
                          .granularity = PL_STR("AllInOne"),
                          .language = PL_STR("en-US"),
                          .scope = PL_STR("[]"),
                          .frequency = PL_STR("")};
    if (take_all(call, &t) != 0 ||
        reports_template_put(session, call->arena, &call->services->random, call->now, &t, call->error) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("ReportTemplateId"), t.template_id);
    return 0;
}

int config_create_report_template(api_call *call) {
    return check_scope(call) != 0 ? -1 : api_answer_write(call, create_work);
}

static int find(template_task *task, store_session *session) {
    api_call *call = task->call;
    bool found;
    if (reports_template_find(session, call->arena, api_account(call),
                              pl_str_trim(api_text(call, "ReportTemplateId")), &task->t, &found,
                              call->error) != 0)
        return -1;
    return found ? 0 : missing(task);
}

static int update_work(api_call *call, store_session *session) {
    template_task task = {.call = call};
    if (find(&task, session) != 0 || take_all(call, &task.t) != 0 ||
        reports_template_put(session, call->arena, &call->services->random, call->now, &task.t,
                             call->error) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("ReportTemplateId"), task.t.template_id);
    return 0;
}

int config_update_report_template(api_call *call) {
    return check_scope(call) != 0 ? -1 : api_answer_write(call, update_work);
}

static int delete_work(api_call *call, store_session *session) {
    template_task task = {.call = call};
    bool found;
    if (find(&task, session) != 0 ||
        reports_template_delete(session, task.t.account_id, task.t.template_id, &found, call->error) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("ReportTemplateId"), task.t.template_id);
    return 0;
}

int config_delete_report_template(api_call *call) {
    return api_answer_write(call, delete_work);
}

/* --- Get and list ----------------------------------------------------------------------------------------
 */

static void write_scope(api_call *call, pl_str scope) {
    pl_json list = PL_JSON_NONE, item;
    pl_str unused;
    (void)config_read_stored(call, "scope", scope, &list);
    pl_write_array(call->out, PL_STR("ReportScope"));
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &unused, &item);)
        pl_write_json(call->out, PL_STR_NONE, item);
    pl_write_array_end(call->out);
}

static void write_template(api_call *call, const reports_template *t) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("ReportTemplate"));
    api_write_text(out, "ReportTemplateId", t->template_id);
    api_write_text(out, "ReportTemplateName", t->name);
    api_write_text(out, "ReportTemplateDescription", t->description);
    api_write_text(out, "ReportFileFormats", t->file_formats);
    api_write_text(out, "ReportGranularity", t->granularity);
    api_write_text(out, "ReportLanguage", t->language);
    write_scope(call, t->scope);
    api_write_text(out, "SubscriptionFrequency", t->frequency);
    pl_write_object_end(out);
}

static int get_work(api_call *call, store_session *session) {
    template_task task = {.call = call};
    if (find(&task, session) != 0)
        return -1;
    write_template(call, &task.t);
    return 0;
}

int config_get_report_template(api_call *call) {
    return api_answer_read(call, get_work);
}

/* A token is the time and the id of the template that the page ended with. */
static int open_marker(api_call *call, reports_template_marker *marker, reports_template_query *query) {
    pl_str key, created;
    if (api_token_open(call, &key) != 0)
        return -1;
    if (!key.p)
        return 0;
    if (!pl_str_split(&key, ',', &created) || !pl_str_to_i64(created, &marker->created))
        return api_refuse_invalid(call, "NextToken");
    marker->template_id = key;
    query->after = marker;
    return 0;
}

static pl_str make_marker(const api_call *call, const reports_template *last) {
    return api_token_make(
        call, pl_arena_printf(call->arena, "%lld,%.*s", (long long)last->created, PL_FMT(last->template_id)));
}

static int list_work(api_call *call, store_session *session) {
    int64_t take = api_number(call, "MaxResults", PAGE);
    reports_template_query query = {.account_id = api_account(call),
                                    .keyword = pl_str_trim(api_text(call, "Keyword")),
                                    .limit = (size_t)take};
    reports_template_marker marker;
    reports_template_page page;
    if (take < 1 || take > PAGE_MAX)
        return api_refuse_invalid(call, "MaxResults");
    if (open_marker(call, &marker, &query) != 0 ||
        reports_template_list(session, call->arena, &query, &page, call->error) != 0)
        return -1;
    pl_write_array(call->out, PL_STR("ReportTemplateList"));
    for (size_t i = 0; i < page.count; i++)
        write_template(call, &page.items[i]);
    pl_write_array_end(call->out);
    pl_write_i64(call->out, PL_STR("MaxResults"), take);
    pl_write_string(call->out, PL_STR("NextToken"),
                    page.more && page.count ? make_marker(call, &page.items[page.count - 1]) : PL_STR(""));
    pl_write_i64(call->out, PL_STR("TotalCount"), page.total);
    return 0;
}

int config_list_report_templates(api_call *call) {
    return api_answer_read(call, list_work);
}

/* --- Reports ---------------------------------------------------------------------------------------------
 */

static int start(api_call *call, store_session *session, bool send) {
    template_task task = {.call = call};
    bool busy;
    if (find(&task, session) != 0)
        return -1;
    return reports_template_start(session, call->arena, &call->services->random, call->now, &task.t, send,
                                  &busy, call->error);
}

static int generate_work(api_call *call, store_session *session) {
    return start(call, session, false);
}

static int send_work(api_call *call, store_session *session) {
    return start(call, session, true);
}

int config_generate_report_from_template(api_call *call) {
    return api_answer_write(call, generate_work);
}

int config_trigger_report_send(api_call *call) {
    return api_answer_write(call, send_work);
}

static int get_report_work(api_call *call, store_session *session) {
    template_task task = {.call = call};
    pl_writer *out = call->out;
    pl_str link = PL_STR_NONE;
    if (find(&task, session) != 0 ||
        reports_find(session, call->arena, task.t.account_id, REPORTS_TEMPLATE, PL_STR(""),
                     task.t.template_id, &task.file, &task.found, call->error) != 0)
        return -1;
    bool complete = task.found && task.file.state == REPORTS_COMPLETE;
    if (complete && downloads_link(call, &task.file, &link) != 0)
        return -1;
    pl_write_object(out, PL_STR("TemplateReport"));
    config_write_account(out, "AccountId", task.t.account_id);
    api_write_text(out, "ReportTemplateId", task.t.template_id);
    api_write_text(out, "Status", task.found ? reports_state_name(task.file.state) : PL_STR("NONE"));
    if (task.found) {
        api_write_text(out, "TemplateReportId", task.file.file_id);
        pl_write_i64(out, PL_STR("ReportCreateStartTimestamp"), task.file.started);
    }
    if (complete) {
        pl_write_i64(out, PL_STR("ReportCreateEndTimestamp"), task.file.ended);
        api_write_text(out, "ReportUrl", link);
    }
    pl_write_object_end(out);
    return 0;
}

int config_get_report_from_template(api_call *call) {
    return api_answer_read(call, get_report_work);
}
