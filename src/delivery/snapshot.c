/*
 * Snapshots: begun by the calendar, made page by page. The maker of pages is itself a row of the outbox that
 * says where it stands, so an interrupted snapshot goes on; a page and the new place are stored together.
 */
#include "delivery/private.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAGE_ITEMS = 500, PAGE_ARENA = 512 << 20, DAY = 86400000 };

/* --- When ------------------------------------------------------------------------------------------------
 */

static int64_t last_at(int64_t now, int64_t minutes) {
    int64_t at = now - now % DAY + minutes * 60000;
    return at <= now ? at : at - DAY;
}

/* The latest time at or before `now` at which the channel wanted a snapshot. */
static int64_t last_instant(const delivery_channel *c, int64_t now) {
    int64_t hours, minutes;
    if (c->snapshot_time.n == 6 && pl_str_to_i64(pl_str_head(c->snapshot_time, 2), &hours) &&
        pl_str_to_i64(pl_str_of(c->snapshot_time.p + 3, 2), &minutes))
        return last_at(now, hours * 60 + minutes);
    int64_t early = last_at(now, 4 * 60), late = last_at(now, 16 * 60);
    return early > late ? early : late;
}

struct beginning {
    delivery *d;
    pl_arena *arena;
    delivery_channel *channels;
    size_t count;
    const delivery_channel *channel;
    int64_t instant, now;
};

static int list_work(store_session *session, void *argument, pl_error *error) {
    struct beginning *b = argument;
    pl_arena_reset(b->arena);
    return channel_list_scheduled(session, b->arena, &b->channels, &b->count, error);
}

