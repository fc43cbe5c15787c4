/* Rows of channels and what a client may write into them. */
#include "delivery/private.h"

enum { CONDITION_TYPES = 1000, TARGET_NAME = 256 };

static const pl_str type_names[] = {PL_STR_INIT("OSS"), PL_STR_INIT("MNS"), PL_STR_INIT("SLS"),
                                    PL_STR_INIT("EVENTS")};

pl_str delivery_type_name(delivery_type type) {
    return type_names[type];
}

bool delivery_type_find(pl_str name, delivery_type *type) {
    for (unsigned i = 0; i < DELIVERY_EVENTS; i++)
        if (pl_str_eq(type_names[i], name)) {
            *type = (delivery_type)i;
            return true;
        }
    return false;
}

/* --- Targets ---------------------------------------------------------------------------------------------
 */

/* Names become parts of paths: letters, digits, - and _, and where allowed dots inside. */
static bool is_name(pl_str s, bool dots) {
    return s.n > 0 && s.n <= TARGET_NAME && s.p[0] != '.' && pl_str_is_plain(s, dots ? "-_." : "-_");
}

static bool is_account(pl_str s) {
    uint64_t number;
    return s.n > 0 && s.n <= 20 && s.p[0] != '+' && pl_str_to_u64(s, &number);
}

static bool parse_place(delivery_target *out, pl_str place) {
    pl_str logstore;
    switch (out->type) {
    case DELIVERY_OSS: out->bucket = place; return is_name(place, false);
    case DELIVERY_MNS:
        if (!pl_str_starts(place, PL_STR("/topics/")))
            return false;
        out->topic = pl_str_skip(place, 8);
        return is_name(out->topic, false);
    case DELIVERY_SLS: {
        if (!pl_str_starts(place, PL_STR("project/")))
            return false;
        place = pl_str_skip(place, 8);
        size_t slash = pl_str_find(place, PL_STR("/logstore/"));
        if (slash == PL_NOT_FOUND)
            return false;
        logstore = pl_str_skip(place, slash + 10);
        out->project = pl_str_head(place, slash);
        out->logstore = logstore;
        return is_name(out->project, false) && is_name(logstore, false);
    }
    default: return false;
    }
}

bool delivery_target_parse(delivery_type type, pl_str arn, delivery_target *out) {
    static const char *const services[] = {"oss", "mns", "log"};
    pl_str parts[4];
    *out = (delivery_target){.type = type};
    if (type > DELIVERY_SLS)
        return false;
    for (int i = 0; i < 4; i++) {
        size_t colon = pl_str_find_char(arn, ':');
        if (colon == PL_NOT_FOUND)
            return false;
        parts[i] = pl_str_head(arn, colon);
        arn = pl_str_skip(arn, colon + 1);
    }
    out->region = parts[2];
    out->account_id = parts[3];
    return pl_str_is(parts[0], "acs") && pl_str_is(parts[1], services[type]) && is_name(parts[2], false) &&
           is_account(parts[3]) && parse_place(out, arn);
}

static bool is_role_arn(pl_str arn) {
    pl_str prefix = PL_STR("acs:ram::");
    if (!pl_str_starts(arn, prefix))
        return false;
    arn = pl_str_skip(arn, prefix.n);
    size_t colon = pl_str_find_char(arn, ':');
    return colon != PL_NOT_FOUND && is_account(pl_str_head(arn, colon)) &&
           pl_str_starts(pl_str_skip(arn, colon + 1), PL_STR("role/")) &&
           is_name(pl_str_skip(arn, colon + 6), true);
}

/* --- Conditions ------------------------------------------------------------------------------------------
 */

static bool take_risk(pl_json filter, delivery_condition *out) {
    int64_t level;
    bool multiple = false;
    if (pl_json_bool(pl_json_get(filter, PL_STR("multiple")), &multiple) && multiple)
        return false;
    if (out->risk_level || !pl_str_to_i64(pl_json_str(pl_json_get(filter, PL_STR("value"))), &level) ||
        level < 1 || level > 3)
        return false;
    out->risk_level = (int)level;
    return true;
}

