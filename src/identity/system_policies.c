/* The policies that the program ships (reference/ram-authorization.md, section 7). A table, sorted by name.
 */
#include "identity/identity.h"

#define DOCUMENT(statements) "{\"Version\":\"1\",\"Statement\":[" statements "]}"
#define ALLOW(actions) "{\"Effect\":\"Allow\",\"Action\":[" actions "],\"Resource\":\"*\"}"
#define ALLOW_FOR(actions, service)                                                                          \
    "{\"Effect\":\"Allow\",\"Action\":[" actions                                                             \
    "],\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"ram:ServiceName\":\"" service "\"}}}"
#define ROW(name, description, statements)                                                                   \
    { PL_STR_INIT(name), PL_STR_INIT(description), PL_STR_INIT(DOCUMENT(statements)) }

static const identity_system_policy policies[] = {
    ROW("AdministratorAccess", "Everything in the account", ALLOW("\"*\"")),
    ROW("AliyunConfigFullAccess", "All operations of Cloud Config", ALLOW("\"config:*\"")),
    ROW("AliyunConfigReadOnlyAccess", "Reading operations of Cloud Config",
        ALLOW("\"config:Get*\",\"config:List*\",\"config:Describe*\"")),
    ROW("AliyunRAMFullAccess", "All operations on identities and policies", ALLOW("\"ram:*\"")),
    ROW("AliyunRAMReadOnlyAccess", "Reading operations on identities and policies",
        ALLOW("\"ram:Get*\",\"ram:List*\"")),
    ROW("AliyunResourceDirectoryFullAccess", "All operations of the resource directory",
        ALLOW("\"resourcemanager:*\"")),
    ROW("AliyunResourceDirectoryReadOnlyAccess", "Reading operations of the resource directory",
        ALLOW("\"resourcemanager:Get*\",\"resourcemanager:List*\"")),
    ROW("AliyunSTSAssumeRoleAccess", "Assuming roles", ALLOW("\"sts:AssumeRole\"")),
    ROW("AliyunServiceRolePolicyForConfig", "What Cloud Config itself may do",
        ALLOW(
            "\"config:*\",\"oss:PutObject\",\"fc:InvokeFunction\",\"mns:PublishMessage\","
            "\"log:PostLogStoreLogs\",\"*:Get*\",\"*:List*\",\"*:Describe*\"") "," ALLOW_FOR("\"ram:"
                                                                                             "DeleteServiceLi"
                                                                                             "nkedRole\"",
                                                                                             "config."
                                                                                             "aliyuncs.com")),
    ROW("AliyunServiceRolePolicyForConfigRemediation", "What the remediation of Cloud Config may do",
        ALLOW("\"oos:*\",\"fc:InvokeFunction\"") "," ALLOW_FOR("\"ram:DeleteServiceLinkedRole\"",
                                                               "remediation.config.aliyuncs.com")),
    ROW("AliyunServiceRolePolicyForResourceDirectory", "What the resource directory itself may do",
        ALLOW("\"ram:CreateServiceLinkedRole\"") "," ALLOW_FOR("\"ram:DeleteServiceLinkedRole\"",
                                                               "resourcemanager.aliyuncs.com")),
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
