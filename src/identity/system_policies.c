/* The policies that the program ships (reference/ram-authorization.md, section 7). A table, sorted by name.
 */
#include "identity/identity.h"

#define ALLOW(actions)                                                                                       \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[" actions "],\"Resource\":\"*\"}]}"
#define ROW(name, description, actions)                                                                      \
    { PL_STR_INIT(name), PL_STR_INIT(description), PL_STR_INIT(ALLOW(actions)) }

static const identity_system_policy policies[] = {
    ROW("AdministratorAccess", "Everything in the account", "\"*\""),
    ROW("AliyunConfigFullAccess", "All operations of Cloud Config", "\"config:*\""),
    ROW("AliyunConfigReadOnlyAccess", "Reading operations of Cloud Config",
        "\"config:Get*\",\"config:List*\",\"config:Describe*\""),
    ROW("AliyunRAMFullAccess", "All operations on identities and policies", "\"ram:*\""),
    ROW("AliyunRAMReadOnlyAccess", "Reading operations on identities and policies",
        "\"ram:Get*\",\"ram:List*\""),
    ROW("AliyunResourceDirectoryFullAccess", "All operations of the resource directory",
        "\"resourcemanager:*\""),
    ROW("AliyunResourceDirectoryReadOnlyAccess", "Reading operations of the resource directory",
        "\"resourcemanager:Get*\",\"resourcemanager:List*\""),
    ROW("AliyunSTSAssumeRoleAccess", "Assuming roles", "\"sts:AssumeRole\""),
    ROW("AliyunServiceRolePolicyForConfig", "What Cloud Config itself may do",
        "\"config:*\",\"oss:PutObject\",\"fc:InvokeFunction\",\"mns:PublishMessage\",\"log:"
        "PostLogStoreLogs\""),
};

const identity_system_policy *identity_system_policies(size_t *count) {
    *count = sizeof policies / sizeof *policies;
    return policies;
}

const identity_system_policy *identity_system_policy_find(pl_str name) {
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        if (pl_str_eq(policies[i].name, name))
            return &policies[i];
    return NULL;
}