/* `multiple` false names one type in `value`. */
static bool take_types(pl_arena *arena, pl_json filter, delivery_condition *out) {
    pl_json values = pl_json_get(filter, PL_STR("values")), value;
    pl_str single = pl_json_str(pl_json_get(filter, PL_STR("value"))), key;
    size_t count = pl_json_count(values);
    bool multiple = pl_json_is_array(values);
    (void)pl_json_bool(pl_json_get(filter, PL_STR("multiple")), &multiple);
    if (out->types || multiple != pl_json_is_array(values) || (!multiple && single.n == 0) ||
        (multiple && count == 0) || count > CONDITION_TYPES)
        return false;
    pl_str *types = pl_new(arena, pl_str, multiple ? count : 1);
    if (!types)
        return false;
    out->types = types;
    if (!multiple)
        types[out->type_count++] = pl_arena_copy(arena, single);
    for (pl_json_walk w = pl_json_children(values); multiple && pl_json_step(&w, &key, &value);) {
        if (pl_json_str(value).n == 0)
            return false;
        types[out->type_count++] = pl_arena_copy(arena, pl_json_str(value));
    }
    return !arena->failed;
}

static bool closes_next(pl_str rest) {
    rest = pl_str_trim(rest);
    return rest.n > 0 && (*rest.p == ']' || *rest.p == '}');
}

/* Conditions are written by hand, with a comma behind the last element: the text without such commas. */
static pl_str without_hanging_commas(pl_arena *arena, pl_str text) {
    char *copy = pl_new(arena, char, text.n + 1);
    size_t n = 0;
    bool quoted = false, element = false; /* the comma would follow an element */
    for (size_t i = 0; copy && i < text.n; i++) {
        char c = text.p[i];
        if (quoted && c == '\\' && i + 1 < text.n)
            copy[n++] = text.p[i++];
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && element && c == ',' && closes_next(pl_str_skip(text, i + 1)))
            continue;
        if (quoted || !strchr(" \t\r\n", c))
            element = quoted || !strchr("[{,", c);
        copy[n++] = text.p[i];
    }
    return copy ? (pl_str){copy, n} : PL_STR_NONE;
}

bool delivery_condition_parse(pl_arena *arena, pl_str text, delivery_condition *out) {
    pl_json root, filter;
    pl_error ignored = {0};
    pl_str key;
    *out = (delivery_condition){0};
    text = pl_str_trim(text);
    if (text.n == 0)
        return true;
    text = without_hanging_commas(arena, text);
    if (!text.p || pl_json_parse_in(arena, text, &root, &ignored) != 0 || !pl_json_is_array(root))
        return false;
    for (pl_json_walk w = pl_json_children(root); pl_json_step(&w, &key, &filter);) {
        pl_str type = pl_json_str(pl_json_get(filter, PL_STR("filterType")));
        bool sound = pl_str_is(type, "RuleRiskLevel")  ? take_risk(filter, out)
                     : pl_str_is(type, "ResourceType") ? take_types(arena, filter, out)
                                                       : false;
        if (!sound)
            return false;
    }
    return true;
}

/* --- Checks ----------------------------------------------------------------------------------------------
 */

/* Another account's target: only a management account, and only its members' (section 1). */
static int check_account(delivery *d, pl_str caller, pl_str account_id, pl_error *error) {
    if (pl_str_eq(caller, account_id))
        return 0;
    if (!d->config.org)
        return pl_fail(error, PL_E_DeliveryChannelAccountNotSupport);
    const org_view *view = org_view_open(d->config.org, NULL, error);
    if (!view)
        return -1;
    const org_directory *directory = org_directory_of(view, caller);
    int status = 0;
    if (!directory || !org_may_own_groups(view, caller))
        status = pl_fail(error, PL_E_DeliveryChannelAccountNotSupport);
    else if (org_directory_of(view, account_id) != directory)
        status = pl_fail(error, PL_E_MemberNotBelongToMaster);
    org_view_close(view);
    return status;
}

