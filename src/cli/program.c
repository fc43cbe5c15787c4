/*
 * Putting the rooms together. Rooms of one floor do not know each other: what they have to tell one another
 * (a member account was created, an account joined a group) goes through the functions here.
 */
#include "cli/program.h"

#include "api/client_token.h"
#include "catalogue/catalogue.h"
#include "engine/packs.h"
#include "engine/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

api_limits program_limits(bool strict) {
    if (strict)
        return (api_limits){.strict = true,
                            .rules_per_account = 200,
                            .packs_per_account = 5,
                            .account_groups = 5,
                            .accounts_per_group = 200,
                            .folder_depth = 5,
                            .folders_per_directory = 100,
                            .accounts_per_directory = 20,
                            .control_policies = 1500,
                            .policies_per_target = 10,
                            .invitations_per_day = 20,
                            .resource_groups = 30,
                            .switch_interval = 300000,
                            .delivery_channels = DELIVERY_CHANNELS_PER_OWNER,
                            .calls_per_second = 100};
    return (api_limits){.rules_per_account = 10000,
                        .packs_per_account = 1000,
                        .account_groups = 200,
                        .accounts_per_group = 10000,
                        .folder_depth = 5,
                        .folders_per_directory = 10000,
                        .accounts_per_directory = 10000,
                        .control_policies = 1500,
                        .policies_per_target = 10,
                        .invitations_per_day = 20,
                        .resource_groups = 30,
                        .delivery_channels = 100};
}

const char *program_data_directory(const char *option) {
    const char *environment = getenv("PLUMBLINE_DATA");
    if (option)
        return option;
    return environment && *environment ? environment : "plumbline-data";
}

/* --- What org tells identity and engine ------------------------------------------------------------------
 */

static int account_created(void *context, store_session *session, const org_new_account *account, int64_t now,
                           pl_error *error) {
    org_hooks identities = {.context = NULL};
    identity_org_hooks(((program *)context)->identity, &identities);
    return identities.create_account(identities.context, session, account, now, error);
}

static int account_found(void *context, store_session *session, pl_arena *arena, pl_str account_id,
                         bool *found, pl_str *name, pl_error *error) {
    org_hooks identities = {.context = NULL};
    identity_org_hooks(((program *)context)->identity, &identities);
    return identities.find_account(identities.context, session, arena, account_id, found, name, error);
}

static int root_key_active(void *context, store_session *session, pl_str account_id, bool *active,
                           pl_error *error) {
    org_hooks identities = {.context = NULL};
    identity_org_hooks(((program *)context)->identity, &identities);
    return identities.root_key_active(identities.context, session, account_id, active, error);
}

/* Changes of rules and packs as the account `owner_id` itself makes them. */
static engine_context changes_of(program *p, pl_arena *arena, pl_str owner_id, int64_t now) {
    return (engine_context){.engine = p->engine,
                            .catalogue = p->catalogue,
                            .random = p->services.random,
                            .arena = arena,
                            .now = now,
                            .strict = p->options.limits.strict,
                            .rules_limit = p->options.limits.rules_per_account,
                            .packs_limit = p->options.limits.packs_per_account,
                            .creator_id = owner_id};
}

static int remove_rules(program *p, store_session *session, const engine_group *group, int64_t now,
                        pl_error *error) {
    pl_arena arena;
    pl_arena_init(&arena, 0);
    engine_context changes = changes_of(p, &arena, group->owner_id, now);
    int result = engine_pack_remove_all(&changes, session, group, error) == 0
                     ? engine_rule_remove_all(&changes, session, group, error)
                     : -1;
    pl_arena_free(&arena);
    return result;
}

static int account_deleted(void *context, store_session *session, pl_str account_id, int64_t now,
                           pl_error *error) {
    program *p = context;
    engine_group own = {account_id, PL_STR("")};
    if (remove_rules(p, session, &own, now, error) != 0 ||
        functions_delete_account(session, account_id, error) != 0 ||
        inventory_delete_account(session, account_id, error) != 0 ||
        inventory_recorder_delete(session, account_id, error) != 0 ||
        api_client_tokens_forget(session, account_id, error) != 0)
        return -1;
    if (engine_delete_account(p->engine, session, account_id, error) != 0 ||
        delivery_delete_owner(session, account_id, PL_STR(""), error) != 0 ||
        reports_delete_account(session, account_id, error) != 0)
        return -1;
    return identity_account_delete(p->identity, session, account_id, error);
}

