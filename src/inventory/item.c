/*
 * Configuration items as they are sent: finding members in either spelling, checking, and bringing
 * configuration and tags to one form, so that equal content gives an equal hash.
 *
 * INVARIANT: nothing here depends on what is stored, so that it runs outside of any transaction.
 */
#include "base/clock.h"
#include "base/digest.h"
#include "inventory/inventory.h"
#include "json/parser.h"

enum { MAX_NAME_BYTES = 1024 };

/* One call's working memory. */
struct parsing {
    pl_arena *arena;
    const inventory_defaults *defaults;
    pl_json_parser *parser; /* made when the first JSON text is met */
    pl_buf scratch;
    size_t index;
    pl_error *error;
};

static int refuse(struct parsing *p, const char *member, const char *reason) {
    pl_failf(p->error, PL_E_Invalid_ConfigurationItems_Value, "ConfigurationItems[%zu].%s: %s.", p->index,
             member, reason);
    p->error->position = p->index;
    return -1;
}

static int out_of_memory(struct parsing *p) {
    return pl_fail(p->error, PL_E_ServiceUnavailable);
}

/* The member under the snapshot files' name, or under one of the API's names. */
static pl_json member(pl_json node, const char *name, const char *second, const char *third) {
    pl_json found = pl_json_get(node, pl_str_from(name));
    if (!pl_json_exists(found) && second)
        found = pl_json_get(node, pl_str_from(second));
    if (!pl_json_exists(found) && third)
        found = pl_json_get(node, pl_str_from(third));
    return found;
}

/* Text of a string or of an integer (account ids come as both); "" when missing or null. */
static int take_text(struct parsing *p, pl_json node, const char *name, pl_str *out) {
    int64_t number;
    *out = PL_STR("");
    if (!pl_json_exists(node) || pl_json_is_null(node))
        return 0;
    if (pl_json_is_string(node))
        *out = pl_json_text(node);
    else if (pl_json_i64(node, &number))
        *out = pl_arena_printf(p->arena, "%lld", (long long)number);
    else
        return refuse(p, name, "must be a string");
    if (!out->p)
        return out_of_memory(p);
    if (out->n > MAX_NAME_BYTES)
        return refuse(p, name, "is longer than 1024 bytes");
    if (memchr(out->p, 0, out->n))
        return refuse(p, name, "must not contain a NUL character");
    return 0;
}

static int take_required(struct parsing *p, pl_json node, const char *name, pl_str *out) {
    if (take_text(p, node, name, out) != 0)
        return -1;
    return out->n ? 0 : refuse(p, name, "is required");
}

/* Unix milliseconds as a number or decimal text, or an ISO 8601 time; 0 when missing, null or empty. */
static int take_time(struct parsing *p, pl_json node, const char *name, int64_t *out) {
    pl_str text = pl_json_str(node);
    *out = 0;
    if (!pl_json_exists(node) || pl_json_is_null(node) || (text.p && text.n == 0))
        return 0;
    bool read = text.p ? pl_str_to_i64(text, out) || pl_time_parse(text, out) : pl_json_i64(node, out);
    if (!read || *out < 0)
        return refuse(p, name, "must be a time in Unix milliseconds");
    return 0;
}

/* Parses JSON text found inside a string so that the result lives as long as the arena. */
static int parse_text(struct parsing *p, const char *name, pl_str text, pl_json *out) {
    pl_json root;
    pl_error detail;
    if (!p->parser)
        p->parser = pl_json_parser_new(INVENTORY_MAX_CONFIGURATION);
    if (!p->parser)
        return out_of_memory(p);
    if (pl_json_parse(p->parser, text, &root, &detail) != 0) {
        if (pl_error_is(&detail, PL_E_ServiceUnavailable))
            return out_of_memory(p);
        return refuse(p, name, text.n > INVENTORY_MAX_CONFIGURATION ? "is too large" : "is not valid JSON");
    }
    *out = pl_json_keep(p->arena, p->parser, root);
    return pl_json_exists(*out) ? 0 : out_of_memory(p);
}

static int take_configuration(struct parsing *p, pl_json node, inventory_item *item) {
    if (pl_json_is_string(node)) {
        if (pl_str_trim(pl_json_text(node)).n == 0)
            return 0;
        if (parse_text(p, "configuration", pl_json_text(node), &node) != 0)
            return -1;
    }
    if (!pl_json_exists(node) || pl_json_is_null(node))
        return 0;
    if (!pl_json_is_object(node))
        return refuse(p, "configuration", "must be an object or its JSON text");
    item->configuration = node;
    return 0;
}

