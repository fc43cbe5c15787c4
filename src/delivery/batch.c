/*
 * What one transaction has to deliver. Messages and events become rows of the outbox at once; objects and
 * calls to Logstores collect records and become rows when they are full, or at the end.
 */
#include "delivery/private.h"

#include "base/memory.h"

enum { DOCUMENT_MAX = 64 << 20 };

/* An object or a call to a Logstore that still takes records. */
typedef struct open_document {
    pl_str owner_id, channel_id;
    delivery_type type;
    pl_str account_id, region_id; /* of an object's folder */
    char request_id[PL_UUID_TEXT];
    pl_buf body;
    size_t count;
    struct open_document *next;
} open_document;

struct delivery_batch {
    delivery *d;
    store_session *session;
    pl_arena *arena;
    int64_t now;
    open_document *open;
    pl_buf scratch, summary;
    bool queued;
};

delivery_batch *delivery_batch_new(delivery *d, store_session *session, pl_arena *arena, int64_t now) {
    delivery_batch *b = pl_new(arena, delivery_batch, 1);
    if (!b)
        return NULL;
    *b = (delivery_batch){.d = d, .session = session, .arena = arena, .now = now};
    pl_buf_init(&b->scratch, DOCUMENT_MAX);
    pl_buf_init(&b->summary, DOCUMENT_MAX);
    return b;
}

static int full(pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable, "What is to be delivered does not fit into memory.");
}

static int put_row(delivery_batch *b, delivery_row *row, pl_error *error) {
    row->created = b->now;
    row->snapshot_id = PL_STR("");
    if (!row->object_key.p)
        row->object_key = PL_STR("");
    b->queued = true;
    return outbox_put(b->session, row, error);
}

/* --- Documents that collect records ------------------------------------------------------------------------
 */

static int close_document(delivery_batch *b, open_document *doc, pl_error *error) {
    bool object = doc->type == DELIVERY_OSS;
    if (doc->count == 0)
        return 0;
    pl_buf_add_char(&doc->body, ']');
    if (object)
        pl_buf_printf(&doc->body, ",\"requestId\":\"%s\",\"fileVersion\":\"1.0\"}", doc->request_id);
    if (doc->body.failed)
        return full(error);
    delivery_row row = {.account_id = doc->owner_id,
                        .delivery_id = pl_str_from(doc->request_id),
                        .channel_id = doc->channel_id,
                        .payload = pl_buf_str(&doc->body)};
    if (object)
        row.object_key = document_object_key(b->arena, doc->account_id, doc->region_id,
                                             "ConfigurationItemChangeNotification", row.delivery_id, b->now);
    if (object && !row.object_key.p)
        return full(error);
    int status = put_row(b, &row, error);
    pl_buf_clear(&doc->body);
    doc->count = 0;
    return status;
}

static open_document *find_document(delivery_batch *b, const delivery_route *route, pl_str account_id,
                                    pl_str region_id, pl_error *error) {
    for (open_document *at = b->open; at; at = at->next)
        if (pl_str_eq(at->channel_id, route->channel_id) && pl_str_eq(at->owner_id, route->owner_id) &&
            pl_str_eq(at->account_id, account_id) && pl_str_eq(at->region_id, region_id))
            return at;
    open_document *made = pl_new(b->arena, open_document, 1);
    if (!made) {
        full(error);
        return NULL;
    }
    *made = (open_document){.owner_id = route->owner_id,
                            .channel_id = route->channel_id,
                            .type = route->type,
                            .account_id = account_id,
                            .region_id = region_id,
                            .next = b->open};
    pl_buf_init(&made->body, DOCUMENT_MAX);
    b->open = made;
    return made;
}

