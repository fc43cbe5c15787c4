/* See resource_tags.h. Each kind of resource is one row: how its ARN begins and who keeps its tags. */
#include "api/resource_tags.h"

#include "api/value.h"
#include "engine/packs.h"
#include "engine/rules.h"
#include "engine/scope.h"
#include "identity/entities.h"
#include "org/change.h"

#include "json/parser.h"

typedef struct lookup lookup;
typedef int (*tag_reader)(lookup *l, pl_error *error);

typedef struct tagged_kind {
    const char *service, *prefix; /* acs:<service>:...:<prefix><id> */
    tag_reader read;
    const char *type; /* of directory_tags */
    bool of_groups;
} tagged_kind;

struct lookup {
    const api_services *services;
    store_session *session;
    pl_arena *arena;
    pl_str account_id, id;
    const tagged_kind *kind;
    identity_fact *facts;
    size_t count, capacity;
};

static int no_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

static int add(lookup *l, const char *prefix, pl_str key, pl_str value, pl_error *error) {
    identity_fact *grown = pl_arena_grow(l->arena, l->facts, l->count, &l->capacity, sizeof *grown);
    if (!grown)
        return no_memory(error);
    l->facts = grown;
    identity_fact *fact = &grown[l->count++];
    fact->key = pl_arena_printf(l->arena, "%s%.*s", prefix, PL_FMT(key));
    fact->value = pl_arena_copy(l->arena, pl_str_or_empty(value));
    return fact->key.p && fact->value.p ? 0 : no_memory(error);
}

static int add_tag(lookup *l, pl_str key, pl_str value, pl_error *error) {
    return add(l, "acs:ResourceTag/", key, value, error);
}

/* ---- who keeps them ---- */

/* Tags of rules and packs: a JSON array of {TagKey, TagValue}. */
static int add_stored(lookup *l, pl_str stored, pl_error *error) {
    pl_json list = PL_JSON_NONE;
    engine_tags tags;
    if (stored.n && pl_json_parse_in(l->arena, stored, &list, error) != 0)
        return -1;
    if (engine_tags_read(l->arena, list, &tags, error) != 0)
        return -1;
    for (size_t i = 0; i < tags.count; i++)
        if (add_tag(l, tags.items[i].key, tags.items[i].value, error) != 0)
            return -1;
    return 0;
}

static engine_group owner_of(const lookup *l) {
    return (engine_group){l->account_id, l->kind->of_groups ? ENGINE_ANY_GROUP : PL_STR_NONE};
}

static int read_rule(lookup *l, pl_error *error) {
    engine_group owner = owner_of(l);
    engine_rule rule;
    bool found = false;
    if (engine_rule_find(l->session, l->arena, &owner, l->id, &rule, &found, error) != 0)
        return -1;
    return found ? add_stored(l, rule.tags, error) : 0;
}

static int read_pack(lookup *l, pl_error *error) {
    engine_group owner = owner_of(l);
    engine_pack pack;
    bool found = false;
    if (engine_pack_find(l->session, l->arena, &owner, l->id, &pack, &found, error) != 0)
        return -1;
    return found ? add_stored(l, pack.tags, error) : 0;
}

/* Folders and members are named by their path; its last part is the id. */
static int read_directory(lookup *l, pl_error *error) {
    org_tags tags = {NULL, 0};
    pl_str part, rest = l->id;
    while (pl_str_split(&rest, '/', &part))
        l->id = part;
    if (org_read_tags(l->session, l->arena, l->account_id, pl_str_from(l->kind->type), l->id, &tags, error) !=
        0)
        return -1;
    for (size_t i = 0; i < tags.count; i++)
        if (add_tag(l, tags.items[i].key, tags.items[i].value, error) != 0)
            return -1;
    return 0;
}

