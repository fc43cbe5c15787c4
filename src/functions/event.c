/* The event document of one invocation (reference/function-rules.md, section 3). */
#include "functions/private.h"

#include "functions/token.h"
#include "json/parser.h"
#include "json/writer.h"

enum { OVERSIZE = 100 << 10 };

static void text(pl_writer *w, const char *name, pl_str value) {
    pl_write_string(w, pl_str_from(name), value);
}

static void number(pl_writer *w, const char *name, int64_t value) {
    pl_write_i64(w, pl_str_from(name), value);
}

/* Account ids are numbers in events. */
static void account(pl_writer *w, pl_str account_id) {
    int64_t value;
    if (pl_str_to_i64(account_id, &value))
        number(w, "accountId", value);
    else
        text(w, "accountId", account_id);
}

/* What changed last; only change events tell. */
static int diff_of(store_session *session, pl_arena *arena, const inventory_resource *resource, pl_str *diff,
                   pl_error *error) {
    inventory_node *nodes;
    size_t count;
    *diff = PL_STR("");
    if (inventory_timeline(session, arena, resource, resource->capture_time, resource->capture_time, 1,
                           &nodes, &count, error) != 0)
        return -1;
    if (count > 0 && nodes[0].diff.p)
        *diff = nodes[0].diff;
    return 0;
}

