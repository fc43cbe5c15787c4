/* Steps that changes of every kind share: new ids, and what the caller's own account and folders are. */
#include "org/work.h"

static const pl_str alphabet = PL_STR_INIT("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

int org_random_id(const org_change *change, const char *prefix, size_t count, pl_str *id, pl_error *error) {
    char text[65];
    if (count > 64 || pl_random_text(&change->org->config.random, text, count, alphabet))
        return pl_failf(error, PL_E_ServiceUnavailable, "No randomness can be had.");
    *id = pl_arena_printf(change->caller->arena, "%s%.*s", prefix, (int)count, text);
    return id->p ? 0 : org_no_memory(error);
}

int org_account_name(const org_change *change, pl_str *name, pl_error *error) {
    const org_hooks *hooks = &change->org->hooks;
    pl_str id = change->caller->account_id;
    bool found = false;
    if (hooks->find_account &&
        hooks->find_account(hooks->context, change->session, change->caller->arena, id, &found, name, error))
        return -1;
    if (!found || name->n == 0)
        *name = id;
    return 0;
}

const org_node *org_own_folder(const org_change *change, pl_str folder_id) {
    if (folder_id.n == 0)
        return change->directory->root;
    const org_node *node = org_find_node(change->before, folder_id);
    return node && !node->account && node->directory == change->directory ? node : NULL;
}