static int check_kinds(const delivery_channel *c, pl_error *error) {
    if (c->violations && c->type == DELIVERY_OSS)
        return pl_failf(error, PL_E_InvalidParameter,
                        "NonCompliantNotification is delivered to SLS and MNS only.");
    if (c->compliance_snapshots && c->type != DELIVERY_SLS)
        return pl_failf(error, PL_E_InvalidParameter, "CompliantSnapshot is delivered to SLS only.");
    return 0;
}

int delivery_channel_check(delivery *d, const delivery_channel *c, pl_error *error) {
    delivery_target target, oversized;
    delivery_condition condition;
    pl_arena arena;
    if (!delivery_target_parse(c->type, c->target_arn, &target))
        return pl_fail(error, PL_E_Invalid_DeliveryChannelTargetArn_Format);
    if (c->role_arn.n && !is_role_arn(c->role_arn))
        return pl_fail(error, PL_E_Invalid_DeliveryChannelAssumeRoleArn_Format);
    if (c->oversized_arn.n &&
        (c->type == DELIVERY_OSS || !delivery_target_parse(DELIVERY_OSS, c->oversized_arn, &oversized)))
        return pl_fail(error, PL_E_Invalid_OversizedDataOSSTargetArn_Format);
    pl_arena_init(&arena, 4 << 20);
    bool sound = delivery_condition_parse(&arena, c->condition, &condition);
    pl_arena_free(&arena);
    if (!sound)
        return pl_fail(error, PL_E_Invalid_DeliveryChannelCondition_Format);
    if (check_kinds(c, error) != 0 || check_account(d, c->account_id, target.account_id, error) != 0)
        return -1;
    return c->oversized_arn.n ? check_account(d, c->account_id, oversized.account_id, error) : 0;
}

static int probe_one(delivery *d, pl_arena *arena, delivery_type type, pl_str arn, pl_error *error) {
    static const pl_error_code codes[] = {PL_E_DeliveryChannelOssUnreachable,
                                          PL_E_DeliveryChannelMnsUnreachable,
                                          PL_E_DeliveryChannelSlsUnreachable};
    delivery_target target;
    delivery_place place;
    char reason[DELIVERY_REASON] = "";
    if (!delivery_target_parse(type, arn, &target))
        return pl_fail(error, PL_E_Invalid_DeliveryChannelTargetArn_Format);
    if (target_place(d, arena, &target, PL_STR(""), &place, error) != 0)
        return -1;
    if (target_probe(d, arena, &place, reason))
        return 0;
    if (d->config.log)
        pl_log_write(d->config.log, PL_LOG_INFO, "delivery: %.*s cannot be reached: %s", PL_FMT(arn), reason);
    return pl_fail(error, codes[type]);
}

int delivery_channel_probe(delivery *d, const delivery_channel *c, pl_error *error) {
    pl_arena arena;
    pl_arena_init(&arena, 1 << 20);
    int status = probe_one(d, &arena, c->type, c->target_arn, error);
    if (status == 0 && c->oversized_arn.n)
        status = probe_one(d, &arena, DELIVERY_OSS, c->oversized_arn, error);
    pl_arena_free(&arena);
    return status;
}

/* --- Rows ------------------------------------------------------------------------------------------------
 */

#define COLUMNS                                                                                              \
    "account_id, channel_id, aggregator_id, name, description, delivery_type, target_arn, role_arn, "        \
    "condition_text, oversized_arn, changes, snapshots, violations, compliance_snapshots, snapshot_time, "   \
    "status, created, modified, snapshot_done"