static bool writable_tag(pl_json value) {
    return pl_json_is_string(value) || pl_json_is_null(value) || !pl_json_exists(value);
}

/* `"key":["value"]` behind what is there already. */
static void write_tag(pl_buf *out, pl_str key, pl_json value) {
    if (out->n > 1)
        pl_buf_add_char(out, ',');
    pl_json_write_string(out, key);
    pl_buf_add_char(out, ':');
    if (pl_json_is_array(value)) {
        pl_json_write(out, value);
        return;
    }
    pl_buf_add_char(out, '[');
    pl_json_write_string(out, pl_json_str(value));
    pl_buf_add_char(out, ']');
}

/* {"key":"value"} and {"key":["value"]}. */
static int write_tag_object(struct parsing *p, pl_json tags) {
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(tags); pl_json_step(&w, &key, &value);) {
        pl_str none;
        pl_json element;
        for (pl_json_walk v = pl_json_children(value); pl_json_step(&v, &none, &element);)
            if (!pl_json_is_string(element))
                return refuse(p, "tags", "values must be strings");
        if (!pl_json_is_array(value) && !writable_tag(value))
            return refuse(p, "tags", "values must be strings");
        write_tag(&p->scratch, key, value);
    }
    return 0;
}

/* [{"TagKey":"key","TagValue":"value"}], also with Key/Value and tagKey/tagValue. */
static int write_tag_list(struct parsing *p, pl_json tags) {
    pl_str none;
    pl_json element;
    for (pl_json_walk w = pl_json_children(tags); pl_json_step(&w, &none, &element);) {
        pl_json key = member(element, "TagKey", "tagKey", "Key");
        pl_json value = member(element, "TagValue", "tagValue", "Value");
        if (!pl_json_is_string(key) || !writable_tag(value))
            return refuse(p, "tags", "a list must hold objects with TagKey and TagValue");
        write_tag(&p->scratch, pl_json_text(key), value);
    }
    return 0;
}

static int take_tags(struct parsing *p, pl_json node, inventory_item *item) {
    item->tags = PL_STR("{}");
    if (pl_json_is_string(node)) {
        if (pl_str_trim(pl_json_text(node)).n == 0)
            return 0;
        if (parse_text(p, "tags", pl_json_text(node), &node) != 0)
            return -1;
    }
    if (!pl_json_exists(node) || pl_json_is_null(node) || pl_json_count(node) == 0)
        return 0;
    pl_buf_clear(&p->scratch);
    pl_buf_add_char(&p->scratch, '{');
    if (!pl_json_is_object(node) && !pl_json_is_array(node))
        return refuse(p, "tags", "must be an object, a list, or JSON text of one");
    if ((pl_json_is_object(node) ? write_tag_object(p, node) : write_tag_list(p, node)) != 0)
        return -1;
    pl_buf_add_char(&p->scratch, '}');
    if (p->scratch.n > INVENTORY_MAX_TAGS_TEXT)
        return refuse(p, "tags", "are too large");
    item->tags = pl_arena_copy(p->arena, pl_buf_str(&p->scratch));
    return item->tags.p && !p->scratch.failed ? 0 : out_of_memory(p);
}

/* Length before bytes, so that no two different items look alike. */
static void hash_part(pl_buf *out, pl_str part) {
    uint64_t length = part.n;
    pl_buf_add(out, pl_str_of((const char *)&length, sizeof length));
    pl_buf_add(out, part);
}

/* Writes the configuration compactly and hashes it together with all that counts as content. */
static int finish_content(struct parsing *p, inventory_item *item) {
    unsigned char digest[PL_SHA256_SIZE];
    pl_buf_clear(&p->scratch);
    pl_json_write(&p->scratch, item->configuration);
    if (p->scratch.n > INVENTORY_MAX_CONFIGURATION)
        return refuse(p, "configuration", "is larger than 1 MiB");
    if (pl_json_exists(item->configuration)) {
        item->configuration_text = pl_arena_copy(p->arena, pl_buf_str(&p->scratch));
        if (!item->configuration_text.p)
            return out_of_memory(p);
    }
    hash_part(&p->scratch, item->name);
    hash_part(&p->scratch, item->status);
    hash_part(&p->scratch, item->group_id);
    hash_part(&p->scratch, item->zone);
    hash_part(&p->scratch, item->tags);
    pl_buf_add(&p->scratch, pl_str_of((const char *)&item->create_time, sizeof item->create_time));
    if (p->scratch.failed || pl_sha256(pl_buf_str(&p->scratch), digest) != 0)
        return out_of_memory(p);
    memcpy(item->hash, digest, INVENTORY_HASH_SIZE);
    return 0;
}

