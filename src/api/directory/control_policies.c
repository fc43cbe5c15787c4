/* Control policies: the switch, the policies and their attachments. */
#include "api/directory/answers.h"

/* --- The switch ------------------------------------------------------------------------------------------
 */

int directory_enable_control_policy(api_call *call) {
    org_caller caller = directory_caller(call);
    if (org_enable_control(call->services->org, &caller, call->error))
        return -1;
    api_write_text(call->out, "EnablementStatus", org_switch_name(ORG_PENDING_ENABLE));
    return 0;
}

int directory_disable_control_policy(api_call *call) {
    org_caller caller = directory_caller(call);
    if (org_disable_control(call->services->org, &caller, call->error))
        return -1;
    api_write_text(call->out, "EnablementStatus", org_switch_name(ORG_PENDING_DISABLE));
    return 0;
}

static int answer_status(api_call *call, const org_view *view, const org_directory *directory) {
    (void)view;
    api_write_text(call->out, "EnablementStatus", org_switch_name(org_control_status(directory, call->now)));
    return 0;
}

int directory_get_control_policy_enablement_status(api_call *call) {
    return directory_read(call, answer_status);
}

/* --- Policies --------------------------------------------------------------------------------------------
 */

static pl_str description_of(const api_call *call, const org_policy *policy) {
    if (!policy->system)
        return policy->description;
    pl_str language = api_text(call, "Language");
    if (pl_str_is(language, "en"))
        return PL_STR("Allows every operation on every resource.");
    if (pl_str_is(language, "ja"))
        return PL_STR("すべてのリソースに対するすべての操作を許可します。");
    return PL_STR("允许对所有资源进行任何操作。");
}

static pl_str scope_of(const org_policy *policy) {
    return policy->system ? PL_STR("All") : PL_STR("RAM");
}

static pl_str type_of(const org_policy *policy) {
    return policy->system ? PL_STR("System") : PL_STR("Custom");
}

/* `document` absent: left out. AttachmentCount is a text on the wire. */
static void write_policy(api_call *call, const org_policy *policy, pl_str document) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("ControlPolicy"));
    api_write_text(out, "AttachmentCount", pl_arena_printf(call->arena, "%zu", policy->attachment_count));
    directory_write_time(out, "CreateDate", policy->created);
    api_write_text(out, "Description", description_of(call, policy));
    api_write_text(out, "EffectScope", scope_of(policy));
    pl_write_optional(out, PL_STR("PolicyDocument"), document);
    api_write_text(out, "PolicyId", policy->id);
    api_write_text(out, "PolicyName", policy->name);
    api_write_text(out, "PolicyType", type_of(policy));
    directory_write_time(out, "UpdateDate", policy->updated);
    pl_write_object_end(out);
}

static int write_changed(api_call *call, const org_view *after, pl_str id) {
    const org_directory *directory = org_managed_directory(after, call->caller->account_id);
    write_policy(call, org_find_policy(directory, id), PL_STR_NONE);
    org_view_close(after);
    return 0;
}

int directory_create_control_policy(api_call *call) {
    org_caller caller = directory_caller(call);
    org_policy_request request = {.name = api_text(call, "PolicyName"),
                                  .description = api_text(call, "Description"),
                                  .document = api_text(call, "PolicyDocument")};
    const org_view *after;
    pl_str id;
    if (directory_tags(call, "Tag", &request.tags) ||
        org_create_policy(call->services->org, &caller, &request, &id, &after, call->error))
        return -1;
    return write_changed(call, after, id);
}

/* An empty text leaves the name and the document as they are, and empties the description. */
int directory_update_control_policy(api_call *call) {
    org_caller caller = directory_caller(call);
    pl_str name = api_text(call, "NewPolicyName");
    pl_str document = api_text(call, "NewPolicyDocument");
    org_policy_request request = {.name = name.n > 0 ? name : PL_STR_NONE,
                                  .description = api_text(call, "NewDescription"),
                                  .document = document.n > 0 ? document : PL_STR_NONE};
    const org_view *after;
    pl_str id = api_text(call, "PolicyId");
    if (org_update_policy(call->services->org, &caller, id, &request, &after, call->error))
        return -1;
    return write_changed(call, after, id);
}

int directory_delete_control_policy(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_delete_policy(call->services->org, &caller, api_text(call, "PolicyId"), call->error);
}