static int read_row(store_statement *st, pl_arena *arena, delivery_channel *out, pl_error *error) {
    *out = (delivery_channel){.type = (delivery_type)store_column_i64(st, 5),
                              .changes = store_column_i64(st, 10) != 0,
                              .snapshots = store_column_i64(st, 11) != 0,
                              .violations = store_column_i64(st, 12) != 0,
                              .compliance_snapshots = store_column_i64(st, 13) != 0,
                              .enabled = store_column_i64(st, 15) != 0,
                              .created = store_column_i64(st, 16),
                              .modified = store_column_i64(st, 17),
                              .snapshot_done = store_column_i64(st, 18)};
    struct {
        pl_str *text;
        int column;
    } const texts[] = {{&out->account_id, 0},    {&out->channel_id, 1},  {&out->aggregator_id, 2},
                       {&out->name, 3},          {&out->description, 4}, {&out->target_arn, 6},
                       {&out->role_arn, 7},      {&out->condition, 8},   {&out->oversized_arn, 9},
                       {&out->snapshot_time, 14}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i].text = pl_arena_copy(arena, store_column_text(st, texts[i].column));
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int delivery_channel_find(store_session *session, pl_arena *arena, pl_str owner_id, pl_str aggregator_id,
                          pl_str channel_id, delivery_channel *out, bool *found, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT " COLUMNS " FROM delivery_channels WHERE account_id = $1 AND "
                                        "channel_id = $2 AND aggregator_id = $3",
                                        error);
    store_bind_text(st, 1, owner_id);
    store_bind_text(st, 2, channel_id);
    store_bind_text(st, 3, pl_str_or_empty(aggregator_id));
    int step = store_step(st, error);
    *found = step == 1;
    if (step <= 0)
        return step;
    int status = read_row(st, arena, out, error);
    store_reset(st);
    return status;
}

int channel_find_any(store_session *session, pl_arena *arena, pl_str owner_id, pl_str channel_id,
                     delivery_channel *out, bool *found, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT " COLUMNS " FROM delivery_channels WHERE account_id = $1 AND channel_id = $2",
        error);
    store_bind_text(st, 1, owner_id);
    store_bind_text(st, 2, channel_id);
    int step = store_step(st, error);
    *found = step == 1;
    if (step <= 0)
        return step;
    int status = read_row(st, arena, out, error);
    store_reset(st);
    return status;
}

static int read_rows(store_statement *st, pl_arena *arena, delivery_channel **channels, size_t *count,
                     pl_error *error) {
    size_t capacity = 0;
    int step;
    *channels = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        delivery_channel *grown = pl_arena_grow(arena, *channels, *count, &capacity, sizeof *grown);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *channels = grown;
        if (read_row(st, arena, grown + (*count)++, error) != 0)
            return -1;
    }
    return step;
}

int channel_list_scheduled(store_session *session, pl_arena *arena, delivery_channel **channels,
                           size_t *count, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT " COLUMNS " FROM delivery_channels WHERE status = 1 AND "
                                        "(snapshots = 1 OR compliance_snapshots = 1)",
                                        error);
    return read_rows(st, arena, channels, count, error);
}

int delivery_channel_list(store_session *session, pl_arena *arena, pl_str owner_id, pl_str aggregator_id,
                          delivery_channel **channels, size_t *count, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT " COLUMNS " FROM delivery_channels WHERE account_id = $1 AND "
                                        "aggregator_id = $2 ORDER BY created, channel_id",
                                        error);
    store_bind_text(st, 1, owner_id);
    store_bind_text(st, 2, pl_str_or_empty(aggregator_id));
    return read_rows(st, arena, channels, count, error);
}

static int check_limit(store_session *session, const delivery_channel *c, uint32_t limit, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT COUNT(*) FROM delivery_channels WHERE account_id = $1 AND aggregator_id = $2",
        error);
    store_bind_text(st, 1, c->account_id);
    store_bind_text(st, 2, c->aggregator_id);
    if (store_step(st, error) != 1)
        return -1;
    int64_t count = store_column_i64(st, 0);
    store_reset(st);
    return count >= (int64_t)limit ? pl_fail(error, PL_E_DeliveryChannelExceedMaxCount) : 0;
}