static int take_account(struct parsing *p, pl_json node, inventory_item *item) {
    const inventory_defaults *d = p->defaults;
    pl_json sent = member(node, "accountId", "AccountId", "ResourceOwnerId");
    if (take_text(p, sent, "accountId", &item->account_id) != 0)
        return -1;
    if (item->account_id.n == 0)
        item->account_id = d->account_id;
    if (item->account_id.n == 0)
        return refuse(p, "accountId", "is missing, and there is no account to take for it");
    if (pl_str_eq(item->account_id, d->account_id))
        return 0;
    if (d->accepts_account && d->accepts_account(d->context, item->account_id))
        return 0;
    pl_failf(p->error, PL_E_Invalid_AccountId_Value,
             "ConfigurationItems[%zu].accountId: the account is not one of yours.", p->index);
    p->error->position = p->index;
    return -1;
}

/* `resourceEventType` REMOVE, or the snapshot's mark of a deleted resource (0: deleted, 1: kept). */
static int take_event(struct parsing *p, pl_json node, inventory_item *item) {
    static const char *const known[] = {"",       "DISCOVERED",     "DISCOVERED_REVISED",
                                        "MODIFY", "MODIFY_REVISED", "REMOVE"};
    pl_str event, deleted;
    if (take_text(p, member(node, "resourceEventType", "ResourceEventType", NULL), "resourceEventType",
                  &event) != 0 ||
        take_text(p, member(node, "resourceDeleted", "ResourceDeleted", NULL), "resourceDeleted", &deleted) !=
            0)
        return -1;
    item->removal = pl_str_is(event, "REMOVE") || pl_str_is(deleted, "0");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (pl_str_is(event, known[i]))
            return 0;
    return refuse(p, "resourceEventType", "must be DISCOVERED, MODIFY or REMOVE");
}

static int take_identity(struct parsing *p, pl_json node, inventory_item *item) {
    if (take_account(p, node, item) != 0 ||
        take_required(p, member(node, "resourceType", "ResourceType", NULL), "resourceType",
                      &item->resource_type) != 0 ||
        take_required(p, member(node, "resourceId", "ResourceId", NULL), "resourceId", &item->resource_id) !=
            0 ||
        take_text(p, member(node, "regionId", "Region", "region"), "regionId", &item->region_id) != 0)
        return -1;
    if (item->region_id.n == 0)
        item->region_id = PL_STR("global");
    return p->defaults->catalogue
               ? catalogue_spell_type(p->defaults->catalogue, &item->resource_type, p->error)
               : 0;
}

static int take_attributes(struct parsing *p, pl_json node, inventory_item *item) {
    if (take_text(p, member(node, "resourceName", "ResourceName", NULL), "resourceName", &item->name) != 0 ||
        take_text(p, member(node, "resourceStatus", "ResourceStatus", NULL), "resourceStatus",
                  &item->status) != 0 ||
        take_text(p, member(node, "resourceGroupId", "ResourceGroupId", NULL), "resourceGroupId",
                  &item->group_id) != 0 ||
        take_text(p, member(node, "availabilityZone", "AvailabilityZone", NULL), "availabilityZone",
                  &item->zone) != 0 ||
        take_time(p, member(node, "resourceCreateTime", "ResourceCreateTime", "ResourceCreationTime"),
                  "resourceCreateTime", &item->create_time) != 0)
        return -1;
    return take_time(p, member(node, "captureTime", "CaptureTime", NULL), "captureTime", &item->capture_time);
}

static int parse_one(struct parsing *p, pl_json node, inventory_item *item) {
    *item = (inventory_item){.configuration = PL_JSON_NONE};
    if (!pl_json_is_object(node)) {
        pl_failf(p->error, PL_E_Invalid_ConfigurationItems_Value,
                 "ConfigurationItems[%zu]: must be an object.", p->index);
        p->error->position = p->index;
        return -1;
    }
    if (take_identity(p, node, item) != 0 || take_attributes(p, node, item) != 0 ||
        take_event(p, node, item) != 0 || take_tags(p, member(node, "tags", "Tags", NULL), item) != 0 ||
        take_configuration(p, member(node, "configuration", "Configuration", NULL), item) != 0)
        return -1;
    return finish_content(p, item);
}

