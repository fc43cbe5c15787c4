/*
 * Any bytes as a policy document of every kind: a document that passes must compile, decide, and give the
 * same verdict with and without explanation. The first byte picks the kind, the second the request.
 */
#include "policy/decide.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const pl_str texts[] = {
    PL_STR_INIT("acs:ram::1:role/Admin"), PL_STR_INIT("10.1.2.3"), PL_STR_INIT("7.5"),
    PL_STR_INIT("2026-01-01T00:00:00Z"),  PL_STR_INIT("true"),     PL_STR_INIT("a\xc3\xa9z")};

static pl_request request_of(uint8_t choice, const pl_context_entry *context) {
    static const char *const actions[] = {"ecs:StartInstance", "config:GetConfigRule", "sts:AssumeRole",
                                          "a:b"};
    static const char *const resources[] = {"*", "acs:ecs::1:instance/i-1", "acs:ram:*:1:role/Admin",
                                            "acs:x:y:z:w"};
    return (pl_request){.action = pl_str_from(actions[choice & 3]),
                        .resource = pl_str_from(resources[choice >> 2 & 3]),
                        .principal = {(pl_caller_kind)((choice >> 4) % 6), PL_ACCOUNT_MEMBER, PL_STR("1"),
                                      PL_STR("acs:ram::1:user/a")},
                        .context = context,
                        .context_count = 4};
}

static void decide(const pl_policy_set *set, pl_policy_kind kind, uint8_t choice) {
    const pl_context_entry context[] = {{PL_STR("acs:PrincipalARN"), texts, 1},
                                        {PL_STR("acs:SourceIp"), texts + 1, 1},
                                        {PL_STR("acs:CurrentTime"), texts + 3, 2},
                                        {PL_STR("k"), texts, 6}};
    const pl_control_level level = {PL_STR("r-1"), set};
    pl_authority authority = {.control = &level, .control_count = kind == PL_POLICY_CONTROL, .identity = set};
    pl_decision fast, full;
    pl_error error;
    if (kind == PL_POLICY_TRUST) {
        authority.trust = set;
        authority.trust_use = PL_TRUST_ALONE;
    }
    pl_request request = request_of(choice, context);
    if (pl_decide(&authority, &request, &fast, &error) != 0 ||
        pl_decide_explained(&authority, &request, &full, &error) != 0 || fast.verdict != full.verdict)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    pl_arena arena;
    pl_error error;
    const pl_policy *policy;
    pl_policy_set *set = NULL;
    pl_policy_source source = {(pl_policy_kind)(data[0] % 5), PL_STR("p"),
                               pl_str_of((const char *)data + 2, size - 2)};
    pl_arena_init(&arena, 1 << 26);
    int status = pl_policy_parse(&arena, source.kind, source.text, &policy, &error);
    if (status != 0 && error.position > source.text.n)
        abort();
    if (pl_policy_set_compile(&source, 1, 0, &set, NULL, &error) != status)
        abort();
    if (set)
        decide(set, source.kind, data[1]);
    pl_policy_set_release(set);
    pl_arena_free(&arena);
    return 0;
}
