/* Versions and aliases of functions. */
#include "api/functions/shared.h"

#include "json/parser.h"

struct work {
    api_route_call *call;
    pl_json body;
    function_record function, *records;
    function_alias alias, *aliases;
    size_t count;
    bool create;
};

static int parse_optional_body(struct work *w) {
    api_route_call *call = w->call;
    if (call->body.n == 0)
        return 0;
    if (pl_json_parse_in(call->arena, call->body, &w->body, call->error) != 0)
        return pl_error_is(call->error, PL_E_ServiceUnavailable)
                   ? -1
                   : functions_refuse(call->error, "the request body is not JSON");
    return 0;
}

static pl_str text(const struct work *w, const char *name) {
    pl_str value = pl_json_str(pl_json_get(w->body, pl_str_from(name)));
    return pl_str_or_empty(value);
}

static void write_time(pl_writer *w, const char *name, int64_t milliseconds) {
    char buffer[PL_TIME_TEXT];
    pl_write_string(w, pl_str_from(name), pl_time_iso(milliseconds, buffer));
}

static int find_latest(struct work *w, store_session *session, pl_error *error) {
    bool found;
    pl_str name = w->call->parameters[0];
    if (function_find(session, w->call->arena, w->call->caller->account_id, name, FUNCTION_LATEST,
                      &w->function, &found, error) != 0)
        return -1;
    return found
               ? 0
               : pl_fail_code(error, 404, "FunctionNotFound", "function '%.*s' does not exist", PL_FMT(name));
}

/* --- Versions
 * -------------------------------------------------------------------------------------------------- */

static int publish_work(store_session *session, void *argument, pl_error *error) {
    struct work *w = argument;
    int64_t newest = 0;
    if (find_latest(w, session, error) != 0 ||
        function_list_versions(session, w->call->arena, w->function.account_id, w->function.name, &w->records,
                               &w->count, error) != 0)
        return -1;
    if (w->count >= FUNCTION_VERSIONS_MAX)
        return pl_fail_code(error, 403, "VersionLimitExceeded", "a function has at most %d versions",
                            FUNCTION_VERSIONS_MAX);
    if (w->count > 0)
        pl_str_to_i64(w->records[0].version, &newest);
    w->function.version = pl_arena_printf(w->call->arena, "%lld", (long long)newest + 1);
    if (text(w, "description").n)
        w->function.description = text(w, "description");
    w->function.created = w->function.modified = w->call->now;
    return w->function.version.p ? function_put(session, &w->function, error)
                                 : pl_fail(error, PL_E_ServiceUnavailable);
}

static void write_version(pl_writer *w, const function_record *r) {
    pl_write_string(w, PL_STR("versionId"), r->version);
    pl_write_string(w, PL_STR("description"), r->description);
    write_time(w, "createdTime", r->created);
    write_time(w, "lastModifiedTime", r->modified);
}

int functions_publish(api_route_call *call) {
    struct work w = {.call = call, .body = PL_JSON_NONE};
    pl_writer out;
    if (parse_optional_body(&w) != 0 ||
        store_write(call->services->store, publish_work, &w, call->error) != 0)
        return -1;
    functions_begin(call, &out);
    write_version(&out, &w.function);
    return functions_end(call, &out);
}

static int versions_work(store_session *session, void *argument, pl_error *error) {
    struct work *w = argument;
    if (find_latest(w, session, error) != 0)
        return -1;
    return function_list_versions(session, w->call->arena, w->function.account_id, w->function.name,
                                  &w->records, &w->count, error);
}

int functions_list_published(api_route_call *call) {
    struct work w = {.call = call};
    pl_writer out;
    if (store_read(call->services->store, versions_work, &w, call->error) != 0)
        return -1;
    functions_begin(call, &out);
    pl_write_string(&out, PL_STR("direction"), PL_STR("BACKWARD"));
    pl_write_array(&out, PL_STR("versions"));
    for (size_t i = 0; i < w.count; i++) {
        pl_write_object(&out, PL_STR(""));
        write_version(&out, &w.records[i]);
        pl_write_object_end(&out);
    }
    pl_write_array_end(&out);
    return functions_end(call, &out);
}

static int unpublish_work(store_session *session, void *argument, pl_error *error) {
    struct work *w = argument;
    bool deleted;
    pl_str version = w->call->parameters[1];
    if (find_latest(w, session, error) != 0)
        return -1;
    if (pl_str_eq(version, FUNCTION_LATEST))
        return pl_fail_code(error, 400, "InvalidArgument", "LATEST cannot be deleted");
    if (function_delete_version(session, w->function.account_id, w->function.name, version, &deleted,
                                error) != 0)
        return -1;
    return deleted ? 0
                   : pl_fail_code(error, 404, "VersionNotFound", "version '%.*s' does not exist",
                                  PL_FMT(version));
}

static int answer_nothing(api_route_call *call) {
    call->status = 204;
    return 0;
}

int functions_delete_published(api_route_call *call) {
    struct work w = {.call = call};
    if (store_write(call->services->store, unpublish_work, &w, call->error) != 0)
        return -1;
    return answer_nothing(call);
}

