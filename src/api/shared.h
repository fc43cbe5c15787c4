/*
 * Operations that RAM 2015-05-01 and ResourceManager 2020-03-31 both have on the same objects: roles, custom
 * policies and their versions. Each product's handlers call these; what its answers have more is told apart
 * by the call's product.
 */
#ifndef API_SHARED_H
#define API_SHARED_H

#include "api/answer.h"

/* True for a call of ResourceManager. */
bool shared_is_directory(const api_call *call);

/* The operations themselves; 0, or -1 with the error that the caller's product documents for it. */
int shared_create_role(api_call *call);
int shared_get_role(api_call *call);
int shared_update_role(api_call *call);
int shared_delete_role(api_call *call);

/* Writes a role object with the members of the product's answers. */
typedef struct shared_role_view {
    bool document;               /* AssumeRolePolicyDocument */
    bool updated;                /* UpdateDate */
    bool duration;               /* MaxSessionDuration */
    pl_str domain;               /* ResourceManager: what RolePrincipalName ends in */
    const identity_tagged *tags; /* NULL: no member Tags */
    size_t tag_count;
} shared_role_view;

/* Writes a role as the object `name`, with what the operation shows of it. */
void shared_write_role(api_call *call, pl_str name, const identity_scope *in, const identity_role *role,
                       const shared_role_view *view);

/* Alias of the account, else its id: what principal names end in (`alice@<name>.onaliyun.com`). */
int shared_domain(const identity_scope *in, pl_str *domain, pl_error *error);

/* As the operations on roles. */
int shared_create_policy(api_call *call);
int shared_delete_policy(api_call *call);
int shared_get_policy(api_call *call);
int shared_create_policy_version(api_call *call);
int shared_get_policy_version(api_call *call);
int shared_list_policy_versions(api_call *call);
int shared_set_default_policy_version(api_call *call);
int shared_delete_policy_version(api_call *call);

/* A policy object without its document; `attachments` adds AttachmentCount, `updated` UpdateDate. */
void shared_write_policy(pl_writer *out, pl_str name, const identity_policy *policy, bool attachments,
                         bool updated, const identity_tagged *tags, size_t tag_count);

/* "v2". */
void shared_write_version(pl_writer *out, const char *name, int64_t version);

/* Tags: {Tag: [{TagKey, TagValue}]} of one object out of all of its kind. */
void shared_write_tags(pl_writer *out, pl_str object, const identity_tagged *tags, size_t count);

#endif
