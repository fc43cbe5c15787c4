/* What all makers of files read of a request, and whether they are to go on. */
#include "reports/produce.h"

#include "json/parser.h"

int produce_no_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

int produce_list(making *m, const char *name, pl_str **items, size_t *count, pl_error *error) {
    pl_json list = pl_json_get(m->request, pl_str_from(name)), item;
    pl_str unused;
    *count = 0;
    *items = pl_new(m->arena, pl_str, pl_json_count(list) + 1);
    if (!*items)
        return produce_no_memory(error);
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &unused, &item);)
        (*items)[(*count)++] = pl_json_str(item);
    return 0;
}

bool produce_has(const pl_str *items, size_t count, pl_str text) {
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq(items[i], text))
            return true;
    return false;
}

static int own_account(making *m, reports_owner *out, pl_error *error) {
    pl_str *account = pl_new(m->arena, pl_str, 1);
    if (!account)
        return produce_no_memory(error);
    *account = m->file->account_id;
    *out = (reports_owner){{m->file->account_id, PL_STR_NONE}, account, 1};
    return 0;
}

int produce_owner(making *m, pl_str aggregator_id, reports_owner *out, bool *found, pl_error *error) {
    const reports_config *config = &m->r->config;
    *found = true;
    if (aggregator_id.n == 0)
        return own_account(m, out, error);
    *found = false;
    if (!config->find_group)
        return 0;
    return config->find_group(config->context, m->session, m->arena, m->file->account_id, aggregator_id, out,
                              found, error);
}

int produce_check_stop(making *m, pl_error *error) {
    if (!store_workers_stopping(m->r->maker))
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable, "The server is being stopped.");
}
