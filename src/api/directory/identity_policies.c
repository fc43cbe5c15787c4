/* Custom policies and what they are attached to, by way of Resource Management. */
#include "api/operations.gen.h"
#include "api/shared.h"
#include "org/org.h"

int directory_create_policy(api_call *call) {
    return shared_create_policy(call);
}

int directory_delete_policy(api_call *call) {
    return shared_delete_policy(call);
}

int directory_get_policy(api_call *call) {
    return shared_get_policy(call);
}

int directory_create_policy_version(api_call *call) {
    return shared_create_policy_version(call);
}

int directory_get_policy_version(api_call *call) {
    return shared_get_policy_version(call);
}

int directory_list_policy_versions(api_call *call) {
    return shared_list_policy_versions(call);
}

int directory_set_default_policy_version(api_call *call) {
    return shared_set_default_policy_version(call);
}

int directory_delete_policy_version(api_call *call) {
    return shared_delete_policy_version(call);
}

static int list_policies(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_policy *policies;
    size_t count;
    int64_t page, take, skip;
    if (identity_policy_list(&in, api_text(call, "PolicyType"), &policies, &count, call->error) != 0)
        return -1;
    api_page(call, 10, &page, &take, &skip);
    pl_write_i64(call->out, PL_STR("PageNumber"), page);
    pl_write_i64(call->out, PL_STR("PageSize"), take);
    pl_write_object(call->out, PL_STR("Policies"));
    pl_write_array(call->out, PL_STR("Policy"));
    for (int64_t i = skip; i < (int64_t)count && i - skip < take; i++)
        shared_write_policy(call->out, PL_STR_NONE, &policies[i], true, true, NULL, 0);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    pl_write_i64(call->out, PL_STR("TotalCount"), (int64_t)count);
    return 0;
}

int directory_list_policies(api_call *call) {
    return api_answer_read(call, list_policies);
}

/* --- Principals
 * ---------------------------------------------------------------------------------------------
 */

typedef struct principal_form {
    const char *type;   /* PrincipalType */
    const char *infix;  /* between the at sign and the account's domain */
    const char *suffix; /* behind the domain */
} principal_form;

static const principal_form forms[] = {
    [IDENTITY_ON_USER] = {"IMSUser", "", ".onaliyun.com"},
    [IDENTITY_ON_GROUP] = {"IMSGroup", "group.", ".onaliyun.com"},
    [IDENTITY_ON_ROLE] = {"ServiceRole", "role.", ".onaliyunservice.com"},
};

static bool kind_of(pl_str type, identity_principal_kind *kind) {
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (pl_str_is(type, forms[i].type)) {
            *kind = (identity_principal_kind)i;
            return true;
        }
    }
    return false;
}

static pl_str full_name(const identity_scope *in, identity_principal_kind kind, pl_str name, pl_str domain) {
    return pl_arena_printf(in->arena, "%.*s@%s%.*s%s", PL_FMT(name), forms[kind].infix, PL_FMT(domain),
                           forms[kind].suffix);
}

/*
 * The bare name out of `alice@company.onaliyun.com`: the domain may be the account's alias or its id, or be
 * left out. Absent when it is another account's.
 */
static pl_str bare_name(const identity_scope *in, identity_principal_kind kind, pl_str given, pl_str domain) {
    size_t sign = pl_str_find_char(given, '@');
    if (sign == PL_NOT_FOUND)
        return given;
    pl_str name = pl_str_head(given, sign);
    bool ours = pl_str_eq_fold(given, full_name(in, kind, name, domain)) ||
                pl_str_eq_fold(given, full_name(in, kind, name, in->account_id));
    return ours ? name : PL_STR_NONE;
}

static int missing_principal(identity_principal_kind kind, pl_error *error) {
    return pl_fail(error, kind == IDENTITY_ON_USER    ? PL_E_EntityNotExist_User
                          : kind == IDENTITY_ON_GROUP ? PL_E_EntityNotExist_Group
                                                      : PL_E_EntityNotExist_Role);
}

/* The account's own id in place of a resource group means the whole account. */
static pl_str group_of(const identity_scope *in, pl_str id) {
    return pl_str_eq(id, in->account_id) ? PL_STR("") : id;
}