static int answer_policy(api_call *call, const org_view *view, const org_directory *directory) {
    (void)view;
    const org_policy *policy = org_find_policy(directory, api_text(call, "PolicyId"));
    pl_str document;
    if (!policy)
        return pl_fail(call->error, PL_E_EntityNotExists_ControlPolicy);
    if (org_read_policy_document(call->services->org, call->arena, directory, policy->id, &document,
                                 call->error))
        return -1;
    write_policy(call, policy, document);
    return 0;
}

int directory_get_control_policy(api_call *call) {
    return directory_read(call, answer_policy);
}

static int answer_policies(api_call *call, const org_view *view, const org_directory *directory) {
    (void)view;
    pl_str type = api_text(call, "PolicyType");
    directory_page page = directory_page_of(call);
    pl_write_object(call->out, PL_STR("ControlPolicies"));
    pl_write_array(call->out, PL_STR("ControlPolicy"));
    for (size_t i = 0; i < directory->policy_count; i++) {
        const org_policy *policy = &directory->policies[i];
        if ((type.n == 0 || pl_str_eq(type, type_of(policy))) && directory_page_take(&page))
            write_policy(call, policy, PL_STR_NONE);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    directory_write_page(call, &page);
    return 0;
}

int directory_list_control_policies(api_call *call) {
    return directory_read(call, answer_policies);
}

/* --- Attachments -----------------------------------------------------------------------------------------
 */

int directory_attach_control_policy(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_attach_policy(call->services->org, &caller, api_text(call, "PolicyId"),
                             api_text(call, "TargetId"), call->error);
}

int directory_detach_control_policy(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_detach_policy(call->services->org, &caller, api_text(call, "PolicyId"),
                             api_text(call, "TargetId"), call->error);
}

static void write_attachment(api_call *call, const org_attachment *attachment) {
    pl_writer *out = call->out;
    const org_policy *policy = attachment->policy;
    pl_write_object(out, PL_STR("ControlPolicyAttachment"));
    directory_write_time(out, "AttachDate", attachment->attached);
    api_write_text(out, "Description", description_of(call, policy));
    api_write_text(out, "EffectScope", scope_of(policy));
    api_write_text(out, "PolicyId", policy->id);
    api_write_text(out, "PolicyName", policy->name);
    api_write_text(out, "PolicyType", type_of(policy));
    pl_write_object_end(out);
}

static int answer_attachments(api_call *call, const org_view *view, const org_directory *directory) {
    const org_node *target = org_find_node(view, api_text(call, "TargetId"));
    if (!target || target->directory != directory)
        return pl_fail(call->error, PL_E_EntityNotExists_Target);
    pl_write_object(call->out, PL_STR("ControlPolicyAttachments"));
    pl_write_array(call->out, PL_STR("ControlPolicyAttachment"));
    for (size_t i = 0; i < target->attachment_count; i++)
        write_attachment(call, &target->attachments[i]);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

int directory_list_control_policy_attachments_for_target(api_call *call) {
    return directory_read(call, answer_attachments);
}

/* Writes the node when the policy is attached to it and it lies on the page. */
static void offer_target(api_call *call, const org_node *node, const org_policy *policy,
                         directory_page *page) {
    pl_writer *out = call->out;
    for (size_t i = 0; i < node->attachment_count; i++) {
        if (node->attachments[i].policy != policy || !directory_page_take(page))
            continue;
        pl_write_object(out, PL_STR("TargetAttachment"));
        directory_write_time(out, "AttachDate", node->attachments[i].attached);
        api_write_text(out, "TargetId", node->id);
        api_write_text(out, "TargetName", node->name);
        api_write_text(out, "TargetType", org_node_kind_name(node->kind));
        pl_write_object_end(out);
    }
}

static int answer_targets(api_call *call, const org_view *view, const org_directory *directory) {
    (void)view;
    const org_policy *policy = org_find_policy(directory, api_text(call, "PolicyId"));
    if (!policy)
        return pl_fail(call->error, PL_E_EntityNotExists_ControlPolicy);
    directory_page page = directory_page_of(call);
    pl_write_object(call->out, PL_STR("TargetAttachments"));
    pl_write_array(call->out, PL_STR("TargetAttachment"));
    offer_target(call, directory->root, policy, &page);
    for (size_t i = 0; i < directory->folder_count; i++)
        offer_target(call, directory->folders[i], policy, &page);
    for (size_t i = 0; i < directory->account_count; i++)
        offer_target(call, &directory->accounts[i]->node, policy, &page);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    directory_write_page(call, &page);
    return 0;
}

int directory_list_target_attachments_for_control_policy(api_call *call) {
    return directory_read(call, answer_targets);
}
