/* Laying tried policies over stored ones: the stored documents and the tried ones are compiled together. */
#include "identity/overlay.h"

#include "identity/entities.h"

#define EVERYTHING                                                                                           \
    PL_STR("{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}")

void identity_overlay_init(identity_overlay *overlay) {
    overlay->level_count = 0;
    overlay->identity = NULL;
}

void identity_overlay_close(identity_overlay *overlay) {
    for (size_t i = 0; i < overlay->level_count; i++)
        pl_policy_set_release(overlay->sets[i]);
    pl_policy_set_release(overlay->identity);
}

typedef struct sources {
    pl_arena *arena;
    pl_policy_source *items;
    size_t count, capacity;
} sources;

static int add(sources *list, pl_policy_kind kind, pl_str name, pl_str text, pl_error *error) {
    pl_policy_source *items =
        pl_arena_grow(list->arena, list->items, list->count, &list->capacity, sizeof *items);
    if (!items)
        return pl_fail(error, PL_E_ServiceUnavailable);
    list->items = items;
    items[list->count++] = (pl_policy_source){kind, name, text};
    return 0;
}

static bool replaced(pl_str name, const identity_trials *trials, pl_str node_id) {
    for (size_t i = 0; i < trials->count; i++) {
        const identity_trial *trial = &trials->items[i];
        if (trial->replaces.n && pl_str_eq(trial->replaces, name) &&
            (trial->document.p || pl_str_eq(trial->target_id, node_id)))
            return true;
    }
    return false;
}

/* The stored policies of a set, but for those that a trial replaces or takes off the node. */
static int add_stored(sources *list, const pl_policy_set *set, const identity_trials *trials, pl_str node_id,
                      pl_error *error) {
    for (size_t i = 0; set && i < pl_policy_set_count(set); i++) {
        const pl_policy *policy = pl_policy_set_policy(set, i);
        pl_str name = pl_policy_set_name(set, i);
        if (!replaced(name, trials, node_id) && add(list, policy->kind, name, policy->text, error) != 0)
            return -1;
    }
    return 0;
}

/* `code` is what a malformed document is refused with; the reader's message names its place. */
static int compile(identity *room, const sources *list, pl_error_code code, pl_policy_set **set,
                   pl_error *error) {
    size_t bad = 0;
    pl_error reason;
    if (pl_policy_set_compile(list->items, list->count, room->seed, set, &bad, &reason) == 0)
        return 0;
    *set = NULL;
    if (pl_error_is(&reason, PL_E_ServiceUnavailable)) {
        *error = reason;
        return -1;
    }
    pl_str name = bad < list->count ? list->items[bad].name : PL_STR_NONE;
    return pl_failf(error, code, "The policy %.*s is invalid: %s", PL_FMT(name), reason.message);
}

int identity_overlay_identity(identity_overlay *overlay, identity_authority *a, identity *room,
                              pl_arena *arena, const identity_trials *trials, pl_error *error) {
    sources list = {.arena = arena};
    if (trials->count == 0 && !trials->instead)
        return 0;
    if (!trials->instead && add_stored(&list, a->sides.identity, trials, PL_STR(""), error) != 0)
        return -1;
    for (size_t i = 0; i < trials->count; i++)
        if (add(&list, PL_POLICY_IDENTITY, trials->items[i].name, trials->items[i].document, error) != 0)
            return -1;
    if (compile(room, &list, PL_E_Invalid_IdentityPolicies_Value, &overlay->identity, error) != 0)
        return -1;
    a->sides.identity = overlay->identity;
    return 0;
}

/* --- Control policies --------------------------------------------------------------------------------------
 */

/* One level on its way to being tried. `stored` NULL with `open`: a node before control policies are enabled.
 */
typedef struct level {
    pl_str id;
    const pl_policy_set *stored;
    bool open;
} level;

typedef struct levels {
    level items[PL_DECISION_MAX_LEVELS];
    size_t count;
} levels;

/* From the account upwards, then turned round. */
static void walk_up(levels *all, const org_node *node) {
    for (; node && all->count < PL_DECISION_MAX_LEVELS; node = node->parent)
        all->items[all->count++] = (level){.id = node->id, .open = true};
    for (size_t i = 0; i < all->count / 2; i++) {
        level swapped = all->items[i];
        all->items[i] = all->items[all->count - 1 - i];
        all->items[all->count - 1 - i] = swapped;
    }
}

static void find_levels(levels *all, const identity_authority *a, pl_str owner_id) {
    all->count = 0;
    for (size_t i = 0; i < a->sides.control_count && i < PL_DECISION_MAX_LEVELS; i++)
        all->items[all->count++] = (level){.id = a->sides.control[i].id, .stored = a->sides.control[i].set};
    if (all->count)
        return;
    walk_up(all, a->view ? org_find_node(a->view, owner_id) : NULL);
    if (all->count == 0)
        all->items[all->count++] = (level){.id = owner_id, .open = true};
}