/* acs:<product>:<region>:<account>:<kind>/<id>, of a type that the catalogue has no form for. */
static pl_str common_arn(pl_arena *arena, const inventory_resource *r) {
    pl_str rest = r->resource_type, part, product = PL_STR(""), kind = PL_STR("");
    for (int i = 0; pl_str_split(&rest, ':', &part); i++) {
        product = i == 2 ? part : product;
        kind = part;
    }
    char *lower = pl_arena_cstr(arena, product), *lower_kind = pl_arena_cstr(arena, kind);
    for (char *c = lower; c && *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    for (char *c = lower_kind; c && *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    return pl_arena_printf(arena, "acs:%s:%.*s:%.*s:%s/%.*s", lower ? lower : "", PL_FMT(r->region_id),
                           PL_FMT(r->account_id), lower_kind ? lower_kind : "", PL_FMT(r->resource_id));
}

static pl_str arn_of(const functions *f, pl_arena *arena, const inventory_resource *r) {
    pl_error ignored = {0};
    const catalogue *known = f->config.catalogue;
    const catalogue_type *type = known ? catalogue_find_type(known, r->resource_type, &ignored) : NULL;
    const catalogue_subject named = {r->account_id, r->region_id, r->resource_id, r->name};
    return type && type->arn.n ? catalogue_arn(arena, type, &named) : common_arn(arena, r);
}

static void write_item(functions *f, pl_writer *w, pl_arena *arena, const inventory_resource *r,
                       bool oversize, pl_str diff) {
    pl_str configuration = r->configuration.p ? r->configuration : PL_STR("{}");
    pl_write_object(w, PL_STR("configurationItem"));
    account(w, r->account_id);
    text(w, "arn", arn_of(f, arena, r));
    text(w, "availabilityZone", r->zone);
    text(w, "regionId", r->region_id);
    text(w, "configuration", oversize ? PL_STR("{}") : configuration);
    text(w, "configurationDiff", oversize ? PL_STR("") : diff);
    text(w, "relationship", PL_STR(""));
    text(w, "relationshipDiff", PL_STR(""));
    number(w, "captureTime", r->capture_time);
    number(w, "resourceCreationTime", r->create_time);
    number(w, "resourceCreateTime", r->create_time);
    text(w, "resourceStatus", r->status);
    text(w, "resourceId", r->resource_id);
    text(w, "resourceName", r->name);
    text(w, "resourceType", r->resource_type);
    text(w, "supplementaryConfiguration", PL_STR(""));
    text(w, "tags", r->tags.n > 2 ? r->tags : PL_STR(""));
    pl_write_object_end(w);
}

/* Parameters are texts, whatever they were given as. */
static int write_parameters(pl_writer *w, pl_arena *arena, pl_str parameters, pl_error *error) {
    pl_json root = PL_JSON_NONE, value;
    pl_str name;
    pl_buf scratch;
    if (parameters.n && pl_json_parse_in(arena, parameters, &root, error) != 0)
        return -1;
    pl_buf_init(&scratch, 1 << 20);
    pl_write_object(w, PL_STR("ruleParameters"));
    for (pl_json_walk walk = pl_json_children(root); pl_json_step(&walk, &name, &value);) {
        pl_buf_clear(&scratch);
        pl_json_write_text(&scratch, value);
        pl_write_string(w, name, pl_buf_str(&scratch));
    }
    pl_write_object_end(w);
    bool whole = !scratch.failed;
    pl_buf_free(&scratch);
    return whole ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int write_document(functions *f, pl_buf *out, pl_arena *arena, const engine_function_event *event,
                          const engine_rule *rule, const inventory_resource *resource, pl_str diff,
                          int64_t now, pl_error *error) {
    pl_writer w;
    bool oversize = resource && resource->configuration.n > OVERSIZE;
    pl_str token = token_make(f->link.server_key, &f->config.random, arena, event, now + TOKEN_VALID_MS);
    pl_writer_begin(&w, out, PL_FORMAT_JSON, PL_STR(""));
    number(&w, "orderingTimestamp", event->ordering);
    pl_write_object(&w, PL_STR("invokingEvent"));
    text(&w, "messageType", engine_function_trigger(event->message));
    text(&w, "configurationType",
         !resource  ? PL_STR("NONE")
         : oversize ? PL_STR("OVERSIZE")
                    : PL_STR("COMMON"));
    number(&w, "notificationCreationTimestamp", now);
    account(&w, event->account_id);
    if (resource) {
        write_item(f, &w, arena, resource, oversize, diff);
    } else {
        pl_write_object(&w, PL_STR("configurationItem"));
        pl_write_object_end(&w);
    }
    pl_write_object_end(&w);
    if (write_parameters(&w, arena, rule->input_parameters, error) != 0)
        return -1;
    text(&w, "resultToken", token);
    pl_writer_end(&w);
    return token.p && !out->failed && !arena->failed ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* An account that is recorded because it was reported on only: the event is about the account as a whole. */
static bool is_bare_account(const inventory_resource *r) {
    return pl_str_eq_fold(r->resource_type, ENGINE_ACCOUNT_TYPE) && r->configuration.n <= 2;
}

static int load(store_session *session, pl_arena *arena, const engine_function_event *event,
                engine_rule *rule, inventory_resource *resource, bool *found, pl_error *error) {
    if (engine_rule_find_key(session, arena, event->owner_id, event->rule_key, rule, found, error) != 0)
        return -1;
    *found = *found && rule->owner == ENGINE_FUNCTION && rule->state == ENGINE_ACTIVE;
    if (!*found || event->resource_key == 0)
        return 0;
    if (inventory_find_key(session, arena, event->account_id, event->resource_key, resource, found, error) !=
        0)
        return -1;
    *found = *found && !resource->deleted;
    return 0;
}

int event_document(functions *f, store_session *session, pl_arena *arena, const engine_function_event *event,
                   int64_t now, pl_str *document, engine_rule *rule, bool *found, pl_error *error) {
    inventory_resource resource;
    pl_str diff = PL_STR("");
    pl_buf out;
    if (load(session, arena, event, rule, &resource, found, error) != 0)
        return -1;
    if (!*found)
        return 0;
    bool whole = event->resource_key == 0 || is_bare_account(&resource);
    bool changed = pl_str_is(engine_function_trigger(event->message), "ConfigurationItemChangeNotification");
    if (!whole && changed && diff_of(session, arena, &resource, &diff, error) != 0)
        return -1;
    pl_buf_init(&out, 16 << 20);
    int status = write_document(f, &out, arena, event, rule, whole ? NULL : &resource, diff, now, error);
    *document = status == 0 ? pl_arena_copy(arena, pl_buf_str(&out)) : PL_STR_NONE;
    pl_buf_free(&out);
    return status == 0 && !document->p ? pl_fail(error, PL_E_ServiceUnavailable) : status;
}