static int account_changed(void *context, store_session *session, pl_str account_id, int64_t now,
                           pl_error *error) {
    return engine_account_changed(((program *)context)->engine, session, account_id, now, error);
}

static int group_deleted(void *context, store_session *session, pl_str owner_id, pl_str group_id, int64_t now,
                         pl_error *error) {
    engine_group group = {owner_id, group_id};
    return remove_rules(context, session, &group, now, error) == 0
               ? delivery_delete_owner(session, owner_id, group_id, error)
               : -1;
}

static void committed(void *context) {
    engine_after_commit(((program *)context)->engine);
}

/* --- What the engine asks org ----------------------------------------------------------------------------
 */

static int groups_of(void *context, store_session *session, pl_arena *arena, pl_str account_id,
                     engine_group **groups, size_t *count, pl_error *error) {
    const org_view *view = org_view_open(((program *)context)->org, session, error);
    if (!view)
        return -1;
    const org_group *const *found = org_groups_of(view, account_id, count);
    *groups = pl_new(arena, engine_group, *count + 1);
    for (size_t i = 0; *groups && i < *count; i++)
        (*groups)[i] =
            (engine_group){pl_arena_copy(arena, found[i]->owner_id), pl_arena_copy(arena, found[i]->id)};
    org_view_close(view);
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static int members_of(void *context, store_session *session, pl_arena *arena, engine_group group,
                      pl_str **accounts, size_t *count, pl_error *error) {
    const org_view *view = org_view_open(((program *)context)->org, session, error);
    if (!view)
        return -1;
    const org_group *found = org_find_group(view, group.owner_id, group.aggregator_id, NULL);
    *count = found ? found->member_count : 0;
    *accounts = pl_new(arena, pl_str, *count + 1);
    for (size_t i = 0; *accounts && i < *count; i++)
        (*accounts)[i] = pl_arena_copy(arena, found->members[i].account_id);
    org_view_close(view);
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static int in_folder(void *context, store_session *session, pl_str account_id, pl_str folder_id, bool *inside,
                     pl_error *error) {
    const org_view *view = org_view_open(((program *)context)->org, session, error);
    if (!view)
        return -1;
    *inside = org_in_folder(view, account_id, folder_id);
    org_view_close(view);
    return 0;
}

/* --- What delivery asks the engine -------------------------------------------------------------------------
 */

static int read_results(void *context, store_session *session, pl_arena *arena, pl_str owner_id,
                        pl_str aggregator_id, pl_str after, delivery_result **results, size_t *count,
                        pl_str *next, pl_error *error) {
    return engine_read_results(((program *)context)->engine, session, arena, owner_id, aggregator_id, after,
                               results, count, next, error);
}

/* --- What reports ask org --------------------------------------------------------------------------------
 */

static int copy_members(pl_arena *arena, const org_group *group, pl_str viewer, bool owns, reports_owner *out,
                        pl_error *error) {
    size_t count = owns ? group->member_count : 1;
    pl_str *accounts = pl_new(arena, pl_str, count + 1);
    for (size_t i = 0; accounts && i < count; i++)
        accounts[i] = pl_arena_copy(arena, owns ? group->members[i].account_id : viewer);
    *out = (reports_owner){
        {pl_arena_copy(arena, group->owner_id), pl_arena_copy(arena, group->id)}, accounts, count};
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

/* Whoever manages the group sees all members, a member itself alone. */
static int find_group(void *context, store_session *session, pl_arena *arena, pl_str account_id,
                      pl_str aggregator_id, reports_owner *out, bool *found, pl_error *error) {
    const org_view *view = org_view_open(((program *)context)->org, session, error);
    if (!view)
        return -1;
    bool owns = false;
    const org_group *group = org_find_group(view, account_id, aggregator_id, &owns);
    *found = group != NULL;
    int result = group ? copy_members(arena, group, account_id, owns, out, error) : 0;
    org_view_close(view);
    return result;
}

/* --- Opening ---------------------------------------------------------------------------------------------
 */

static int make_directory(const char *path, pl_error *error) {
    struct stat found;
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno == EEXIST && stat(path, &found) == 0) {
        if (S_ISDIR(found.st_mode))
            return 0;
        errno = ENOTDIR;
    }
    return pl_failf(error, PL_E_ServiceUnavailable, "data directory %s: %s", path, strerror(errno));
}

const char *program_store_url(const char *option, const char *data, char *path, size_t size) {
    const char *environment = getenv("PLUMBLINE_STORE");
    const char *url = option ? option : environment;
    if (url && *url)
        return url;
    snprintf(path, size, "%s/plumbline.db", data);
    return path;
}

/* Who holds the lock, as it wrote itself. */
static int refuse_second(int file, const char *path, pl_error *error) {
    char holder[64] = "";
    ssize_t n = pread(file, holder, sizeof holder - 1, 0);
    holder[n > 0 ? strcspn(holder, "\n") : 0] = '\0';
    close(file);
    return pl_failf(error, PL_E_ServiceUnavailable,
                    "a server is running on this database already (process %s, lock %s)",
                    *holder ? holder : "unknown", path);
}

/*
 * One server on a SQLite database. The kernel gives the lock back when the process ends, however it ends; the
 * file stays.
 */
static int lock_store(program *p, const char *url, pl_error *error) {
    char path[PATH_SIZE + 8], text[32];
    const char *database = strncmp(url, "sqlite:", 7) == 0 ? url + 7 : url;
    if (!p->options.alone || strstr(database, "://"))
        return 0;
    snprintf(path, sizeof path, "%s.lock", database);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", path, strerrordesc_np(errno));
    if (flock(file, LOCK_EX | LOCK_NB) != 0)
        return refuse_second(file, path, error);
    p->lock = file;
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(file, 0) != 0 || pwrite(file, text, (size_t)n, 0) != n)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", path, strerrordesc_np(errno));
    return 0;
}

static int open_store(program *p, pl_error *error) {
    char path[PATH_SIZE];
    const char *url = program_store_url(p->options.store_url, p->options.data, path, sizeof path);
    store_options options = {.log = &p->options.log};
    if (lock_store(p, url, error) != 0)
        return -1;
    return store_open(&p->store, pl_str_from(url), &options, error);
}

static int open_org(program *p, pl_error *error) {
    const api_limits *limits = &p->options.limits;
    org_config config = {
        .store = p->store, .clock = p->services.clock, .random = p->services.random, .log = &p->options.log};
    config.limits = (org_limits){.folders = limits->folders_per_directory,
                                 .folder_depth = limits->folder_depth,
                                 .accounts = limits->accounts_per_directory,
                                 .invitations_per_day = limits->invitations_per_day,
                                 .control_policies = limits->control_policies,
                                 .policies_per_target = limits->policies_per_target,
                                 .groups = limits->account_groups,
                                 .accounts_per_group = limits->accounts_per_group,
                                 .resource_groups = limits->resource_groups,
                                 .switch_interval = limits->switch_interval};
    return org_open(&p->org, &config, error);
}

static int open_identity(program *p, pl_error *error) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/secret.key", p->options.data);
    identity_config config = {.store = p->store,
                              .org = p->org,
                              .clock = p->services.clock,
                              .random = p->services.random,
                              .log = &p->options.log,
                              .key_file = path};
    return identity_open(&p->identity, &config, error);
}

