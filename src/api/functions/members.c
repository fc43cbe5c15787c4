/*
 * The members of CreateFunction and UpdateFunction besides those that have columns of their own. A member
 * that would change what a function does or reaches, and that nothing here does, is refused by its name
 * unless it says nothing; what only describes a function is kept and given back. Nothing is taken and then
 * ignored.
 */
#include "api/functions/shared.h"

#include "json/parser.h"

enum { MEMBERS_MOST = 16 << 10, TAGS_MOST = 20 };

typedef enum treatment {
    READ,  /* elsewhere */
    KEPT,  /* as it came */
    EMPTY, /* refused unless it says nothing */
} treatment;

static const struct member {
    const char *name;
    treatment treatment;
    const char *harmless; /* a text that says nothing */
} known[] = {
    {"functionName", READ, NULL},
    {"runtime", READ, NULL},
    {"handler", READ, NULL},
    {"description", READ, NULL},
    {"role", READ, NULL},
    {"timeout", READ, NULL},
    {"memorySize", READ, NULL},
    {"diskSize", READ, NULL},
    {"environmentVariables", READ, NULL},
    {"customRuntimeConfig", READ, NULL},
    {"remoteEndpoint", READ, NULL},
    {"code", READ, NULL},
    {"cpu", KEPT, NULL},
    {"tags", KEPT, NULL},
    {"resourceGroupId", KEPT, NULL},
    {"instanceLifecycleConfig", KEPT, NULL},
    {"instanceConcurrency", KEPT, NULL},
    {"customContainerConfig", EMPTY, NULL},
    {"customDNS", EMPTY, NULL},
    {"disableInjectCredentials", EMPTY, "None"},
    {"disableOndemand", EMPTY, NULL},
    {"enableLongLiving", EMPTY, NULL},
    {"gpuConfig", EMPTY, NULL},
    {"idleTimeout", EMPTY, NULL},
    {"instanceIsolationMode", EMPTY, "SHARE"},
    {"internetAccess", EMPTY, NULL},
    {"juiceFsConfig", EMPTY, NULL},
    {"layers", EMPTY, NULL},
    {"logConfig", EMPTY, NULL},
    {"nasConfig", EMPTY, NULL},
    {"ossMountConfig", EMPTY, NULL},
    {"polarFsConfig", EMPTY, NULL},
    {"sessionAffinity", EMPTY, "NONE"},
    {"sessionAffinityConfig", EMPTY, NULL},
    {"tracingConfig", EMPTY, NULL},
    {"vpcConfig", EMPTY, NULL},
};

enum { KNOWN = sizeof known / sizeof *known };

bool functions_says_nothing(pl_json node) {
    pl_json part;
    pl_str name;
    int64_t number;
    bool truth;
    if (!pl_json_exists(node) || pl_json_is_null(node))
        return true;
    if (pl_json_is_string(node))
        return pl_json_text(node).n == 0;
    if (pl_json_bool(node, &truth))
        return !truth;
    if (pl_json_i64(node, &number))
        return number == 0;
    if (!pl_json_is_object(node) && !pl_json_is_array(node))
        return false;
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &name, &part);)
        if (!functions_says_nothing(part))
            return false;
    return true;
}

static int check_one(api_route_call *call, pl_str name, pl_json value) {
    for (size_t i = 0; i < KNOWN; i++) {
        if (!pl_str_is(name, known[i].name))
            continue;
        bool harmless = known[i].harmless && pl_str_is(pl_json_str(value), known[i].harmless);
        return known[i].treatment != EMPTY || harmless || functions_says_nothing(value)
                   ? 0
                   : functions_refuse(call->error, "%.*s is not supported by this server", PL_FMT(name));
    }
    return functions_refuse(call->error, "%.*s is not a member that this server knows", PL_FMT(name));
}

/* --- Members that are kept -------------------------------------------------------------------------------
 */

static int check_initializer(api_route_call *call, pl_json initializer) {
    int64_t timeout = FUNCTION_INITIALIZER_SECONDS;
    pl_json given = pl_json_get(initializer, PL_STR("timeout"));
    pl_str handler = pl_json_str(pl_json_get(initializer, PL_STR("handler")));
    if (!functions_says_nothing(pl_json_get(initializer, PL_STR("command"))))
        return functions_refuse(
            call->error, "instanceLifecycleConfig.initializer.command is not supported by this server");
    if (!functions_says_nothing(given) &&
        (!pl_json_i64(given, &timeout) || timeout < 1 || timeout > FUNCTION_INITIALIZER_MAX))
        return functions_refuse(call->error,
                                "instanceLifecycleConfig.initializer.timeout must be a number from 1 to %d",
                                FUNCTION_INITIALIZER_MAX);
    return handler.n <= 128
               ? 0
               : functions_refuse(call->error, "instanceLifecycleConfig.initializer.handler must "
                                               "be a text of at most 128 bytes");
}

