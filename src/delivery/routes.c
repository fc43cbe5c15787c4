/* Integrated services, and the routes that channels and services of an owner make. */
#include "delivery/private.h"

static const struct {
    pl_str code, name;
} known_services[] = {
    {PL_STR_INIT("eventbridge"), PL_STR_INIT("EventBridge")},
    {PL_STR_INIT("cms"), PL_STR_INIT("CloudMonitor")},
    {PL_STR_INIT("bpstudio"), PL_STR_INIT("Cloud Architect Design Tools")},
};

enum { SERVICES = sizeof known_services / sizeof *known_services };

int delivery_service_list(store_session *session, pl_arena *arena, pl_str account_id,
                          delivery_service **services, size_t *count, pl_error *error) {
    delivery_service *made = pl_new(arena, delivery_service, SERVICES);
    int step;
    if (!made)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < SERVICES; i++)
        made[i] =
            (delivery_service){known_services[i].code, known_services[i].name, false, PL_STR(""), PL_STR("")};
    store_statement *st =
        store_prepare(session,
                      "SELECT service_code, status, integrated_types, aggregator_types FROM "
                      "integrated_services WHERE account_id = $1",
                      error);
    store_bind_text(st, 1, account_id);
    while ((step = store_step(st, error)) == 1)
        for (size_t i = 0; i < SERVICES; i++)
            if (pl_str_eq(made[i].code, store_column_text(st, 0))) {
                made[i].enabled = store_column_i64(st, 1) != 0;
                made[i].types = pl_arena_copy(arena, store_column_text(st, 2));
                made[i].aggregator_types = pl_arena_copy(arena, store_column_text(st, 3));
            }
    *services = made;
    *count = SERVICES;
    return step < 0 ? -1 : arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int delivery_service_put(store_session *session, pl_str account_id, const delivery_service *s,
                         pl_error *error) {
    if (!s->enabled &&
        store_run(session, error, "DELETE FROM deliveries WHERE account_id = $1 AND channel_id = $2", "tt",
                  account_id, s->code) != 0)
        return -1;
    return store_run(
        session, error,
        "INSERT INTO integrated_services (account_id, service_code, status, integrated_types, "
        "aggregator_types) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, service_code) DO "
        "UPDATE SET status = excluded.status, integrated_types = excluded.integrated_types, "
        "aggregator_types = excluded.aggregator_types",
        "ttitt", account_id, s->code, (int64_t)s->enabled, s->types, s->aggregator_types);
}

/* --- Routes ----------------------------------------------------------------------------------------------
 */

static delivery_route *add_route(pl_arena *arena, delivery_routes *routes, const delivery_route *route,
                                 pl_error *error) {
    delivery_route *grown =
        pl_arena_grow(arena, routes->items, routes->count, &routes->capacity, sizeof *grown);
    if (!grown) {
        pl_fail(error, PL_E_ServiceUnavailable);
        return NULL;
    }
    routes->items = grown;
    grown[routes->count] = *route;
    routes->changes = routes->changes || route->changes;
    routes->violations = routes->violations || route->violations;
    return grown + routes->count++;
}

/* The directory of a management account, named in what its groups' channels deliver. */
static int directory_of(delivery *d, store_session *session, pl_arena *arena, pl_str owner_id, pl_str *id,
                        pl_error *error) {
    *id = PL_STR("");
    if (!d->config.org)
        return 0;
    const org_view *view = org_view_open(d->config.org, session, error);
    if (!view)
        return -1;
    const org_directory *directory = org_directory_of(view, owner_id);
    if (directory)
        *id = pl_arena_copy(arena, directory->id);
    org_view_close(view);
    return id->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int add_channels(delivery *d, store_session *session, pl_arena *arena, pl_str owner_id,
                        pl_str aggregator_id, delivery_routes *routes, pl_error *error) {
    delivery_channel *channels;
    size_t count;
    pl_str directory = PL_STR("");
    if (delivery_channel_list(session, arena, owner_id, aggregator_id, &channels, &count, error) != 0)
        return -1;
    if (count && aggregator_id.n && directory_of(d, session, arena, owner_id, &directory, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const delivery_channel *c = channels + i;
        delivery_route route = {.type = c->type,
                                .owner_id = c->account_id,
                                .aggregator_id = c->aggregator_id,
                                .channel_id = c->channel_id,
                                .directory_id = directory,
                                .oversized_arn = c->oversized_arn,
                                .changes = c->changes,
                                .violations = c->violations};
        if (!c->enabled || (!c->changes && !c->violations))
            continue;
        if (!delivery_condition_parse(arena, c->condition, &route.condition))
            return pl_fail(error, PL_E_ServiceUnavailable);
        if (!add_route(arena, routes, &route, error))
            return -1;
    }
    return 0;
}

static bool names(pl_str list, const char *wanted) {
    pl_str part;
    while (list.n && pl_str_split(&list, ',', &part))
        if (pl_str_is(pl_str_trim(part), wanted))
            return true;
    return false;
}

/* For resources of its groups' members an owner's service takes what AggregatorDeliveryDataType names. */
static int add_services(store_session *session, pl_arena *arena, pl_str owner_id, pl_str aggregator_id,
                        delivery_routes *routes, pl_error *error) {
    delivery_service *services;
    size_t count;
    if (delivery_service_list(session, arena, owner_id, &services, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        pl_str types = aggregator_id.n ? services[i].aggregator_types : services[i].types;
        delivery_route route = {.type = DELIVERY_EVENTS,
                                .owner_id = pl_arena_copy(arena, owner_id),
                                .aggregator_id = pl_arena_copy(arena, aggregator_id),
                                .channel_id = services[i].code,
                                .directory_id = PL_STR(""),
                                .oversized_arn = PL_STR(""),
                                .changes = names(types, "ConfigurationItemChangeNotification"),
                                .violations = names(types, "NonCompliantNotification")};
        if (!services[i].enabled || (!route.changes && !route.violations))
            continue;
        if (!add_route(arena, routes, &route, error))
            return -1;
    }
    return 0;
}

int delivery_routes_add(delivery *d, store_session *session, pl_arena *arena, pl_str owner_id,
                        pl_str aggregator_id, delivery_routes *routes, pl_error *error) {
    if (add_channels(d, session, arena, owner_id, aggregator_id, routes, error) != 0)
        return -1;
    return add_services(session, arena, owner_id, aggregator_id, routes, error);
}