/* The document with its lead written, ready for one more record. */
static int begin_record(delivery_batch *b, open_document *doc, size_t more, pl_error *error) {
    bool object = doc->type == DELIVERY_OSS;
    size_t items = object ? DELIVERY_FILE_ITEMS : DELIVERY_LOG_ITEMS;
    size_t bytes = object ? DELIVERY_FILE_BYTES : DELIVERY_LOG_BYTES;
    if (doc->count && (doc->count >= items || doc->body.n + more > bytes) &&
        close_document(b, doc, error) != 0)
        return -1;
    if (doc->count == 0) {
        if (delivery_uuid(b->d, doc->request_id) != 0)
            return pl_fail(error, PL_E_ServiceUnavailable);
        pl_buf_add(&doc->body, object ? PL_STR("{\"configurationItems\":[") : PL_STR("["));
    } else {
        pl_buf_add_char(&doc->body, ',');
    }
    doc->count++;
    return 0;
}

static int add_record(delivery_batch *b, open_document *doc, pl_str record, pl_error *error) {
    if (begin_record(b, doc, record.n, error) != 0)
        return -1;
    pl_buf_add(&doc->body, record);
    return doc->body.failed ? full(error) : 0;
}

/* --- What is too large -------------------------------------------------------------------------------------
 */

/* Where the whole goes: a new object of the channel's bucket; both empty when it has none. */
static int oversized_object(delivery_batch *b, const delivery_route *route, pl_str account_id,
                            pl_str request_id, pl_str *key, pl_str *object, pl_error *error) {
    *key = *object = PL_STR("");
    if (route->oversized_arn.n == 0)
        return 0;
    *key = document_object_key(b->arena, account_id, PL_STR(""), "Oversized", request_id, b->now);
    *object = pl_arena_printf(b->arena, "%.*s/%.*s", PL_FMT(route->oversized_arn), PL_FMT(*key));
    return key->p && object->p ? 0 : full(error);
}

/* One row for the whole in `scratch` and what stands for it in `summary`. */
static int put_oversized(delivery_batch *b, const delivery_route *route, pl_str request_id, pl_str key,
                         pl_error *error) {
    if (b->summary.failed || b->scratch.failed)
        return full(error);
    pl_str whole = pl_buf_str(&b->scratch), summary = pl_buf_str(&b->summary);
    delivery_row row = {.account_id = route->owner_id,
                        .delivery_id = request_id,
                        .channel_id = route->channel_id,
                        .object_key = key,
                        .payload = key.n ? whole : summary,
                        .summary = key.n ? summary : PL_STR_NONE};
    return put_row(b, &row, error);
}

/* --- Changes ---------------------------------------------------------------------------------------------
 */

static bool passes(const delivery_condition *condition, pl_str resource_type) {
    for (size_t i = 0; i < condition->type_count; i++)
        if (pl_str_eq_fold(condition->types[i], resource_type))
            return true;
    return condition->type_count == 0;
}

/* What was just written to the scratch buffer, in the arena; absent without memory. */
static pl_str keep_scratch(delivery_batch *b) {
    return b->scratch.failed ? PL_STR_NONE : pl_arena_copy(b->arena, pl_buf_str(&b->scratch));
}

/* What a change says, with the texts that only a removal lacks. */
static int describe_change(delivery_batch *b, const inventory_change *c, delivery_item *out,
                           pl_error *error) {
    const inventory_item *item = c->item;
    bool removed = c->event == INVENTORY_REMOVE;
    *out = (delivery_item){.account_id = item->account_id,
                           .region_id = item->region_id,
                           .resource_id = item->resource_id,
                           .resource_type = item->resource_type,
                           .name = removed && c->seen ? c->old_name : item->name,
                           .status = item->status,
                           .zone = item->zone,
                           .group_id = removed && c->seen ? c->old_group_id : item->group_id,
                           .tags = removed && c->seen ? c->old_tags : item->tags,
                           .configuration = item->configuration_text,
                           .diff = c->diff.p ? c->diff : PL_STR("{}"),
                           .create_time = c->create_time,
                           .capture_time = c->capture_time,
                           .event = c->event,
                           .directory_id = PL_STR("")};
    if (removed && pl_json_exists(c->configuration)) {
        pl_buf_clear(&b->scratch);
        pl_json_write(&b->scratch, c->configuration);
        out->configuration = keep_scratch(b);
        if (!out->configuration.p)
            return full(error);
    }
    if (c->event != INVENTORY_MODIFY) { /* the recorded history leaves these out */
        pl_buf_clear(&b->scratch);
        inventory_write_diff(&b->scratch, removed ? c->configuration : PL_JSON_NONE,
                             removed ? PL_JSON_NONE : c->configuration);
        out->diff = keep_scratch(b);
    }
    out->arn = delivery_arn(b->arena, b->d->config.catalogue, out);
    return out->arn.p && out->diff.p ? 0 : full(error);
}

