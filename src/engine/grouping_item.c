/* A recorded resource as the configuration item that moves it: it says the same but for the group. */
#include "engine/grouping_work.h"

#include "json/parser.h"

static void add_member(pl_buf *out, const char *name, pl_str value) {
    pl_buf_printf(out, "\"%s\":", name);
    pl_json_write_string(out, value);
    pl_buf_add_char(out, ',');
}

void engine_write_moved(pl_buf *out, const inventory_resource *r, pl_str group_id) {
    pl_buf_add(out, out->n ? PL_STR(",{") : PL_STR("[{"));
    add_member(out, "accountId", r->account_id);
    add_member(out, "resourceType", r->resource_type);
    add_member(out, "resourceId", r->resource_id);
    add_member(out, "regionId", r->region_id);
    add_member(out, "resourceName", r->name);
    add_member(out, "resourceStatus", r->status);
    add_member(out, "availabilityZone", r->zone);
    add_member(out, "resourceGroupId", group_id);
    pl_buf_printf(out, "\"resourceCreateTime\":%lld,", (long long)r->create_time);
    if (r->configuration.n > 0) {
        pl_buf_add(out, PL_STR("\"configuration\":"));
        pl_buf_add(out, r->configuration);
        pl_buf_add_char(out, ',');
    }
    pl_buf_add(out, PL_STR("\"tags\":"));
    pl_buf_add(out, r->tags);
    pl_buf_add_char(out, '}');
}

static bool any_account(void *context, pl_str account_id) {
    (void)context;
    (void)account_id;
    return true;
}

int engine_parse_moved(pl_arena *arena, pl_buf *list, inventory_item **items, size_t *count,
                       pl_error *error) {
    inventory_defaults defaults = {.account_id = PL_STR(""), .accepts_account = any_account};
    pl_json root;
    pl_buf_add_char(list, ']');
    pl_str text = list->failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(list));
    if (!text.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return pl_json_parse_in(arena, text, &root, error) ||
                   inventory_parse(arena, root, &defaults, items, count, error)
               ? -1
               : 0;
}