static int put_maker(struct beginning *b, store_session *session, delivery_kind kind, const char *position,
                     pl_error *error) {
    char id[PL_UUID_TEXT], snapshot[PL_UUID_TEXT];
    if (delivery_uuid(b->d, id) != 0 || delivery_uuid(b->d, snapshot) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    delivery_row row = {.account_id = b->channel->account_id,
                        .delivery_id = pl_str_from(id),
                        .channel_id = b->channel->channel_id,
                        .kind = kind,
                        .snapshot_id = pl_str_from(snapshot),
                        .object_key = PL_STR(""),
                        .payload = pl_str_from(position),
                        .created = b->now};
    return outbox_put(session, &row, error);
}

static int begin_work(store_session *session, void *argument, pl_error *error) {
    struct beginning *b = argument;
    const delivery_channel *c = b->channel;
    int64_t changed;
    if (store_run_counted(session, &changed, error,
                          "UPDATE delivery_channels SET snapshot_done = $3 WHERE account_id = $1 AND "
                          "channel_id = $2 AND snapshot_done < $3",
                          "tti", c->account_id, c->channel_id, b->instant) != 0)
        return -1;
    if (changed == 0)
        return 0;
    if (c->snapshots && c->type != DELIVERY_MNS &&
        put_maker(b, session, DELIVERY_SNAPSHOT, "\n\n0", error) != 0)
        return -1;
    if (c->compliance_snapshots && put_maker(b, session, DELIVERY_COMPLIANCE, "", error) != 0)
        return -1;
    return store_notify(session, DELIVERY_CHANNEL, PL_STR(""), error);
}

int snapshot_begin_due(delivery *d, int64_t now, bool *worked, pl_error *error) {
    pl_arena arena;
    pl_arena_init(&arena, 64 << 20);
    struct beginning b = {.d = d, .arena = &arena, .now = now};
    int status = store_read(d->config.store, list_work, &b, error);
    for (size_t i = 0; status == 0 && i < b.count; i++) {
        b.channel = b.channels + i;
        b.instant = last_instant(b.channel, now);
        if (b.instant <= b.channel->snapshot_done)
            continue;
        *worked = true;
        status = store_write(d->config.store, begin_work, &b, error);
    }
    pl_arena_free(&arena);
    return status;
}

/* --- Pages -----------------------------------------------------------------------------------------------
 */

struct paging {
    delivery *d;
    const delivery_row *row;
    const delivery_channel *channel;
    delivery_condition condition;
    pl_arena arena;
    pl_str account_id, region_id; /* where the page lies */
    int64_t after_key;
    inventory_resource *found;
    size_t count;
    bool ended;
    pl_str directory_id;
    pl_str next; /* position behind the page */
    delivery_row rows[PAGE_ITEMS + 1];
    size_t row_count;
};

static int out_of_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

static bool read_position(struct paging *p) {
    pl_str rest = p->row->payload, key;
    return pl_str_split(&rest, '\n', &p->account_id) && pl_str_split(&rest, '\n', &p->region_id) &&
           pl_str_split(&rest, '\n', &key) && pl_str_to_i64(key, &p->after_key);
}

/* The accounts whose resources belong to the channel, sorted. */
static int accounts_of(struct paging *p, store_session *session, pl_str **accounts, size_t *count,
                       pl_error *error) {
    const delivery_channel *c = p->channel;
    p->directory_id = PL_STR("");
    *count = 1;
    if (c->aggregator_id.n == 0) {
        *accounts = pl_new(&p->arena, pl_str, 1);
        return *accounts ? (**accounts = c->account_id, 0) : out_of_memory(error);
    }
    const org_view *view = p->d->config.org ? org_view_open(p->d->config.org, session, error) : NULL;
    if (!view)
        return p->d->config.org ? -1 : (*count = 0, 0);
    const org_group *group = org_find_group(view, c->account_id, c->aggregator_id, NULL);
    const org_directory *directory = org_directory_of(view, c->account_id);
    *count = group ? group->member_count : 0;
    *accounts = pl_new(&p->arena, pl_str, *count + 1);
    for (size_t i = 0; *accounts && i < *count; i++)
        (*accounts)[i] = pl_arena_copy(&p->arena, group->members[i].account_id);
    if (directory)
        p->directory_id = pl_arena_copy(&p->arena, directory->id);
    org_view_close(view);
    if (p->arena.failed || !*accounts)
        return out_of_memory(error);
    qsort(*accounts, *count, sizeof **accounts, pl_str_order);
    return 0;
}

/* The first region of the account in byte order, from `from` on (behind it with `behind`). */
static int next_region(struct paging *p, store_session *session, pl_str account, pl_str from, bool behind,
                       pl_str *region, pl_error *error) {
    inventory_group *groups;
    size_t count;
    *region = PL_STR_NONE;
    if (inventory_count_by_region(session, &p->arena, account, PL_STR_NONE, &groups, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int order = pl_str_cmp(groups[i].name, from);
        if ((order > 0 || (order == 0 && !behind)) && (!region->p || pl_str_cmp(groups[i].name, *region) < 0))
            *region = groups[i].name;
    }
    return 0;
}

static int collect(void *context, const inventory_resource *r, pl_error *error) {
    struct paging *p = context;
    if (p->count == PAGE_ITEMS)
        return 1;
    inventory_resource *copy = p->found + p->count++;
    *copy = *r;
    return inventory_copy_resource(&p->arena, copy, error);
}

static int collect_region(struct paging *p, store_session *session, pl_str account, pl_str region,
                          int64_t after, pl_error *error) {
    inventory_filter filter = {.account_id = account,
                               .regions = &region,
                               .region_count = 1,
                               .types = p->condition.types,
                               .type_count = p->condition.type_count};
    p->count = 0;
    return inventory_list(session, &filter, after, collect, p, error);
}

/* Finds the page: in the region where the last one ended, or in the next region or account that has some. */
static int find_page(struct paging *p, store_session *session, pl_error *error) {
    pl_str *accounts;
    size_t count;
    if (accounts_of(p, session, &accounts, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int order = pl_str_cmp(accounts[i], p->account_id);
        if (order < 0)
            continue;
        pl_str region = order == 0 ? p->region_id : PL_STR("");
        int64_t after = order == 0 ? p->after_key : 0;
        if (next_region(p, session, accounts[i], region, false, &region, error) != 0)
            return -1;
        while (region.p) {
            bool same = order == 0 && pl_str_eq(region, p->region_id);
            if (collect_region(p, session, accounts[i], region, same ? after : 0, error) != 0)
                return -1;
            if (p->count) {
                p->account_id = accounts[i];
                p->region_id = region;
                return 0;
            }
            if (next_region(p, session, accounts[i], region, true, &region, error) != 0)
                return -1;
        }
    }
    p->ended = true;
    return 0;
}

static int load_page(store_session *session, void *argument, pl_error *error) {
    struct paging *p = argument;
    bool found;
    pl_arena_reset(&p->arena);
    p->ended = false;
    p->found = pl_new(&p->arena, inventory_resource, PAGE_ITEMS);
    if (!p->found || !delivery_condition_parse(&p->arena, p->channel->condition, &p->condition))
        return out_of_memory(error);
    if (!read_position(p))
        return pl_failf(error, PL_E_InternalError, "The place of a snapshot is damaged.");
    if (find_page(p, session, error) != 0)
        return -1;
    for (size_t i = 0; i < p->count; i++)
        if (inventory_find_key(session, &p->arena, p->found[i].account_id, p->found[i].resource_key,
                               p->found + i, &found, error) != 0)
            return -1;
    return 0;
}

static delivery_item item_of(struct paging *p, const inventory_resource *r) {
    return (delivery_item){.account_id = r->account_id,
                           .region_id = r->region_id,
                           .resource_id = r->resource_id,
                           .resource_type = r->resource_type,
                           .name = r->name,
                           .status = r->status,
                           .zone = r->zone,
                           .group_id = r->group_id,
                           .tags = r->tags,
                           .configuration = r->configuration,
                           .create_time = r->create_time,
                           .capture_time = r->capture_time,
                           .arn = PL_STR(""),
                           .directory_id = p->directory_id};
}

static int add_row(struct paging *p, pl_str id, pl_str key, const pl_buf *payload, const pl_buf *summary,
                   pl_error *error) {
    if (payload->failed || (summary && summary->failed) || !id.p || !key.p)
        return out_of_memory(error);
    delivery_row *row = p->rows + p->row_count++;
    *row = (delivery_row){.account_id = p->row->account_id,
                          .delivery_id = id,
                          .channel_id = p->row->channel_id,
                          .snapshot_id = p->row->snapshot_id,
                          .object_key = key,
                          .payload = pl_arena_copy(&p->arena, pl_buf_str(payload)),
                          .summary = summary ? pl_arena_copy(&p->arena, pl_buf_str(summary)) : PL_STR_NONE,
                          .created = p->row->created};
    return p->arena.failed ? out_of_memory(error) : 0;
}

static pl_str new_id(struct paging *p) {
    char id[PL_UUID_TEXT];
    return delivery_uuid(p->d, id) == 0 ? pl_arena_copy(&p->arena, pl_str_from(id)) : PL_STR_NONE;
}

static int make_file(struct paging *p, pl_buf *out, int64_t now, pl_error *error) {
    pl_writer w;
    pl_str id = new_id(p);
    pl_writer_begin(&w, out, PL_FORMAT_JSON, PL_STR("file"));
    pl_write_array(&w, PL_STR("configurationItems"));
    size_t taken = 0;
    for (; taken < p->count && (taken == 0 || out->n < DELIVERY_FILE_BYTES); taken++) {
        delivery_item item = item_of(p, p->found + taken);
        document_snapshot_file(&w, &item);
    }
    p->count = taken;
    pl_write_array_end(&w);
    pl_write_string(&w, PL_STR("requestId"), id);
    pl_write_string(&w, PL_STR("fileVersion"), PL_STR("1.0"));
    pl_writer_end(&w);
    pl_str key =
        document_object_key(&p->arena, p->account_id, p->region_id, "ConfigurationSnapshot", id, now);
    return add_row(p, id, key, out, NULL, error);
}

static void write_log(struct paging *p, pl_buf *out, const delivery_item *item, bool whole, pl_str id,
                      pl_str object) {
    pl_writer w;
    (void)p;
    pl_writer_begin(&w, out, PL_FORMAT_JSON, PL_STR("log"));
    document_snapshot_log(&w, item, id, whole, object);
    pl_writer_end(&w);
}

/* Where the whole of what is too large goes: an object of the channel's bucket; both empty without one. */
static int oversized_place(struct paging *p, pl_str account_id, pl_str id, int64_t now, pl_str *key,
                           pl_str *object, pl_error *error) {
    pl_str arn = p->channel->oversized_arn;
    *key = *object = PL_STR("");
    if (arn.n == 0)
        return 0;
    *key = document_object_key(&p->arena, account_id, PL_STR(""), "Oversized", id, now);
    *object = pl_arena_printf(&p->arena, "%.*s/%.*s", PL_FMT(arn), PL_FMT(*key));
    return key->p && object->p ? 0 : out_of_memory(error);
}

/* A record that is larger than the Logstore takes goes to the bucket, or is cut to its summary. */
static int add_oversized(struct paging *p, pl_str id, pl_str key, const pl_buf *record, const pl_buf *summary,
                         pl_error *error) {
    return add_row(p, id, key, key.n ? record : summary, key.n ? summary : NULL, error);
}

static int make_oversized_log(struct paging *p, const delivery_item *item, const pl_buf *record, pl_str id,
                              int64_t now, pl_error *error) {
    pl_buf summary;
    pl_str key, object;
    if (oversized_place(p, item->account_id, id, now, &key, &object, error) != 0)
        return -1;
    pl_buf_init(&summary, 4 << 20);
    pl_buf_add_char(&summary, '[');
    write_log(p, &summary, item, false, id, object);
    pl_buf_add_char(&summary, ']');
    int status = add_oversized(p, id, key, record, &summary, error);
    pl_buf_free(&summary);
    return status;
}

static int make_logs(struct paging *p, const catalogue *known, pl_buf *out, int64_t now, pl_error *error) {
    pl_buf record;
    int status = 0;
    size_t taken = 0, records = 0;
    pl_buf_init(&record, 64 << 20);
    pl_buf_add_char(out, '[');
    for (; status == 0 && taken < p->count && out->n < DELIVERY_LOG_BYTES; taken++) {
        delivery_item item = item_of(p, p->found + taken);
        pl_str id = new_id(p);
        item.arn = delivery_arn(&p->arena, known, &item);
        pl_buf_clear(&record);
        write_log(p, &record, &item, true, id, PL_STR(""));
        if (record.failed || !item.arn.p)
            status = out_of_memory(error);
        else if (record.n > DELIVERY_RECORD_MAX)
            status = make_oversized_log(p, &item, &record, id, now, error);
        else {
            if (records++)
                pl_buf_add_char(out, ',');
            pl_buf_add(out, pl_buf_str(&record));
        }
    }
    p->count = taken;
    pl_buf_add_char(out, ']');
    if (status == 0 && records)
        status = add_row(p, new_id(p), PL_STR(""), out, NULL, error);
    pl_buf_free(&record);
    return status;
}

static int store_page(store_session *session, void *argument, pl_error *error) {
    struct paging *p = argument;
    for (size_t i = 0; i < p->row_count; i++)
        if (outbox_put(session, p->rows + i, error) != 0)
            return -1;
    if (!p->ended)
        return outbox_move(session, p->row, p->next, error);
    return p->row->kind == DELIVERY_SNAPSHOT && p->channel->type == DELIVERY_OSS
               ? outbox_end_pages(session, p->row, error)
               : outbox_delete(session, p->row, error);
}

static int configuration_page(struct paging *p, pl_error *error) {
    int64_t now = pl_now(&p->d->config.clock);
    pl_buf out;
    if (store_read(p->d->config.store, load_page, p, error) != 0)
        return -1;
    if (!p->ended) {
        pl_buf_init(&out, 128 << 20);
        int status = p->channel->type == DELIVERY_OSS
                         ? make_file(p, &out, now, error)
                         : make_logs(p, p->d->config.catalogue, &out, now, error);
        pl_buf_free(&out);
        if (status != 0)
            return -1;
        p->next = pl_arena_printf(&p->arena, "%.*s\n%.*s\n%lld", PL_FMT(p->account_id), PL_FMT(p->region_id),
                                  (long long)p->found[p->count - 1].resource_key);
        if (!p->next.p)
            return out_of_memory(error);
    }
    return store_write(p->d->config.store, store_page, p, error);
}

/* --- Compliance ------------------------------------------------------------------------------------------
 */

static bool is_result_wanted(const struct paging *p, const delivery_result *result) {
    bool wanted = p->condition.type_count == 0;
    for (size_t t = 0; t < p->condition.type_count; t++)
        wanted = wanted || pl_str_eq_fold(p->condition.types[t], result->resource_type);
    return wanted;
}

static void write_result(pl_buf *out, const delivery_result *result, pl_str id, bool whole, pl_str object) {
    pl_writer w;
    pl_writer_begin(&w, out, PL_FORMAT_JSON, PL_STR("log"));
    document_result_log(&w, result, id, whole, object);
    pl_writer_end(&w);
}

static int make_oversized_result(struct paging *p, const delivery_result *result, const pl_buf *record,
                                 pl_str id, int64_t now, pl_error *error) {
    pl_buf summary;
    pl_str key, object;
    if (oversized_place(p, result->account_id, id, now, &key, &object, error) != 0)
        return -1;
    pl_buf_init(&summary, 4 << 20);
    pl_buf_add_char(&summary, '[');
    write_result(&summary, result, id, false, object);
    pl_buf_add_char(&summary, ']');
    int status = add_oversized(p, id, key, record, &summary, error);
    pl_buf_free(&summary);
    return status;
}

/* Closes the call to the Logstore that `out` collects, if there is anything in it. */
static int end_call(struct paging *p, pl_buf *out, pl_str id, pl_error *error) {
    if (out->n == 0)
        return 0;
    pl_buf_add_char(out, ']');
    int status = add_row(p, id, PL_STR(""), out, NULL, error);
    pl_buf_clear(out);
    return status;
}

/* The results as calls to the Logstore, each as large as it takes. */
static int make_results(struct paging *p, const delivery_result *results, size_t count, int64_t now,
                        pl_error *error) {
    pl_buf out, record;
    pl_str id = new_id(p);
    int status = 0;
    pl_buf_init(&out, 2 * DELIVERY_LOG_BYTES);
    pl_buf_init(&record, 64 << 20);
    for (size_t i = 0; status == 0 && i < count; i++) {
        if (!is_result_wanted(p, results + i))
            continue;
        pl_buf_clear(&record);
        write_result(&record, results + i, id, true, PL_STR(""));
        if (record.failed) {
            status = out_of_memory(error);
        } else if (record.n > DELIVERY_RECORD_MAX) {
            status = make_oversized_result(p, results + i, &record, new_id(p), now, error);
        } else {
            pl_buf_add_char(&out, out.n ? ',' : '[');
            pl_buf_add(&out, pl_buf_str(&record));
        }
        if (status == 0 && out.n > DELIVERY_LOG_BYTES - DELIVERY_RECORD_MAX) {
            status = end_call(p, &out, id, error);
            id = new_id(p);
        }
    }
    if (status == 0)
        status = end_call(p, &out, id, error);
    pl_buf_free(&out);
    pl_buf_free(&record);
    return status;
}

static int read_results(store_session *session, void *argument, pl_error *error) {
    struct paging *p = argument;
    const delivery_config *c = &p->d->config;
    delivery_result *results = NULL;
    size_t count = 0;
    pl_arena_reset(&p->arena);
    p->row_count = 0;
    p->next = PL_STR_NONE;
    if (!delivery_condition_parse(&p->arena, p->channel->condition, &p->condition))
        return out_of_memory(error);
    if (c->results &&
        c->results(c->results_context, session, &p->arena, p->channel->account_id, p->channel->aggregator_id,
                   p->row->payload, &results, &count, &p->next, error) != 0)
        return -1;
    p->ended = !p->next.p;
    return make_results(p, results, count, pl_now(&c->clock), error);
}

static int compliance_page(struct paging *p, pl_error *error) {
    if (store_read(p->d->config.store, read_results, p, error) != 0)
        return -1;
    return store_write(p->d->config.store, store_page, p, error);
}

int snapshot_page(delivery *d, const delivery_row *row, const delivery_channel *channel, pl_error *error) {
    pl_arena scratch;
    pl_arena_init(&scratch, sizeof(struct paging) + 4096);
    struct paging *p = pl_new(&scratch, struct paging, 1);
    if (!p)
        return out_of_memory(error);
    p->d = d;
    p->row = row;
    p->channel = channel;
    pl_arena_init(&p->arena, PAGE_ARENA);
    int status = row->kind == DELIVERY_SNAPSHOT ? configuration_page(p, error) : compliance_page(p, error);
    pl_arena_free(&p->arena);
    pl_arena_free(&scratch);
    return status;
}

/* --- Announcing --------------------------------------------------------------------------------------------
 */

int snapshot_announce(delivery *d, store_session *session, pl_arena *arena, const delivery_channel *channel,
                      pl_str cause, pl_error *error) {
    delivery_channel *channels;
    size_t count;
    int64_t now = pl_now(&d->config.clock);
    if (delivery_channel_list(session, arena, channel->account_id, channel->aggregator_id, &channels, &count,
                              error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        char id[PL_UUID_TEXT];
        pl_buf out;
        pl_writer w;
        if (!channels[i].enabled || channels[i].type != DELIVERY_MNS || !channels[i].snapshots)
            continue;
        if (delivery_uuid(d, id) != 0)
            return out_of_memory(error);
        pl_buf_init(&out, 4096);
        pl_writer_begin(&w, &out, PL_FORMAT_JSON, PL_STR("event"));
        document_snapshot_event(&w, pl_str_from(id), now, cause);
        pl_writer_end(&w);
        delivery_row row = {.account_id = channels[i].account_id,
                            .delivery_id = pl_str_from(id),
                            .channel_id = channels[i].channel_id,
                            .snapshot_id = PL_STR(""),
                            .object_key = PL_STR(""),
                            .payload = pl_buf_str(&out),
                            .created = now};
        int status = out.failed ? out_of_memory(error) : outbox_put(session, &row, error);
        pl_buf_free(&out);
        if (status != 0)
            return -1;
    }
    return 0;
}