static int check_lifecycle(api_route_call *call, pl_json lifecycle) {
    pl_json part;
    pl_str name;
    if (!pl_json_is_object(lifecycle))
        return functions_refuse(call->error, "instanceLifecycleConfig must be an object");
    for (pl_json_walk w = pl_json_children(lifecycle); pl_json_step(&w, &name, &part);)
        if (!pl_str_is(name, "initializer") && !functions_says_nothing(part))
            return functions_refuse(
                call->error,
                "instanceLifecycleConfig.%.*s is not supported by this server: an instance may "
                "end at any time",
                PL_FMT(name));
    return check_initializer(call, pl_json_get(lifecycle, PL_STR("initializer")));
}

static int check_tags(api_route_call *call, pl_json tags) {
    pl_json tag;
    pl_str unnamed;
    bool sound = pl_json_is_array(tags) && pl_json_count(tags) <= TAGS_MOST;
    for (pl_json_walk w = pl_json_children(tags); sound && pl_json_step(&w, &unnamed, &tag);)
        sound =
            pl_json_str(pl_json_get(tag, PL_STR("Key"))).n + pl_json_str(pl_json_get(tag, PL_STR("key"))).n >
            0;
    return sound ? 0
                 : functions_refuse(call->error,
                                    "tags must be an array of at most %d objects with Key and Value",
                                    TAGS_MOST);
}

static int check_kept(api_route_call *call, pl_str name, pl_json value) {
    int64_t number;
    double real;
    if (pl_str_is(name, "instanceLifecycleConfig"))
        return check_lifecycle(call, value);
    if (pl_str_is(name, "tags"))
        return check_tags(call, value);
    if (pl_str_is(name, "instanceConcurrency"))
        return pl_json_i64(value, &number) && number == 1
                   ? 0
                   : functions_refuse(call->error,
                                      "instanceConcurrency must be 1: an instance runs one event at a time");
    if (pl_str_is(name, "cpu"))
        return pl_json_double(value, &real) && real > 0
                   ? 0
                   : functions_refuse(call->error, "cpu must be a number above 0");
    return pl_json_is_string(value) ? 0 : functions_refuse(call->error, "%.*s must be a text", PL_FMT(name));
}

static void keep(pl_buf *out, pl_str name, pl_json value) {
    if (out->n > 1)
        pl_buf_add_char(out, ',');
    pl_json_write_string(out, name);
    pl_buf_add_char(out, ':');
    pl_json_write(out, value);
}

/* What the body does not name stays as it was. */
static int merge(api_route_call *call, pl_json body, pl_json before, pl_buf *out) {
    pl_buf_add_char(out, '{');
    for (size_t i = 0; i < KNOWN; i++) {
        pl_str name = pl_str_from(known[i].name);
        pl_json given = pl_json_get(body, name), old = pl_json_get(before, name);
        bool takes = pl_json_exists(given) && !pl_json_is_null(given);
        if (known[i].treatment != KEPT)
            continue;
        if (takes && check_kept(call, name, given) != 0)
            return -1;
        if (takes || pl_json_exists(old))
            keep(out, name, takes ? given : old);
    }
    pl_buf_add_char(out, '}');
    return out->failed ? functions_refuse(call->error, "the function's description has more than %d KB",
                                          MEMBERS_MOST >> 10)
                       : 0;
}

int functions_read_members(api_route_call *call, pl_json body, pl_str *members) {
    pl_json before = PL_JSON_NONE, value;
    pl_str name;
    pl_buf out;
    for (pl_json_walk w = pl_json_children(body); pl_json_step(&w, &name, &value);)
        if (check_one(call, name, value) != 0)
            return -1;
    if (members->n && pl_json_parse_in(call->arena, *members, &before, call->error) != 0)
        return -1;
    pl_buf_init(&out, MEMBERS_MOST);
    int status = merge(call, body, before, &out);
    if (status == 0)
        *members = pl_arena_copy(call->arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return status == 0 && !members->p ? pl_fail(call->error, PL_E_ServiceUnavailable) : status;
}

void functions_write_kept(pl_writer *w, pl_str members) {
    pl_arena arena;
    pl_json root, value;
    pl_str name;
    pl_error ignored;
    pl_arena_init(&arena, 1 << 20);
    if (members.n && pl_json_parse_in(&arena, members, &root, &ignored) == 0)
        for (pl_json_walk walk = pl_json_children(root); pl_json_step(&walk, &name, &value);)
            if (!pl_str_is(name, "instanceConcurrency"))
                pl_write_json(w, name, value);
    pl_arena_free(&arena);
}

/* CRC-64 as xz and the vendor compute it. */
uint64_t functions_crc64(pl_str bytes) {
    uint64_t table[256], crc = ~UINT64_C(0);
    for (unsigned i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? UINT64_C(0xC96C5795D7870F42) : 0);
    }
    for (size_t i = 0; i < bytes.n; i++)
        crc = crc >> 8 ^ table[(crc ^ (unsigned char)bytes.p[i]) & 0xff];
    return ~crc;
}