static int add_file_change(delivery_batch *b, const delivery_route *route, const delivery_item *item,
                           pl_error *error) {
    pl_writer w;
    open_document *doc = find_document(b, route, item->account_id, item->region_id, error);
    if (!doc)
        return -1;
    pl_buf_clear(&b->scratch);
    w = (pl_writer){.out = &b->scratch, .format = PL_FORMAT_JSON};
    document_change_file(&w, item);
    return b->scratch.failed ? full(error) : add_record(b, doc, pl_buf_str(&b->scratch), error);
}

static int add_message_change(delivery_batch *b, const delivery_route *route, const inventory_change *c,
                              const delivery_item *item, pl_error *error) {
    pl_writer w;
    pl_json diff = PL_JSON_NONE, tags = PL_JSON_NONE;
    char uuid[PL_UUID_TEXT];
    pl_str key, object;
    if (delivery_uuid(b->d, uuid) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_str id = pl_str_from(uuid);
    if (pl_json_parse_in(b->arena, item->diff, &diff, error) != 0 ||
        (item->tags.n && pl_json_parse_in(b->arena, item->tags, &tags, error) != 0))
        return -1;
    pl_buf_clear(&b->scratch);
    pl_writer_begin(&w, &b->scratch, PL_FORMAT_JSON, PL_STR("message"));
    document_change_message(&w, item, diff, c->configuration, tags, id, b->now, true, PL_STR(""));
    pl_writer_end(&w);
    if (b->scratch.n > DELIVERY_MESSAGE_MAX) {
        if (oversized_object(b, route, item->account_id, id, &key, &object, error) != 0)
            return -1;
        pl_buf_clear(&b->summary);
        pl_writer_begin(&w, &b->summary, PL_FORMAT_JSON, PL_STR("message"));
        document_change_message(&w, item, diff, c->configuration, tags, id, b->now, false, object);
        pl_writer_end(&w);
        return put_oversized(b, route, id, key, error);
    }
    delivery_row row = {.account_id = route->owner_id,
                        .delivery_id = id,
                        .channel_id = route->channel_id,
                        .payload = pl_buf_str(&b->scratch)};
    return b->scratch.failed ? full(error) : put_row(b, &row, error);
}

static int add_log_change(delivery_batch *b, const delivery_route *route, const delivery_item *item,
                          pl_error *error) {
    pl_writer w;
    char uuid[PL_UUID_TEXT];
    pl_str key, object;
    open_document *doc = find_document(b, route, PL_STR(""), PL_STR(""), error);
    if (!doc)
        return -1;
    if (delivery_uuid(b->d, uuid) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_str id = pl_str_from(uuid);
    pl_buf_clear(&b->scratch);
    pl_writer_begin(&w, &b->scratch, PL_FORMAT_JSON, PL_STR("log"));
    document_change_log(&w, item, id, true, PL_STR(""));
    pl_writer_end(&w);
    if (b->scratch.failed)
        return full(error);
    if (b->scratch.n <= DELIVERY_RECORD_MAX)
        return add_record(b, doc, pl_buf_str(&b->scratch), error);
    if (oversized_object(b, route, item->account_id, id, &key, &object, error) != 0)
        return -1;
    pl_buf_clear(&b->summary);
    pl_buf_add_char(&b->summary, '[');
    pl_writer_begin(&w, &b->summary, PL_FORMAT_JSON, PL_STR("log"));
    document_change_log(&w, item, id, false, object);
    pl_writer_end(&w);
    pl_buf_add_char(&b->summary, ']');
    return put_oversized(b, route, id, key, error);
}

/* Wraps the object in `scratch` as an event. */
static int put_event(delivery_batch *b, const delivery_route *route, const char *kind, pl_str resource_type,
                     pl_str arn, pl_str account_id, pl_str region_id, pl_str id, pl_error *error) {
    pl_writer w;
    pl_json data = PL_JSON_NONE;
    if (b->scratch.failed)
        return full(error);
    if (pl_json_parse_in(b->arena, pl_buf_str(&b->scratch), &data, error) != 0)
        return -1;
    pl_buf_clear(&b->summary);
    pl_writer_begin(&w, &b->summary, PL_FORMAT_JSON, PL_STR("event"));
    document_event(&w, route->channel_id, resource_type, pl_str_from(kind), arn, account_id, region_id, id,
                   b->now, data);
    pl_writer_end(&w);
    delivery_row row = {.account_id = route->owner_id,
                        .delivery_id = id,
                        .channel_id = route->channel_id,
                        .payload = pl_buf_str(&b->summary)};
    return b->summary.failed ? full(error) : put_row(b, &row, error);
}

static int add_event_change(delivery_batch *b, const delivery_route *route, const delivery_item *item,
                            pl_error *error) {
    pl_writer w;
    char uuid[PL_UUID_TEXT];
    if (delivery_uuid(b->d, uuid) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_buf_clear(&b->scratch);
    pl_writer_begin(&w, &b->scratch, PL_FORMAT_JSON, PL_STR("data"));
    document_change_log(&w, item, pl_str_from(uuid), true, PL_STR(""));
    pl_writer_end(&w);
    return put_event(b, route, "ConfigurationItemChangeNotification", item->resource_type, item->arn,
                     item->account_id, item->region_id, pl_str_from(uuid), error);
}

static int route_change(delivery_batch *b, const delivery_route *route, const inventory_change *c,
                        const delivery_item *item, pl_error *error) {
    switch (route->type) {
    case DELIVERY_OSS: return add_file_change(b, route, item, error);
    case DELIVERY_MNS: return add_message_change(b, route, c, item, error);
    case DELIVERY_SLS: return add_log_change(b, route, item, error);
    default: return add_event_change(b, route, item, error);
    }
}

int delivery_add_change(delivery_batch *b, const delivery_routes *routes, const inventory_change *change,
                        pl_error *error) {
    delivery_item item;
    if (change->event == INVENTORY_UNCHANGED || !routes->changes)
        return 0;
    if (describe_change(b, change, &item, error) != 0)
        return -1;
    for (size_t i = 0; i < routes->count; i++) {
        const delivery_route *route = routes->items + i;
        item.directory_id = route->directory_id;
        if (route->changes && passes(&route->condition, item.resource_type) &&
            route_change(b, route, change, &item, error) != 0)
            return -1;
    }
    return 0;
}

/* --- Violations --------------------------------------------------------------------------------------------
 */

static bool wants(const delivery_route *route, const delivery_violation *v) {
    const delivery_condition *c = &route->condition;
    return route->violations && pl_str_eq(route->owner_id, v->owner_id) &&
           pl_str_eq(route->aggregator_id, v->aggregator_id) && passes(c, v->resource->resource_type) &&
           (c->risk_level == 0 || v->risk_level <= c->risk_level);
}

static void write_violation(pl_buf *out, const delivery_route *route, const delivery_violation *v, pl_str arn,
                            pl_str id, int64_t now, bool whole, pl_str object) {
    pl_writer w;
    pl_writer_begin(&w, out, PL_FORMAT_JSON, PL_STR("violation"));
    if (route->type == DELIVERY_SLS)
        document_violation_log(&w, v, arn, id, now, whole, object);
    else
        document_violation_message(&w, v, arn, id, now, whole, object);
    pl_writer_end(&w);
}

/* An annotation repeats what was found, which may be as large as the configuration. */
static int put_large_violation(delivery_batch *b, const delivery_route *route, const delivery_violation *v,
                               pl_str arn, pl_str id, pl_error *error) {
    bool log = route->type == DELIVERY_SLS;
    pl_str key, object;
    if (oversized_object(b, route, v->resource->account_id, id, &key, &object, error) != 0)
        return -1;
    pl_buf_clear(&b->summary);
    pl_buf_add(&b->summary, log ? PL_STR("[") : PL_STR(""));
    write_violation(&b->summary, route, v, arn, id, b->now, false, object);
    pl_buf_add(&b->summary, log ? PL_STR("]") : PL_STR(""));
    return put_oversized(b, route, id, key, error);
}

static int route_violation(delivery_batch *b, const delivery_route *route, const delivery_violation *v,
                           pl_str arn, pl_error *error) {
    const inventory_resource *r = v->resource;
    char uuid[PL_UUID_TEXT];
    if (delivery_uuid(b->d, uuid) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_str id = pl_str_from(uuid);
    pl_buf_clear(&b->scratch);
    write_violation(&b->scratch, route, v, arn, id, b->now, true, PL_STR(""));
    if (b->scratch.failed)
        return full(error);
    if (route->type == DELIVERY_EVENTS)
        return put_event(b, route, "NonCompliantNotification", r->resource_type, arn, r->account_id,
                         r->region_id, id, error);
    if (b->scratch.n > (route->type == DELIVERY_SLS ? DELIVERY_RECORD_MAX : DELIVERY_MESSAGE_MAX))
        return put_large_violation(b, route, v, arn, id, error);
    if (route->type == DELIVERY_SLS) {
        open_document *doc = find_document(b, route, PL_STR(""), PL_STR(""), error);
        return doc ? add_record(b, doc, pl_buf_str(&b->scratch), error) : -1;
    }
    delivery_row row = {.account_id = route->owner_id,
                        .delivery_id = id,
                        .channel_id = route->channel_id,
                        .payload = pl_buf_str(&b->scratch)};
    return put_row(b, &row, error);
}

int delivery_add_violation(delivery_batch *b, const delivery_routes *routes, const delivery_violation *v,
                           pl_error *error) {
    const inventory_resource *r = v->resource;
    pl_str arn = PL_STR_NONE;
    delivery_item named = {.account_id = r->account_id,
                           .region_id = r->region_id,
                           .resource_id = r->resource_id,
                           .resource_type = r->resource_type,
                           .name = r->name};
    for (size_t i = 0; routes->violations && i < routes->count; i++) {
        if (!wants(routes->items + i, v))
            continue;
        if (!arn.p)
            arn = delivery_arn(b->arena, b->d->config.catalogue, &named);
        if (!arn.p)
            return full(error);
        if (route_violation(b, routes->items + i, v, arn, error) != 0)
            return -1;
    }
    return 0;
}

/* --- The end ---------------------------------------------------------------------------------------------
 */

int delivery_batch_end(delivery_batch *b, int status, pl_error *error) {
    if (!b)
        return status;
    for (open_document *at = b->open; at; at = at->next) {
        if (status == 0)
            status = close_document(b, at, error);
        pl_buf_free(&at->body);
    }
    if (status == 0 && b->queued)
        status = store_notify(b->session, DELIVERY_CHANNEL, PL_STR(""), error);
    pl_buf_free(&b->scratch);
    pl_buf_free(&b->summary);
    return status;
}