static void begin(struct parsing *p, pl_arena *arena, const inventory_defaults *defaults, pl_error *error) {
    *p = (struct parsing){.arena = arena, .defaults = defaults, .error = error};
    pl_buf_init(&p->scratch, 4 * INVENTORY_MAX_CONFIGURATION);
}

static void end(struct parsing *p) {
    pl_buf_free(&p->scratch);
    pl_json_parser_free(p->parser);
}

int inventory_parse(pl_arena *arena, pl_json root, const inventory_defaults *defaults, inventory_item **items,
                    size_t *count, pl_error *error) {
    size_t n = pl_json_count(root);
    if (!pl_json_is_array(root))
        return pl_failf(error, PL_E_Invalid_ConfigurationItems_Value, "ConfigurationItems must be an array.");
    if (n == 0)
        return pl_fail(error, PL_E_Invalid_ConfigurationItems_Empty);
    if (n > INVENTORY_MAX_ITEMS)
        return pl_fail(error, PL_E_Invalid_ConfigurationItems_SizeExceed);
    struct parsing p;
    begin(&p, arena, defaults, error);
    *items = pl_new(arena, inventory_item, n);
    int status = *items ? 0 : out_of_memory(&p);
    pl_str none;
    pl_json node;
    for (pl_json_walk w = pl_json_children(root); status == 0 && pl_json_step(&w, &none, &node); p.index++)
        status = parse_one(&p, node, *items + p.index);
    *count = n;
    end(&p);
    return status;
}

int inventory_parse_item(pl_arena *arena, pl_json node, const inventory_defaults *defaults, size_t index,
                         inventory_item *item, pl_error *error) {
    struct parsing p;
    begin(&p, arena, defaults, error);
    p.index = index;
    int status = parse_one(&p, node, item);
    end(&p);
    return status;
}

pl_str inventory_event_name(inventory_event event) {
    static const pl_str names[] = {PL_STR_INIT(""), PL_STR_INIT("DISCOVERED"), PL_STR_INIT("MODIFY"),
                                   PL_STR_INIT("REMOVE")};
    return names[event];
}

bool inventory_has_tag(pl_json tags, pl_str key, pl_str value) {
    pl_str none;
    pl_json element, values = pl_json_get(tags, key);
    if (!pl_json_exists(values))
        return false;
    if (value.n == 0)
        return true;
    for (pl_json_walk w = pl_json_children(values); pl_json_step(&w, &none, &element);)
        if (pl_str_eq(pl_json_str(element), value))
            return true;
    return false;
}

/* Appends tags as an object of key to first value, as CONFIGURATION_ITEM shows them. */
static void write_plain_tags(pl_buf *out, pl_json tags) {
    pl_str key;
    pl_json values;
    char separator = '{';
    for (pl_json_walk w = pl_json_children(tags); pl_json_step(&w, &key, &values); separator = ',') {
        pl_buf_add_char(out, separator);
        pl_json_write_string(out, key);
        pl_buf_add_char(out, ':');
        pl_json_write_string(out, pl_json_str(pl_json_at(values, 0)));
    }
    if (separator == '{')
        pl_buf_add_char(out, '{');
    pl_buf_add_char(out, '}');
}

static void write_member(pl_buf *out, const char *name, pl_str value) {
    pl_buf_printf(out, "%s\"%s\":", out->p[out->n - 1] == '{' ? "" : ",", name);
    pl_json_write_string(out, value);
}

inventory_resource inventory_resource_of(const inventory_item *item) {
    return (inventory_resource){.account_id = item->account_id,
                                .resource_type = item->resource_type,
                                .region_id = item->region_id,
                                .resource_id = item->resource_id,
                                .name = item->name,
                                .status = item->status,
                                .group_id = item->group_id,
                                .zone = item->zone,
                                .create_time = item->create_time,
                                .tags = item->tags,
                                .configuration = item->configuration_text};
}

void inventory_write_item(pl_buf *out, const inventory_resource *r, pl_json tags) {
    pl_buf_add_char(out, '{');
    if (out->failed)
        return;
    write_member(out, "accountId", r->account_id);
    write_member(out, "regionId", r->region_id);
    write_member(out, "availabilityZone", r->zone);
    write_member(out, "resourceId", r->resource_id);
    write_member(out, "resourceName", r->name);
    write_member(out, "resourceStatus", r->status);
    write_member(out, "resourceType", r->resource_type);
    write_member(out, "resourceGroupId", r->group_id);
    pl_buf_printf(out, ",\"resourceCreateTime\":%lld,\"tags\":", (long long)r->create_time);
    write_plain_tags(out, tags);
    pl_buf_add_char(out, '}');
}