/* What has no address goes below the data directory. */
static int open_delivery(program *p, pl_error *error) {
    delivery_config config = p->options.delivery;
    snprintf(p->delivery_directory, sizeof p->delivery_directory, "%s/delivered", p->options.data);
    config.store = p->store;
    config.org = p->org;
    config.catalogue = p->catalogue;
    config.clock = p->services.clock;
    config.random = p->services.random;
    config.log = &p->options.log;
    config.directory = config.directory ? config.directory : p->delivery_directory;
    config.results = read_results;
    config.results_context = p;
    return delivery_open(&p->delivery, &config, error);
}

static int open_engine(program *p, pl_error *error) {
    engine_config config = {.store = p->store,
                            .catalogue = p->catalogue,
                            .clock = p->services.clock,
                            .random = p->services.random,
                            .log = &p->options.log,
                            .workers = p->options.workers,
                            .strict = p->options.limits.strict,
                            .delivery = p->delivery};
    config.groups = (engine_groups){p, groups_of, members_of, in_folder};
    return engine_open(&p->engine, &config, error);
}

static int open_functions(program *p, pl_error *error) {
    functions_config config = p->options.functions;
    if (!p->options.with_functions)
        return 0;
    config.store = p->store;
    config.engine = p->engine;
    config.catalogue = p->catalogue;
    config.identity = p->identity;
    config.clock = p->services.clock;
    config.random = p->services.random;
    config.log = &p->options.log;
    config.program = "/proc/self/exe";
    return functions_open(&p->functions, &config, error);
}