static int name_new(delivery *d, pl_arena *arena, delivery_channel *c, pl_error *error) {
    char text[DELIVERY_ID_TEXT];
    if (pl_random_hex(&d->config.random, text, 16) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    c->channel_id = pl_arena_printf(arena, "cdc-%s", text);
    return c->channel_id.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* What waits was meant for the channel as it was: a disabled one drops it, a changed one gets it at once. */
static int settle_waiting(store_session *session, const delivery_channel *c, pl_error *error) {
    return store_run(session, error,
                     c->enabled
                         ? "UPDATE deliveries SET due = 0 WHERE account_id = $1 AND channel_id = $2 AND node "
                           "= ''"
                         : "DELETE FROM deliveries WHERE account_id = $1 AND channel_id = $2",
                     "tt", c->account_id, c->channel_id);
}

static int write_row(store_session *session, const delivery_channel *c, pl_error *error) {
    return store_run(
        session, error,
        "INSERT INTO delivery_channels (" COLUMNS
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) ON "
        "CONFLICT (account_id, channel_id) DO UPDATE SET name = excluded.name, description = "
        "excluded.description, target_arn = excluded.target_arn, role_arn = excluded.role_arn, "
        "condition_text = excluded.condition_text, oversized_arn = excluded.oversized_arn, changes = "
        "excluded.changes, snapshots = excluded.snapshots, violations = excluded.violations, "
        "compliance_snapshots = excluded.compliance_snapshots, snapshot_time = excluded.snapshot_time, "
        "status = excluded.status, modified = excluded.modified, snapshot_done = excluded.snapshot_done",
        "tttttittttiiiitiiii", c->account_id, c->channel_id, c->aggregator_id, c->name, c->description,
        (int64_t)c->type, c->target_arn, c->role_arn, c->condition, c->oversized_arn, (int64_t)c->changes,
        (int64_t)c->snapshots, (int64_t)c->violations, (int64_t)c->compliance_snapshots, c->snapshot_time,
        (int64_t)c->enabled, c->created, c->modified, c->snapshot_done);
}

static void fill_texts(delivery_channel *c) {
    pl_str *const texts[] = {&c->aggregator_id, &c->name,          &c->description,  &c->role_arn,
                             &c->condition,     &c->oversized_arn, &c->snapshot_time};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!texts[i]->p)
            *texts[i] = PL_STR("");
}

int delivery_channel_put(delivery *d, store_session *session, pl_arena *arena, delivery_channel *c,
                         uint32_t limit, pl_error *error) {
    int64_t now = pl_now(&d->config.clock);
    fill_texts(c);
    if (c->channel_id.n == 0) {
        c->created = now;
        if (check_limit(session, c, limit, error) != 0 || name_new(d, arena, c, error) != 0)
            return -1;
    }
    c->modified = now;
    if (c->snapshot_done == 0)
        c->snapshot_done = now;
    if (write_row(session, c, error) != 0 || settle_waiting(session, c, error) != 0)
        return -1;
    return store_notify(session, DELIVERY_CHANNEL, PL_STR(""), error);
}

int delivery_channel_delete(store_session *session, pl_str owner_id, pl_str channel_id, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM deliveries WHERE account_id = $1 AND channel_id = $2",
        "DELETE FROM delivery_status WHERE account_id = $1 AND channel_id = $2",
        "DELETE FROM delivery_channels WHERE account_id = $1 AND channel_id = $2",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(session, error, statements[i], "tt", owner_id, channel_id) != 0)
            return -1;
    return 0;
}

int delivery_delete_owner(store_session *session, pl_str owner_id, pl_str aggregator_id, pl_error *error) {
    static const char *const of_group[] = {
        "DELETE FROM deliveries WHERE account_id = $1 AND channel_id IN (SELECT channel_id FROM "
        "delivery_channels WHERE account_id = $1 AND aggregator_id = $2)",
        "DELETE FROM delivery_status WHERE account_id = $1 AND channel_id IN (SELECT channel_id FROM "
        "delivery_channels WHERE account_id = $1 AND aggregator_id = $2)",
        "DELETE FROM delivery_channels WHERE account_id = $1 AND aggregator_id = $2",
    };
    static const char *const of_account[] = {
        "DELETE FROM deliveries WHERE account_id = $1",
        "DELETE FROM delivery_status WHERE account_id = $1",
        "DELETE FROM delivery_channels WHERE account_id = $1",
        "DELETE FROM integrated_services WHERE account_id = $1",
    };
    for (size_t i = 0; aggregator_id.n && i < sizeof of_group / sizeof *of_group; i++)
        if (store_run(session, error, of_group[i], "tt", owner_id, aggregator_id) != 0)
            return -1;
    for (size_t i = 0; !aggregator_id.n && i < sizeof of_account / sizeof *of_account; i++)
        if (store_run(session, error, of_account[i], "t", owner_id) != 0)
            return -1;
    return 0;
}
