/* Custom policies and their versions, for RAM and for Resource Management. */
#include "api/shared.h"

#include <stdio.h>

void shared_write_version(pl_writer *out, const char *name, int64_t version) {
    char text[24];
    int n = snprintf(text, sizeof text, "v%lld", (long long)version);
    api_write_text(out, name, pl_str_of(text, (size_t)n));
}

/* "v" and a number from 1. */
static int read_version(api_call *call, int64_t *version) {
    pl_str text = api_text(call, "VersionId");
    if (text.n >= 2 && text.p[0] == 'v' && pl_str_to_i64(pl_str_skip(text, 1), version) && *version > 0)
        return 0;
    *version = 0;
    return api_refuse_invalid(call, "VersionId");
}

static bool wants_system(const api_call *call) {
    return pl_str_is(api_text(call, "PolicyType"), "System");
}

void shared_write_policy(pl_writer *out, pl_str name, const identity_policy *policy, bool attachments,
                         bool updated, const identity_tagged *tags, size_t tag_count) {
    pl_write_object(out, name);
    if (attachments)
        pl_write_i64(out, PL_STR("AttachmentCount"), policy->attachment_count);
    api_write_time(out, "CreateDate", policy->created);
    shared_write_version(out, "DefaultVersion", policy->default_version);
    api_write_text(out, "Description", policy->description);
    api_write_text(out, "PolicyName", policy->name);
    api_write_text(out, "PolicyType", identity_policy_type_name(policy->system));
    if (tags)
        shared_write_tags(out, policy->name, tags, policy->system ? 0 : tag_count);
    if (updated)
        api_write_time(out, "UpdateDate", policy->updated);
    pl_write_object_end(out);
}

static bool name_valid(pl_str name) {
    return name.n > 0 && pl_str_is_plain(name, "-");
}

static int create_policy(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_policy policy = {.name = api_text(call, "PolicyName"),
                              .description = api_text(call, "Description")};
    identity_tag *tags;
    size_t count;
    if (!name_valid(policy.name))
        return api_refuse_invalid(call, "PolicyName");
    if (api_read_tags(call, "Tag", &tags, &count) != 0)
        return -1;
    if (identity_policy_create(&in, &policy, api_text(call, "PolicyDocument"), call->error) != 0)
        return api_refuse_document(call, PL_E_InvalidParameter_PolicyDocument_Length);
    if (identity_tag_set(&in, IDENTITY_TAG_POLICY, policy.name, tags, count, call->error) != 0)
        return -1;
    shared_write_policy(call->out, PL_STR("Policy"), &policy, false, false, NULL, 0);
    return 0;
}

int shared_create_policy(api_call *call) {
    return api_answer_write(call, create_policy);
}

static int delete_policy(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    return identity_policy_delete(&in, api_text(call, "PolicyName"), api_flag(call, "CascadingDelete", false),
                                  call->error);
}

int shared_delete_policy(api_call *call) {
    return api_answer_write(call, delete_policy);
}

static void write_policy_version(pl_writer *out, pl_str name, const identity_policy_version *version,
                                 bool document) {
    pl_write_object(out, name);
    api_write_time(out, "CreateDate", version->created);
    pl_write_bool(out, PL_STR("IsDefaultVersion"), version->is_default);
    if (document)
        api_write_text(out, "PolicyDocument", version->document);
    shared_write_version(out, "VersionId", version->version);
    pl_write_object_end(out);
}

/* RAM shows the default version beside the policy, ResourceManager the document inside it. */
static void write_policy_and_document(api_call *call, const identity_policy *policy,
                                      const identity_policy_version *version) {
    pl_writer *out = call->out;
    if (!shared_is_directory(call))
        write_policy_version(out, PL_STR("DefaultPolicyVersion"), version, true);
    pl_write_object(out, PL_STR("Policy"));
    pl_write_i64(out, PL_STR("AttachmentCount"), policy->attachment_count);
    api_write_time(out, "CreateDate", policy->created);
    shared_write_version(out, "DefaultVersion", policy->default_version);
    api_write_text(out, "Description", policy->description);
    api_write_text(out, "PolicyDocument", version->document);
    api_write_text(out, "PolicyName", policy->name);
    api_write_text(out, "PolicyType", identity_policy_type_name(policy->system));
    api_write_time(out, "UpdateDate", policy->updated);
    pl_write_object_end(out);
}

static int get_policy(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_policy policy;
    identity_policy_version version;
    bool system = wants_system(call);
    if (identity_policy_find(&in, system, api_text(call, "PolicyName"), &policy, call->error) != 0 ||
        identity_version_find(&in, system, policy.name, policy.default_version, &version, call->error) != 0)
        return -1;
    write_policy_and_document(call, &policy, &version);
    return 0;
}

int shared_get_policy(api_call *call) {
    return api_answer_read(call, get_policy);
}

/* --- Versions
 * -----------------------------------------------------------------------------------------------
 */

static int create_policy_version(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_policy_version version;
    bool rotate =
        pl_str_is(api_text(call, "RotateStrategy"), "DeleteOldestNonDefaultVersionWhenLimitExceeded");
    if (identity_version_create(&in, api_text(call, "PolicyName"), api_text(call, "PolicyDocument"),
                                api_flag(call, "SetAsDefault", false), rotate, &version, call->error) != 0)
        return api_refuse_document(call, PL_E_InvalidParameter_PolicyDocument_Length);
    write_policy_version(call->out, PL_STR("PolicyVersion"), &version, !shared_is_directory(call));
    return 0;
}

int shared_create_policy_version(api_call *call) {
    return api_answer_write(call, create_policy_version);
}

static int get_policy_version(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_policy_version version;
    int64_t number;
    if (read_version(call, &number) != 0 ||
        identity_version_find(&in, wants_system(call), api_text(call, "PolicyName"), number, &version,
                              call->error) != 0)
        return -1;
    write_policy_version(call->out, PL_STR("PolicyVersion"), &version, true);
    return 0;
}

int shared_get_policy_version(api_call *call) {
    return api_answer_read(call, get_policy_version);
}

static int list_policy_versions(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_policy_version *versions;
    size_t count;
    if (identity_version_list(&in, wants_system(call), api_text(call, "PolicyName"), &versions, &count,
                              call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("PolicyVersions"));
    pl_write_array(call->out, PL_STR("PolicyVersion"));
    for (size_t i = 0; i < count; i++)
        write_policy_version(call->out, PL_STR_NONE, &versions[i], !shared_is_directory(call));
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

int shared_list_policy_versions(api_call *call) {
    return api_answer_read(call, list_policy_versions);
}

static int set_default_policy_version(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    int64_t number;
    if (read_version(call, &number) != 0)
        return -1;
    return identity_version_set_default(&in, api_text(call, "PolicyName"), number, call->error);
}

int shared_set_default_policy_version(api_call *call) {
    return api_answer_write(call, set_default_policy_version);
}

static int delete_policy_version(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    int64_t number;
    if (read_version(call, &number) != 0)
        return -1;
    return identity_version_delete(&in, api_text(call, "PolicyName"), number, call->error);
}

int shared_delete_policy_version(api_call *call) {
    return api_answer_write(call, delete_policy_version);
}