static int read_identity(lookup *l, identity_tag_kind kind, pl_error *error) {
    identity_scope in = {
        .room = l->services->identity, .session = l->session, .arena = l->arena, .account_id = l->account_id};
    identity_tag *tags;
    size_t count;
    if (identity_tag_read(&in, kind, l->id, &tags, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add_tag(l, tags[i].key, tags[i].value, error) != 0)
            return -1;
    return 0;
}

static int read_role(lookup *l, pl_error *error) {
    return read_identity(l, IDENTITY_TAG_ROLE, error);
}

static int read_policy(lookup *l, pl_error *error) {
    return read_identity(l, IDENTITY_TAG_POLICY, error);
}

/* ---- which ARN is whose ---- */

static const tagged_kind kinds[] = {
    {"config", "rule/", read_rule, NULL, false},
    {"config", "aggregateconfigrule/", read_rule, NULL, true},
    {"config", "compliancepack/", read_pack, NULL, false},
    {"config", "aggregatecompliancepack/", read_pack, NULL, true},
    {"config", "aggregator/", read_directory, ORG_TAG_GROUP, false},
    {"resourcemanager", "folder/", read_directory, ORG_TAG_FOLDER, false},
    {"resourcemanager", "account/", read_directory, ORG_TAG_ACCOUNT, false},
    {"resourcemanager", "policy/controlpolicy/", read_directory, ORG_TAG_POLICY, false},
    {"ram", "resourcegroup/", read_directory, ORG_TAG_RESOURCE_GROUP, false},
    {"ram", "role/", read_role, NULL, false},
    {"ram", "policy/", read_policy, NULL, false},
};

/* acs:<service>:<region>:<account>:<name>; false when the account is another one. */
static bool split(lookup *l, pl_str resource) {
    pl_str rest = resource, acs, service, region, account;
    if (!pl_str_split(&rest, ':', &acs) || !pl_str_split(&rest, ':', &service) ||
        !pl_str_split(&rest, ':', &region) || !pl_str_split(&rest, ':', &account) ||
        !pl_str_eq(account, l->account_id))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        pl_str prefix = pl_str_from(kinds[i].prefix);
        if (!pl_str_is(service, kinds[i].service) || !pl_str_starts(rest, prefix))
            continue;
        l->kind = &kinds[i];
        l->id = pl_str_skip(rest, prefix.n);
        return !pl_str_is(l->id, "*");
    }
    return false;
}

/* Folders, members and control policies are the management account's, whoever is asked to read them. */
static int find_keeper(lookup *l, pl_error *error) {
    if (!l->services->org || !pl_str_is(pl_str_from(l->kind->service), "resourcemanager"))
        return 0;
    const org_view *view = org_view_open(l->services->org, NULL, error);
    if (!view)
        return -1;
    const org_directory *directory = org_directory_of(view, l->account_id);
    if (directory)
        l->account_id = pl_arena_copy(l->arena, directory->management_id);
    org_view_close(view);
    return l->account_id.p ? 0 : no_memory(error);
}

static int read_work(store_session *session, void *argument, pl_error *error) {
    lookup *l = argument;
    l->session = session;
    l->count = 0;
    return l->kind->read(l, error);
}

int api_resource_tags(const api_services *services, pl_arena *arena, pl_str account_id, pl_str resource,
                      const identity_fact **tags, size_t *count, pl_error *error) {
    lookup l = {.services = services, .arena = arena, .account_id = account_id};
    int result = 0;
    if (split(&l, resource))
        result = find_keeper(&l, error) != 0 ? -1 : store_read(services->store, read_work, &l, error);
    *tags = l.facts;
    *count = l.count;
    return result;
}

/* ---- what the parameters bring ---- */

static bool sets_tags(const api_value *parameter) {
    return parameter->type == API_ARRAY &&
           (pl_str_is(parameter->name, "Tag") || pl_str_is(parameter->name, "Tags"));
}

static int add_request_tags(lookup *l, const api_value *tags, pl_error *error) {
    for (size_t i = 0; i < tags->count; i++) {
        pl_str key = api_member_text(&tags->items[i], "Key");
        if (key.n && add(l, "acs:RequestTag/", key, api_member_text(&tags->items[i], "Value"), error) != 0)
            return -1;
    }
    return 0;
}

/* The service whose role is made or deleted. */
static pl_str service_of(const struct api_operation *operation, const api_value *parameter) {
    if (pl_str_is(operation->name, "CreateServiceLinkedRole") && pl_str_is(parameter->name, "ServiceName"))
        return parameter->text;
    if (pl_str_is(operation->name, "DeleteServiceLinkedRole") && pl_str_is(parameter->name, "RoleName"))
        return identity_service_of_role(parameter->text);
    return PL_STR_NONE;
}

/* In operations that read, tags are what is looked for. */
int api_request_facts(const struct api_operation *operation, const struct api_value *input, pl_arena *arena,
                      const identity_fact **facts, size_t *count, pl_error *error) {
    lookup l = {.arena = arena};
    int result = 0;
    for (size_t i = 0; i < input->count && result == 0 && !operation->read_only; i++) {
        const api_value *parameter = &input->items[i];
        pl_str service = service_of(operation, parameter);
        if (sets_tags(parameter))
            result = add_request_tags(&l, parameter, error);
        else if (service.n)
            result = add(&l, "ram:", PL_STR("ServiceName"), service, error);
    }
    *facts = l.facts;
    *count = l.count;
    return result;
}