static int open_remediation(program *p, pl_error *error) {
    remediation_config config = p->options.remediation;
    if (!p->options.with_functions)
        return 0;
    config.store = p->store;
    config.engine = p->engine;
    config.catalogue = p->catalogue;
    config.functions = p->functions;
    config.clock = p->services.clock;
    config.random = p->services.random;
    config.log = &p->options.log;
    return remediation_open(&p->remediation, &config, error);
}

static int open_reports(program *p, pl_error *error) {
    char scratch[PATH_SIZE], outbox[PATH_SIZE];
    if (!p->options.with_reports)
        return 0;
    snprintf(scratch, sizeof scratch, "%s/scratch", p->options.data);
    snprintf(outbox, sizeof outbox, "%s/outbox", p->options.data);
    reports_config config = {.store = p->store,
                             .engine = p->engine,
                             .catalogue = p->catalogue,
                             .clock = p->services.clock,
                             .random = p->services.random,
                             .log = &p->options.log,
                             .scratch = scratch,
                             .outbox = outbox,
                             .threads = true,
                             .find_group = find_group,
                             .context = p};
    return reports_open(&p->reports, &config, error);
}

static void connect_rooms(program *p) {
    org_hooks hooks = {.context = p,
                       .create_account = account_created,
                       .delete_account = account_deleted,
                       .find_account = account_found,
                       .root_key_active = root_key_active,
                       .account_changed = account_changed,
                       .group_deleted = group_deleted,
                       .committed = committed};
    org_set_hooks(p->org, &hooks);
    p->services.store = p->store;
    p->services.catalogue = p->catalogue;
    p->services.org = p->org;
    p->services.identity = p->identity;
    p->services.engine = p->engine;
    p->services.functions = p->functions;
    p->services.delivery = p->delivery;
    p->services.limits = &p->options.limits;
    p->services.log = &p->options.log;
    p->services.started = pl_now(&p->services.clock);
}

int program_open(program *p, const program_options *options, pl_error *error) {
    *p = (program){.options = *options, .lock = -1};
    p->services.clock = pl_clock_system();
    p->services.random = pl_random_system();
    if (make_directory(options->data, error) == 0 &&
        catalogue_open(&p->catalogue, options->catalogue, error) == 0 && open_store(p, error) == 0 &&
        open_org(p, error) == 0 && open_identity(p, error) == 0 && open_delivery(p, error) == 0 &&
        open_engine(p, error) == 0 && open_functions(p, error) == 0 && open_remediation(p, error) == 0 &&
        open_reports(p, error) == 0) {
        connect_rooms(p);
        return 0;
    }
    program_close(p);
    return -1;
}

void program_close(program *p) {
    pl_error ignored;
    remediation_stop(p->remediation);
    functions_stop(p->functions);
    delivery_stop(p->delivery);
    reports_stop(p->reports);
    engine_stop(p->engine);
    if (p->identity)
        (void)identity_flush(p->identity, &ignored);
    store_close(p->store);
    remediation_close(p->remediation);
    functions_close(p->functions);
    reports_close(p->reports);
    engine_close(p->engine);
    delivery_close(p->delivery);
    identity_close(p->identity);
    org_close(p->org);
    catalogue_close(p->catalogue);
    if (p->lock >= 0)
        close(p->lock);
    p->lock = -1;
}