static int read_attachment(api_call *call, const identity_scope *in, identity_attachment *wanted) {
    pl_str domain;
    *wanted = (identity_attachment){.system = pl_str_is(api_text(call, "PolicyType"), "System"),
                                    .policy_name = api_text(call, "PolicyName"),
                                    .resource_group_id = group_of(in, api_text(call, "ResourceGroupId"))};
    if (!kind_of(api_text(call, "PrincipalType"), &wanted->kind))
        return api_refuse_invalid(call, "PrincipalType");
    if (shared_domain(in, &domain, call->error) != 0)
        return -1;
    wanted->principal_name = bare_name(in, wanted->kind, api_text(call, "PrincipalName"), domain);
    return wanted->principal_name.p ? 0 : missing_principal(wanted->kind, call->error);
}

static int attach_policy(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_attachment wanted;
    return read_attachment(call, &in, &wanted) == 0 ? identity_attach(&in, &wanted, call->error) : -1;
}

int directory_attach_policy(api_call *call) {
    return api_answer_write(call, attach_policy);
}

static int detach_policy(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_attachment wanted;
    return read_attachment(call, &in, &wanted) == 0 ? identity_detach(&in, &wanted, call->error) : -1;
}

int directory_detach_policy(api_call *call) {
    return api_answer_write(call, detach_policy);
}

/* --- ListPolicyAttachments
 * ----------------------------------------------------------------------------------
 */

static int check_resource_group(const identity_scope *in, pl_str id, pl_error *error) {
    return id.n == 0 || pl_str_eq(id, in->account_id)
               ? 0
               : org_check_resource_group(in->session, in->account_id, id, false, error);
}

static int read_filter(api_call *call, const identity_scope *in, pl_str domain,
                       identity_attachment_filter *filter) {
    pl_str group = api_text(call, "ResourceGroupId"), name = api_text(call, "PrincipalName"),
           type = api_text(call, "PolicyType"), policy = api_text(call, "PolicyName");
    *filter = (identity_attachment_filter){.policy_type = type.n ? type : PL_STR_NONE,
                                           .policy_name = policy.n ? policy : PL_STR_NONE,
                                           .by_group = group.n > 0,
                                           .resource_group_id = group_of(in, group)};
    filter->by_kind = kind_of(api_text(call, "PrincipalType"), &filter->kind);
    if (name.n) {
        identity_principal_kind kind = filter->by_kind ? filter->kind : IDENTITY_ON_USER;
        pl_str bare = bare_name(in, kind, name, domain);
        filter->principal_name = bare.p ? bare : name;
    }
    return check_resource_group(in, group, call->error);
}

static void write_attachment(api_call *call, const identity_scope *in, const identity_attachment *a,
                             pl_str domain) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR_NONE);
    api_write_time(out, "AttachDate", a->attached);
    api_write_text(out, "Description", a->description);
    api_write_text(out, "PolicyName", a->policy_name);
    api_write_text(out, "PolicyType", identity_policy_type_name(a->system));
    api_write_text(out, "PrincipalName", full_name(in, a->kind, a->principal_name, domain));
    api_write_text(out, "PrincipalType", pl_str_from(forms[a->kind].type));
    api_write_text(out, "ResourceGroupId", a->resource_group_id.n ? a->resource_group_id : in->account_id);
    pl_write_object_end(out);
}

static int list_policy_attachments(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_attachment *list;
    size_t count;
    int64_t page, take, skip;
    identity_attachment_filter filter;
    pl_str domain;
    if (shared_domain(&in, &domain, call->error) != 0 || read_filter(call, &in, domain, &filter) != 0 ||
        identity_attachment_list(&in, &filter, &list, &count, call->error) != 0)
        return -1;
    api_page(call, 10, &page, &take, &skip);
    pl_write_i64(call->out, PL_STR("PageNumber"), page);
    pl_write_i64(call->out, PL_STR("PageSize"), take);
    pl_write_object(call->out, PL_STR("PolicyAttachments"));
    pl_write_array(call->out, PL_STR("PolicyAttachment"));
    for (int64_t i = skip; i < (int64_t)count && i - skip < take; i++)
        write_attachment(call, &in, &list[i], domain);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    pl_write_i64(call->out, PL_STR("TotalCount"), (int64_t)count);
    return 0;
}

int directory_list_policy_attachments(api_call *call) {
    return api_answer_read(call, list_policy_attachments);
}
