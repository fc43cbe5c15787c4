/* Results as functions hand them in: checked whole, then given to the engine in one transaction. */
#include "functions/private.h"

#include "base/encode.h"
#include "functions/token.h"

enum { ARENA_LIMIT = 64 << 20 };

static int refuse(pl_error *error, size_t index, const char *reason) {
    return pl_failf(error, PL_E_Invalid_Evaluations_Value,
                    "The specified Evaluations is invalid: element %zu: %s.", index, reason);
}

static pl_str member(pl_json element, const char *name) {
    return pl_json_str(pl_json_get(element, pl_str_from(name)));
}

/* A number or its text. */
static bool read_number(pl_json element, const char *name, int64_t *value) {
    pl_json node = pl_json_get(element, pl_str_from(name));
    *value = 0;
    if (!pl_json_exists(node) || pl_json_is_null(node))
        return true;
    return pl_json_i64(node, value) || pl_str_to_i64(pl_json_str(node), value);
}

/* The first ENGINE_ANNOTATION_MAX characters. */
static pl_str cut(pl_str text) {
    pl_str rest = text;
    for (size_t i = 0; i < ENGINE_ANNOTATION_MAX && rest.n > 0; i++)
        pl_utf8_take(&rest);
    return pl_str_head(text, text.n - rest.n);
}

/* Free text as it is; an object is kept as its JSON text. */
static pl_str annotation_of(pl_arena *arena, pl_json element) {
    pl_json node = pl_json_get(element, PL_STR("annotation"));
    pl_buf text;
    if (pl_json_is_string(node))
        return cut(pl_json_text(node));
    pl_buf_init(&text, 1 << 20);
    pl_json_write_text(&text, node);
    pl_str copy = pl_arena_copy(arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return copy.p ? cut(copy) : PL_STR_NONE;
}

/* Samples of the vendor hand in IGNORED for resources that they leave out: the rule does not apply to them.
 * Only users ignore results, with the reason and the time that they give (reference/function-rules.md,
 * section 6). */
static bool read_compliance(pl_json element, engine_compliance *out) {
    if (!engine_compliance_find(member(element, "complianceType"), out))
        return false;
    *out = *out == ENGINE_IGNORED ? ENGINE_NOT_APPLICABLE : *out;
    return true;
}

static int read_report(pl_arena *arena, const engine_function_event *event, pl_json element, size_t index,
                       engine_report *out, pl_error *error) {
    int64_t account = 0;
    if (!pl_json_is_object(element))
        return refuse(error, index, "it is not an object");
    *out = (engine_report){.account_id = event->account_id,
                           .resource_type = member(element, "complianceResourceType"),
                           .region_id = member(element, "complianceRegionId"),
                           .resource_id = member(element, "complianceResourceId"),
                           .annotation = annotation_of(arena, element)};
    if (out->resource_type.n == 0 || out->resource_id.n == 0)
        return refuse(error, index, "complianceResourceType and complianceResourceId are needed");
    if (out->region_id.n == 0)
        out->region_id = PL_STR_NONE;
    if (!read_number(element, "accountId", &account) ||
        !read_number(element, "orderingTimestamp", &out->reported))
        return refuse(error, index, "accountId and orderingTimestamp are numbers");
    if (account)
        out->account_id = pl_arena_printf(arena, "%lld", (long long)account);
    if (!read_compliance(element, &out->compliance))
        return refuse(error, index,
                      "complianceType must be COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE or INSUFFICIENT_DATA");
    return out->annotation.p && out->account_id.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

struct reporting {
    functions *f;
    const engine_function_event *event;
    engine_report *reports;
    size_t count;
    bool delete_mode;
    int64_t now;
};

static int report_work(store_session *session, void *argument, pl_error *error) {
    struct reporting *r = argument;
    return engine_function_report(r->f->config.engine, session, r->event, r->reports, r->count,
                                  r->delete_mode, r->now, error);
}

static int read_all(struct reporting *r, pl_arena *arena, pl_json evaluations, pl_error *error) {
    pl_json element;
    pl_str unnamed;
    size_t count = pl_json_count(evaluations);
    if (count > ENGINE_REPORTS_MAX)
        return pl_failf(error, PL_E_Invalid_Evaluations_Value,
                        "The specified Evaluations is invalid: at most %d results are allowed in one call.",
                        ENGINE_REPORTS_MAX);
    r->reports = pl_new(arena, engine_report, count ? count : 1);
    if (!r->reports)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (pl_json_walk w = pl_json_children(evaluations); pl_json_step(&w, &unnamed, &element); r->count++)
        if (read_report(arena, r->event, element, r->count, r->reports + r->count, error) != 0)
            return -1;
    return 0;
}

int functions_put_evaluations(functions *f, pl_str caller_account, pl_str token, pl_json evaluations,
                              bool delete_mode, int64_t now, pl_error *error) {
    pl_arena arena;
    engine_function_event event;
    pl_arena_init(&arena, ARENA_LIMIT);
    struct reporting r = {.f = f, .event = &event, .delete_mode = delete_mode, .now = now};
    int status = atomic_load(&f->linked) ? token_open(f->link.server_key, &arena, token, now, &event, error)
                                         : pl_fail(error, PL_E_ServiceUnavailable);
    if (status == 0 && !pl_str_eq(caller_account, event.owner_id))
        status = pl_fail(error, PL_E_Invalid_ResultToken_Value);
    if (status == 0)
        status = read_all(&r, &arena, evaluations, error);
    if (status == 0)
        status = store_write(f->config.store, report_work, &r, error);
    pl_arena_free(&arena);
    return status;
}