static int fill_level(sources *list, const levels *all, size_t at, const identity_trials *trials,
                      pl_error *error) {
    const level *node = &all->items[at];
    if (node->open && add(list, PL_POLICY_SYSTEM, PL_STR("cp-FullAliyunAccess"), EVERYTHING, error) != 0)
        return -1;
    if (add_stored(list, node->stored, trials, node->id, error) != 0)
        return -1;
    for (size_t i = 0; i < trials->count; i++) {
        const identity_trial *trial = &trials->items[i];
        bool here = trial->target_id.n ? pl_str_eq(trial->target_id, node->id) : at + 1 == all->count;
        if (here && trial->document.p &&
            add(list, PL_POLICY_CONTROL, trial->name, trial->document, error) != 0)
            return -1;
    }
    return 0;
}

static int fill_given(sources *list, size_t at, const identity_trials *trials, pl_error *error) {
    for (size_t i = 0; i < trials->count; i++)
        if (trials->level_of[i] == at &&
            add(list, PL_POLICY_CONTROL, trials->items[i].name, trials->items[i].document, error) != 0)
            return -1;
    return 0;
}

/* Given levels are the nodes from the root folder down where their numbers agree. */
static void name_given(levels *all, pl_arena *arena, const identity_trials *trials) {
    size_t count =
        trials->level_count < PL_DECISION_MAX_LEVELS ? trials->level_count : PL_DECISION_MAX_LEVELS;
    if (all->count == count)
        return;
    for (all->count = 0; all->count < count; all->count++)
        all->items[all->count] = (level){.id = pl_arena_printf(arena, "level-%zu", all->count + 1)};
}

int identity_overlay_control(identity_overlay *overlay, identity_authority *a, identity *room,
                             pl_arena *arena, pl_str owner_id, const identity_trials *trials,
                             pl_error *error) {
    levels all;
    if (trials->count == 0 && !trials->instead)
        return 0;
    find_levels(&all, a, owner_id);
    if (trials->instead)
        name_given(&all, arena, trials);
    for (size_t i = 0; i < all.count; i++) {
        sources list = {.arena = arena};
        int filled =
            trials->instead ? fill_given(&list, i, trials, error) : fill_level(&list, &all, i, trials, error);
        if (filled != 0 ||
            compile(room, &list, PL_E_Invalid_ControlPolicies_Value, &overlay->sets[i], error) != 0)
            return -1;
        overlay->levels[i] = (pl_control_level){all.items[i].id, overlay->sets[i]};
        overlay->level_count = i + 1;
    }
    a->sides.control = overlay->levels;
    a->sides.control_count = overlay->level_count;
    return 0;
}

/* --- Principals by ARN
 * --------------------------------------------------------------------------------------
 */

typedef struct arn_lookup {
    identity_scope scope;
    pl_str kind, name, session; /* "user" or "role" */
    identity_caller *caller;
} arn_lookup;

static int find_principal(store_session *session, void *argument, pl_error *error) {
    arn_lookup *l = argument;
    identity_user user;
    identity_role role;
    l->scope.session = session;
    if (pl_str_is(l->kind, "user")) {
        if (identity_user_find(&l->scope, l->name, &user, error) != 0)
            return -1;
        l->caller->kind = IDENTITY_USER;
        l->caller->principal_id = user.id;
        l->caller->name = user.name;
        return 0;
    }
    if (identity_role_find(&l->scope, l->name, &role, error) != 0)
        return -1;
    l->caller->kind = role.service_linked ? IDENTITY_SERVICE : IDENTITY_ASSUMED_ROLE;
    l->caller->principal_id = role.id;
    l->caller->name = role.name;
    l->caller->session_name = l->session;
    return 0;
}

static int refuse(pl_str arn, pl_error *error) {
    return pl_failf(error, PL_E_Invalid_PrincipalArn_Value, "The principal %.*s does not exist.",
                    PL_FMT(arn));
}

int identity_caller_of_arn(identity *room, pl_arena *arena, pl_str arn, identity_caller *caller,
                           pl_error *error) {
    pl_str rest = arn, acs, code, region, account_id;
    *caller = (identity_caller){.arn = arn};
    arn_lookup l = {.scope = {.room = room, .arena = arena}, .caller = caller};
    if (!pl_str_split(&rest, ':', &acs) || !pl_str_split(&rest, ':', &code) ||
        !pl_str_split(&rest, ':', &region) || !pl_str_split(&rest, ':', &account_id) || !rest.n ||
        !pl_str_is(acs, "acs") || !pl_str_is(code, "ram"))
        return refuse(arn, error);
    caller->account_id = l.scope.account_id = account_id;
    if (pl_str_is(rest, "root")) {
        caller->kind = IDENTITY_ROOT;
        caller->principal_id = account_id;
        return 0;
    }
    if (!pl_str_split(&rest, '/', &l.kind) || !pl_str_split(&rest, '/', &l.name) ||
        (!pl_str_is(l.kind, "user") && !pl_str_is(l.kind, "role")))
        return refuse(arn, error);
    l.session = rest;
    if (store_read(room->config.store, find_principal, &l, error) == 0)
        return 0;
    return pl_error_is(error, PL_E_EntityNotExist_User) || pl_error_is(error, PL_E_EntityNotExist_Role)
               ? refuse(arn, error)
               : -1;
}