/* --- Aliases
 * ------------------------------------------------------------------------------------------------------ */

static int aliases_work(store_session *session, void *argument, pl_error *error) {
    struct work *w = argument;
    if (find_latest(w, session, error) != 0)
        return -1;
    return function_list_aliases(session, w->call->arena, w->function.account_id, w->function.name,
                                 &w->aliases, &w->count, error);
}

static bool find_alias(const struct work *w, pl_str name, function_alias *out) {
    for (size_t i = 0; i < w->count; i++)
        if (pl_str_eq(w->aliases[i].name, name)) {
            *out = w->aliases[i];
            return true;
        }
    return false;
}

static int missing_alias(pl_error *error, pl_str name) {
    return pl_fail_code(error, 404, "AliasNotFound", "alias '%.*s' does not exist", PL_FMT(name));
}

/* The version must exist: an alias that leads nowhere would fail at the next event only. */
static int check_version(struct work *w, store_session *session, pl_error *error) {
    function_record target;
    bool found;
    if (function_find(session, w->call->arena, w->function.account_id, w->function.name, w->alias.version,
                      &target, &found, error) != 0)
        return -1;
    bool version = found && pl_str_eq(target.version, w->alias.version);
    return version ? 0
                   : pl_fail_code(error, 404, "VersionNotFound", "version '%.*s' does not exist",
                                  PL_FMT(w->alias.version));
}

static int put_alias_work(store_session *session, void *argument, pl_error *error) {
    struct work *w = argument;
    function_alias known;
    pl_str name = w->create ? text(w, "aliasName") : w->call->parameters[1];
    if (aliases_work(session, w, error) != 0)
        return -1;
    bool exists = find_alias(w, name, &known);
    if (w->create && exists)
        return pl_fail_code(error, 409, "AliasAlreadyExists", "alias '%.*s' already exists", PL_FMT(name));
    if (!w->create && !exists)
        return missing_alias(error, name);
    if (!function_name_is_sound(name) || pl_str_eq(name, FUNCTION_LATEST))
        return pl_fail_code(error, 400, "InvalidArgument", "aliasName is not valid");
    w->alias =
        (function_alias){name, text(w, "versionId"), text(w, "description"), w->call->now, w->call->now};
    if (exists) {
        w->alias.created = known.created;
        w->alias.version = w->alias.version.n ? w->alias.version : known.version;
        w->alias.description = w->alias.description.n ? w->alias.description : known.description;
    }
    if (check_version(w, session, error) != 0)
        return -1;
    return function_put_alias(session, w->function.account_id, w->function.name, &w->alias, error);
}

static void write_alias(pl_writer *w, const function_alias *a) {
    pl_write_string(w, PL_STR("aliasName"), a->name);
    pl_write_string(w, PL_STR("versionId"), a->version);
    pl_write_string(w, PL_STR("description"), a->description);
    write_time(w, "createdTime", a->created);
    write_time(w, "lastModifiedTime", a->modified);
}

static int answer_alias(api_route_call *call, const function_alias *alias) {
    pl_writer out;
    functions_begin(call, &out);
    write_alias(&out, alias);
    return functions_end(call, &out);
}

static int put_alias(api_route_call *call, bool create) {
    struct work w = {.call = call, .body = PL_JSON_NONE, .create = create};
    if (parse_optional_body(&w) != 0 ||
        store_write(call->services->store, put_alias_work, &w, call->error) != 0)
        return -1;
    return answer_alias(call, &w.alias);
}

int functions_create_alias(api_route_call *call) {
    return put_alias(call, true);
}

int functions_update_alias(api_route_call *call) {
    return put_alias(call, false);
}

int functions_get_alias(api_route_call *call) {
    struct work w = {.call = call};
    if (store_read(call->services->store, aliases_work, &w, call->error) != 0)
        return -1;
    return find_alias(&w, call->parameters[1], &w.alias) ? answer_alias(call, &w.alias)
                                                         : missing_alias(call->error, call->parameters[1]);
}

int functions_list_of_aliases(api_route_call *call) {
    struct work w = {.call = call};
    pl_writer out;
    if (store_read(call->services->store, aliases_work, &w, call->error) != 0)
        return -1;
    functions_begin(call, &out);
    pl_write_array(&out, PL_STR("aliases"));
    for (size_t i = 0; i < w.count; i++) {
        pl_write_object(&out, PL_STR(""));
        write_alias(&out, &w.aliases[i]);
        pl_write_object_end(&out);
    }
    pl_write_array_end(&out);
    return functions_end(call, &out);
}

static int delete_alias_work(store_session *session, void *argument, pl_error *error) {
    struct work *w = argument;
    bool deleted;
    if (find_latest(w, session, error) != 0 ||
        function_delete_alias(session, w->function.account_id, w->function.name, w->call->parameters[1],
                              &deleted, error) != 0)
        return -1;
    return deleted ? 0 : missing_alias(error, w->call->parameters[1]);
}

int functions_delete_alias(api_route_call *call) {
    struct work w = {.call = call};
    if (store_write(call->services->store, delete_alias_work, &w, call->error) != 0)
        return -1;
    return answer_nothing(call);
}
