/*
 * The decision against a slow and obvious evaluator on random policies; who decided and why; assuming roles;
 * limits; many statements.
 */
#include "support/testing.h"

#include "base/memory.h"
#include "policy/slow_evaluator.h"
#include "json/parser.h"

static pl_error error;

/* ---- random policies and requests ---- */

static uint64_t dice = 2026;

static size_t pick(size_t n) {
    dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
    return (size_t)((dice >> 33) % n);
}

#define CHOOSE(list) (list)[pick(sizeof(list) / sizeof *(list))]

static const char *const actions[] = {"ecs:Start",     "ecs:Stop",    "ecs:DescribeX", "rds:Start",
                                      "rds:DescribeY", "ram:GetRole", "ECS:START",     "oss:Put"};
static const char *const action_patterns[] = {
    "*",      "ecs:*",       "ecs:Start",     "ecs:St?p", "*:Describe*", "rds:D*Y",
    "r*:*e*", "ram:getrole", "ECS:DescribeX", "?ss:Put",  "oss:Pu",      "rds:Start"};
static const char *const resources[] = {"acs:ecs:cn-a:1:instance/i-1", "acs:ecs:*:1:*",
                                        "acs:ecs::1:instance/i-2",     "acs:ram::1:role/Admin",
                                        "acs:ram:*:1:role/admin",      "acs:rds:cn-b:2:db/x",
                                        "acs:oss:*:*:bucket/a:b/c",    "acs:ecs:cn-a:1:instance/\xc3\xa9",
                                        "acs:ram::1:user/Mixed",       "*"};
static const char *const resource_patterns[] = {"*",
                                                "acs:ecs:*:*:*",
                                                "acs:*:cn-?:1:*",
                                                "acs:ecs:*:1:instance/*",
                                                "acs:ecs::1:instance/i-2",
                                                "acs:ram:*:*:role/Admin",
                                                "acs:ram::1:role/*",
                                                "acs:*:*cn-b*:*:*",
                                                "acs:rds:cn-b:2:db/x",
                                                "acs:ecs:*:1:*",
                                                "acs:*",
                                                "acs:**:1:*",
                                                "acs:oss:*:?:bucket/?:?/*",
                                                "acs:ecs:*:*:instance/?",
                                                "acs:ecs:::instance/?",
                                                "acs:ram:*:*:user/M?XED"};
static const char *const keys[] = {"acs:SourceIp",    "acs:sourceip",     "test:N",
                                   "acs:CurrentTime", "acs:PrincipalARN", "test:B"};
static const char *const texts[] = {"dev",
                                    "Dev",
                                    "prod",
                                    "acs:ram::1:role/Admin",
                                    "acs:ram::1:role/admin",
                                    "",
                                    "10",
                                    "true",
                                    "10.1.2.3",
                                    "d\xc3\xa9v",
                                    "${acs:PrincipalARN}",
                                    "d*v",
                                    "1e1",
                                    "1.",
                                    "yes"};
static const char *const text_patterns[] = {"d*",
                                            "?ev",
                                            "*",
                                            "acs:ram:*:*:role/ADMIN",
                                            "prod",
                                            "Dev",
                                            "1?",
                                            "",
                                            "10.1.2.3",
                                            "d?v",
                                            "**",
                                            "?*",
                                            "*?",
                                            "d*v",
                                            "*v*",
                                            "${acs:*}",
                                            "$?acs:PrincipalARN?",
                                            "????"};
static const char *const numbers[] = {"1",    "1.0", "-3",  "10",    "9.75",   "0",
                                      "-0.0", "+10", "007", "9.750", "-3.0001"};
static const char *const dates[] = {"2026-01-01T00:00:00Z",      "2026-01-01T08:00:00+08:00",
                                    "2026-01-01T00:00:00.5Z",    "2026-06-01",
                                    "2025-12-31T19:00:00-05:00", "2026-01-01T00:00Z"};
static const char *const truths[] = {"true", "false", "TRUE", "False"};
static const char *const blocks[] = {
    "10.0.0.0/8", "10.1.2.3", "10.1.2.0/31", "0.0.0.0/0",   "2001:db8::/33",
    "::1",        "::/0",     "10.1.2.3/8",  "10.1.2.3/32", "2001:db8::ffff/32"};
static const char *const addresses[] = {"10.1.2.3",        "10.1.2.1",  "11.0.0.1", "2001:db8::5",
                                        "2001:db8:8000::", "::1",       "no",       "10.1.2.3/32",
                                        "010.1.2.3",       "1767225600"};

static void add_list(pl_buf *out, const char *const *from, size_t n) {
    size_t count = 1 + pick(3);
    if (count == 1 && pick(2)) { /* one value means the same as a list of it */
        pl_buf_printf(out, "\"%s\"", from[pick(n)]);
        return;
    }
    pl_buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++)
        pl_buf_printf(out, "%s\"%s\"", i ? "," : "", from[pick(n)]);
    pl_buf_add_char(out, ']');
}

#define ADD_LIST(out, list) add_list((out), (list), sizeof(list) / sizeof *(list))

static void add_values(pl_buf *out, pl_str name) {
    if (pl_str_starts(name, PL_STR("Num")))
        ADD_LIST(out, numbers);
    else if (pl_str_starts(name, PL_STR("Date")))
        ADD_LIST(out, dates);
    else if (pl_str_is(name, "Bool"))
        ADD_LIST(out, truths);
    else if (pl_str_find(name, PL_STR("Ip")) != PL_NOT_FOUND)
        ADD_LIST(out, blocks);
    else
        ADD_LIST(out, text_patterns);
}

static void add_condition(pl_buf *out) {
    size_t first = pick(PL_POLICY_OPERATOR_COUNT), count = 1 + pick(2);
    pl_buf_add(out, PL_STR(",\"Condition\":{"));
    for (size_t i = 0; i < count; i++) {
        pl_str name =
            pl_policy_operator_name((pl_policy_operator)((first + i * 7) % PL_POLICY_OPERATOR_COUNT));
        pl_buf_printf(out, "%s\"%.*s\":{\"%s\":", i ? "," : "", PL_FMT(name), CHOOSE(keys));
        add_values(out, name);
        pl_buf_add_char(out, '}');
    }
    pl_buf_add_char(out, '}');
}

static void add_target(pl_buf *out, bool trust) {
    static const char *const principals[] = {
        "{\"RAM\":[\"acs:ram::1:root\"]}", "{\"RAM\":[\"acs:ram::1:user/a\",\"acs:ram::2:root\"]}",
        "{\"Service\":[\"ecs.aliyuncs.com\"]}",
        "{\"Federated\":[\"acs:ram::1:saml-provider/p\"],\"RAM\":[\"acs:ram::1:role/r\"]}"};
    if (trust) {
        pl_buf_printf(out, ",\"Principal\":%s", CHOOSE(principals));
        return;
    }
    pl_buf_printf(out, ",\"%s\":", pick(8) ? "Resource" : "NotResource");
    ADD_LIST(out, resource_patterns);
}

static void add_document(pl_buf *out, bool trust) {
    size_t count = 1 + pick(3);
    pl_buf_add(out, PL_STR("{\"Version\":\"1\",\"Statement\":["));
    for (size_t i = 0; i < count; i++) {
        pl_buf_printf(out, "%s{\"Effect\":\"%s\",\"%s\":", i ? "," : "", pick(4) ? "Allow" : "Deny",
                      pick(8) ? "Action" : "NotAction");
        ADD_LIST(out, action_patterns);
        add_target(out, trust);
        if (pick(3) == 0)
            add_condition(out);
        else if (pick(8) == 0)
            pl_buf_add(out, PL_STR(",\"Condition\":{}"));
        pl_buf_add_char(out, '}');
    }
    pl_buf_add(out, PL_STR("]}"));
}

/* The same random policies as a compiled set and as documents for the slow evaluator. */
static pl_policy_set *random_set(pl_arena *arena, pl_policy_kind kind, slow_set *slow) {
    pl_policy_source sources[SLOW_MAX_POLICIES];
    pl_policy_set *set = NULL;
    slow->count = pick(4);
    for (size_t i = 0; i < slow->count; i++) {
        pl_buf text;
        pl_buf_init(&text, 1 << 20);
        add_document(&text, kind == PL_POLICY_TRUST);
        sources[i] = (pl_policy_source){kind, PL_STR("p"), pl_arena_copy(arena, pl_buf_str(&text))};
        pl_buf_free(&text);
        assert_int_equal(pl_json_parse_in(arena, sources[i].text, &slow->documents[i], &error), 0);
    }
    if (pl_policy_set_compile(sources, slow->count, dice, &set, NULL, &error) != 0)
        fail_msg("%s", error.message);
    return set;
}

static pl_str random_value(void) {
    switch (pick(5)) {
    case 0: return pl_str_from(CHOOSE(numbers));
    case 1: return pl_str_from(CHOOSE(dates));
    case 2: return pl_str_from(CHOOSE(truths));
    case 3: return pl_str_from(CHOOSE(addresses));
    default: return pl_str_from(CHOOSE(texts));
    }
}

typedef struct request_space {
    pl_context_entry entries[4];
    pl_str values[4][3];
} request_space;

static pl_request random_request(request_space *space) {
    static const char *const arns[] = {"acs:ram::1:root",   "acs:ram::1:user/a",
                                       "acs:ram::1:role/r", "acs:ram::1:role/slr",
                                       "ecs.aliyuncs.com",  "acs:ram::1:saml-provider/p"};
    pl_request request = {.action = pl_str_from(CHOOSE(actions)), .resource = pl_str_from(CHOOSE(resources))};
    request.principal.kind = pick(6) ? (pl_caller_kind)(1 + pick(2)) : (pl_caller_kind)pick(6);
    request.principal.account_role = (pl_account_role)pick(3);
    request.principal.account_id = pl_str_from(pick(4) ? "1" : "2");
    request.principal.arn = pl_str_from(arns[request.principal.kind]);
    request.context = space->entries;
    for (size_t i = 0, n = pick(4); i < n; i++) {
        pl_str key = pl_str_from(keys[(i * 2 + pick(2)) % 6]);
        for (size_t j = 0; j < 3; j++)
            space->values[i][j] = random_value();
        space->entries[request.context_count++] =
            (pl_context_entry){key, space->values[i], pick(8) ? 1 + pick(3) : 0};
    }
    return request;
}

typedef struct world {
    slow_authority slow;
    pl_control_level levels[4];
    pl_authority authority;
    pl_policy_set *sets[8];
    size_t set_count;
} world;

static const pl_policy_set *keep(world *w, pl_policy_set *set) {
    return w->sets[w->set_count++] = set;
}

static void random_world(pl_arena *arena, world *w) {
    *w = (world){.set_count = 0};
    w->slow.level_count = pick(4);
    for (size_t i = 0; i < w->slow.level_count; i++)
        w->levels[i].set = keep(w, random_set(arena, PL_POLICY_CONTROL, &w->slow.levels[i]));
    w->slow.has_session = pick(4) == 0;
    w->slow.has_group = pick(3) == 0;
    w->slow.trust_use = pick(4) ? PL_TRUST_NONE : (pl_trust_use)pick(3);
    w->authority = (pl_authority){
        .control = w->levels, .control_count = w->slow.level_count, .trust_use = w->slow.trust_use};
    w->authority.identity = keep(w, random_set(arena, PL_POLICY_IDENTITY, &w->slow.identity));
    if (w->slow.has_session)
        w->authority.session = keep(w, random_set(arena, PL_POLICY_SESSION, &w->slow.session));
    if (w->slow.has_group)
        w->authority.resource_group = keep(w, random_set(arena, PL_POLICY_SYSTEM, &w->slow.group));
    if (w->slow.trust_use != PL_TRUST_NONE)
        w->authority.trust = keep(w, random_set(arena, PL_POLICY_TRUST, &w->slow.trust));
}

static void compare(const world *w, const pl_request *request, size_t tally[3]) {
    pl_decision fast, full;
    slow_result slow = slow_decide(&w->slow, request);
    assert_int_equal(pl_decide(&w->authority, request, &fast, &error), 0);
    assert_int_equal(pl_decide_explained(&w->authority, request, &full, &error), 0);
    assert_int_equal(fast.verdict, slow.verdict);
    assert_int_equal(fast.decided_by, slow.decider);
    assert_int_equal(fast.level, slow.level);
    assert_int_equal(full.verdict, slow.verdict);
    assert_int_equal(full.decided_by, slow.decider);
    assert_int_equal(full.matched_total, slow.applicable);
    assert_true(fast.matched_total <= full.matched_total);
    if (slow.verdict == PL_EXPLICIT_DENY)
        assert_int_equal(fast.matched[fast.matched_count - 1].effect, PL_EFFECT_DENY);
    tally[slow.verdict]++;
}

static void decisions_are_those_of_the_obvious_evaluator(void **state) {
    (void)state;
    size_t tally[3] = {0};
    for (int i = 0; i < 4000; i++) {
        pl_arena arena;
        world w;
        pl_arena_init(&arena, 16 << 20);
        random_world(&arena, &w);
        for (int j = 0; j < 25; j++) {
            request_space space;
            pl_request request = random_request(&space);
            compare(&w, &request, tally);
        }
        while (w.set_count)
            pl_policy_set_release(w.sets[--w.set_count]);
        pl_arena_free(&arena);
    }
    for (int verdict = 0; verdict < 3; verdict++)
        assert_true(tally[verdict] > 10000);
}

/* ---- who decided ---- */

static pl_policy_set *compiled(pl_policy_kind kind, const char *const *documents, size_t count) {
    pl_policy_source sources[8];
    pl_policy_set *set = NULL;
    for (size_t i = 0; i < count; i++)
        sources[i] = (pl_policy_source){kind, PL_STR("named"), pl_str_from(documents[i])};
    if (pl_policy_set_compile(sources, count, 1, &set, NULL, &error) != 0)
        fail_msg("%s", error.message);
    return set;
}

#define STATEMENT(effect, action) "{\"Effect\":\"" effect "\",\"Action\":\"" action "\",\"Resource\":\"*\"}"
#define DOCUMENT(statements) "{\"Version\":\"1\",\"Statement\":[" statements "]}"
#define TRUSTED(effect, principal)                                                                           \
    DOCUMENT("{\"Effect\":\"" effect "\",\"Action\":\"sts:AssumeRole\",\"Principal\":{" principal "}}")

static const char *const everything[] = {DOCUMENT(STATEMENT("Allow", "*"))};

static pl_request ask(const char *action) {
    return (pl_request){
        .action = pl_str_from(action),
        .resource = PL_STR("acs:ecs:cn-a:1:instance/i-1"),
        .principal = {PL_CALLER_USER, PL_ACCOUNT_MEMBER, PL_STR("1"), PL_STR("acs:ram::1:user/a")}};
}

static void the_denying_level_and_statement_are_named(void **state) {
    (void)state;
    static const char *const folder[] = {
        DOCUMENT(STATEMENT("Allow", "*")),
        DOCUMENT(STATEMENT("Allow", "rds:*") "," STATEMENT("Deny", "ecs:S*"))};
    pl_policy_set *open = compiled(PL_POLICY_SYSTEM, everything, 1),
                  *closed = compiled(PL_POLICY_CONTROL, folder, 2);
    const pl_control_level levels[] = {{PL_STR("r-1"), open}, {PL_STR("fd-1"), closed}, {PL_STR("1"), open}};
    pl_authority authority = {.control = levels, .control_count = 3, .identity = open};
    pl_request request = ask("ecs:StopInstance");
    pl_decision d;
    assert_int_equal(pl_decide(&authority, &request, &d, &error), 0);
    assert_int_equal(d.verdict, PL_EXPLICIT_DENY);
    assert_int_equal(d.decided_by, PL_BY_CONTROL_POLICY);
    assert_str(d.decided_at, "fd-1");
    assert_str(pl_decider_policy_type(d.decided_by), "ControlPolicy");
    assert_str(pl_ruling_name(d.verdict), "ExplicitDeny");
    const pl_matched_statement *last = &d.matched[d.matched_count - 1];
    assert_ptr_equal(last->set, closed);
    assert_int_equal(last->policy, 1);
    assert_int_equal(last->statement, 1);
    assert_str(pl_policy_set_name(last->set, last->policy), "named");
    request.action = PL_STR("rds:Stop");
    assert_int_equal(pl_decide_explained(&authority, &request, &d, &error), 0);
    assert_int_equal(d.verdict, PL_ALLOW);
    assert_int_equal(d.decided_by, PL_BY_IDENTITY_POLICY);
    assert_int_equal(d.matched_total, 5);
    pl_policy_set_release(open);
    pl_policy_set_release(closed);
}

static void assuming_a_role_needs_both_sides(void **state) {
    (void)state;
    static const char *const mine[] = {TRUSTED("Allow", "\"RAM\":\"acs:ram::1:root\"")};
    static const char *const other[] = {TRUSTED("Allow", "\"RAM\":\"acs:ram::2:root\"")};
    static const char *const longer[] = {TRUSTED("Allow", "\"RAM\":\"acs:ram::12:root\"")};
    static const char *const refusing[] = {TRUSTED("Allow", "\"RAM\":\"acs:ram::1:root\""),
                                           TRUSTED("Deny", "\"RAM\":\"acs:ram::1:user/a\"")};
    static const char *const service[] = {TRUSTED("Allow", "\"Service\":\"config.aliyuncs.com\"")};
    const struct {
        const char *const *trust;
        size_t count;
        bool identity;
        pl_trust_use use;
        pl_ruling verdict;
        pl_decider decider;
    } cases[] = {
        {mine, 1, true, PL_TRUST_AND_IDENTITY, PL_ALLOW, PL_BY_TRUST_POLICY},
        {mine, 1, false, PL_TRUST_AND_IDENTITY, PL_IMPLICIT_DENY, PL_BY_IDENTITY_POLICY},
        {other, 1, true, PL_TRUST_AND_IDENTITY, PL_IMPLICIT_DENY, PL_BY_TRUST_POLICY},
        {longer, 1, true, PL_TRUST_AND_IDENTITY, PL_IMPLICIT_DENY, PL_BY_TRUST_POLICY},
        {refusing, 2, true, PL_TRUST_AND_IDENTITY, PL_EXPLICIT_DENY, PL_BY_TRUST_POLICY},
        {refusing, 2, false, PL_TRUST_AND_IDENTITY, PL_EXPLICIT_DENY, PL_BY_TRUST_POLICY},
        {service, 1, true, PL_TRUST_AND_IDENTITY, PL_IMPLICIT_DENY, PL_BY_TRUST_POLICY},
        {mine, 1, false, PL_TRUST_ALONE, PL_ALLOW, PL_BY_TRUST_POLICY},
    };
    pl_policy_set *open = compiled(PL_POLICY_SYSTEM, everything, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_policy_set *trust = compiled(PL_POLICY_TRUST, cases[i].trust, cases[i].count);
        pl_authority authority = {
            .identity = cases[i].identity ? open : NULL, .trust = trust, .trust_use = cases[i].use};
        pl_request request = ask("sts:AssumeRole");
        pl_decision d;
        assert_int_equal(pl_decide(&authority, &request, &d, &error), 0);
        assert_int_equal(d.verdict, cases[i].verdict);
        assert_int_equal(d.decided_by, cases[i].decider);
        pl_policy_set_release(trust);
    }
    pl_policy_set_release(open);
}

/* ---- limits and size ---- */

static void what_cannot_be_evaluated_is_denied_with_an_error(void **state) {
    (void)state;
    static char text[PL_REQUEST_MAX_VALUE + 2];
    memset(text, 'a', sizeof text - 1);
    text[1] = ':';
    pl_str value = pl_str_of(text, PL_REQUEST_MAX_VALUE + 1);
    pl_context_entry entry = {PL_STR("k"), &value, 1};
    pl_policy_set *open = compiled(PL_POLICY_SYSTEM, everything, 1);
    pl_authority authority = {.identity = open};
    pl_request requests[9];
    for (size_t i = 0; i < 9; i++)
        requests[i] = ask("ecs:Start");
    requests[0].action = PL_STR("");
    requests[1].action = PL_STR("ecs");
    requests[2].action = PL_STR(":Start");
    requests[3].action = pl_str_of(text, PL_REQUEST_MAX_ACTION + 1);
    requests[4].resource = PL_STR("");
    requests[5].resource = pl_str_of(text, PL_REQUEST_MAX_RESOURCE + 1);
    requests[6].context = &entry;
    requests[6].context_count = 1;
    requests[7].context = &entry;
    requests[7].context_count = PL_REQUEST_MAX_CONTEXT + 1;
    requests[8].action = PL_STR("ecs:");
    for (size_t i = 0; i < 9; i++) {
        pl_decision d = {.verdict = PL_ALLOW};
        assert_int_equal(pl_decide(&authority, &requests[i], &d, &error), -1);
        assert_string_equal(error.code, "InvalidParameter");
        assert_int_equal(d.verdict, PL_IMPLICIT_DENY);
        assert_int_equal(d.decided_by, PL_BY_NOBODY);
    }
    pl_decision d;
    value.n--;
    requests[5].resource.n--;
    requests[5].context = &entry;
    requests[5].context_count = 1;
    assert_int_equal(pl_decide(&authority, &requests[5], &d, &error), 0);
    assert_int_equal(d.verdict, PL_ALLOW);
    pl_policy_set_release(open);
}

static void more_levels_than_allowed_deny(void **state) {
    (void)state;
    static pl_control_level levels[PL_DECISION_MAX_LEVELS + 1];
    pl_policy_set *open = compiled(PL_POLICY_SYSTEM, everything, 1);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        levels[i] = (pl_control_level){PL_STR("fd"), open};
    pl_authority authority = {.control = levels, .control_count = PL_DECISION_MAX_LEVELS, .identity = open};
    pl_request request = ask("ecs:Start");
    pl_decision d;
    assert_int_equal(pl_decide(&authority, &request, &d, &error), 0);
    assert_int_equal(d.verdict, PL_ALLOW);
    authority.control_count++;
    assert_int_equal(pl_decide(&authority, &request, &d, &error), -1);
    assert_string_equal(error.code, "InvalidParameter");
    assert_int_equal(d.verdict, PL_IMPLICIT_DENY);
    assert_int_equal(d.decided_by, PL_BY_NOBODY);
    pl_policy_set_release(open);
}

/* All are counted, the first are named. */
static void many_applicable_statements_are_counted(void **state) {
    (void)state;
    enum { STATEMENTS = PL_DECISION_MAX_MATCHED + 5 };
    const char *documents[1];
    pl_buf text;
    pl_buf_init(&text, 1 << 16);
    for (size_t i = 0; i < STATEMENTS; i++)
        pl_buf_printf(&text, "%s%s", i ? "," : "{\"Version\":\"1\",\"Statement\":[",
                      STATEMENT("Allow", "ecs:*"));
    pl_buf_add(&text, PL_STR("]}\0"));
    documents[0] = text.p;
    pl_policy_set *set = compiled(PL_POLICY_IDENTITY, documents, 1);
    pl_authority authority = {.identity = set};
    pl_request request = ask("ecs:Start");
    pl_decision d;
    assert_int_equal(pl_decide_explained(&authority, &request, &d, &error), 0);
    assert_int_equal(d.verdict, PL_ALLOW);
    assert_int_equal(d.matched_total, STATEMENTS);
    assert_int_equal(d.matched_count, PL_DECISION_MAX_MATCHED);
    for (size_t i = 0; i < d.matched_count; i++)
        assert_int_equal(d.matched[i].statement, i);
    pl_policy_set_release(set);
    pl_buf_free(&text);
}

/* A resource need not be an ARN; only the region of one is read both ways. */
static void resources_of_any_form_are_compared(void **state) {
    (void)state;
    static const struct {
        const char *element, *pattern, *resource;
        pl_ruling verdict;
    } cases[] = {
        {"Resource", "acs:*", "thing", PL_IMPLICIT_DENY},
        {"NotResource", "acs:*", "thing", PL_ALLOW},
        {"Resource", "acs:ecs*", "acs:ecs", PL_ALLOW},
        {"Resource", "acs:ecs:*", "acs:ecs", PL_IMPLICIT_DENY},
        {"Resource", "acs:ecs:*", "acs:ecs:cn-a", PL_ALLOW},
        {"Resource", "acs:ecs::*", "acs:ecs:cn-a", PL_IMPLICIT_DENY},
        {"NotResource", "acs:ecs::1:x", "arn:ecs:*:1:x", PL_ALLOW},
        {"Resource", "acs:ecs::1:x", "arn:ecs:*:1:x", PL_IMPLICIT_DENY},
        {"Resource", "acs:ecs::1:x", "acs:ecs:*:1:x", PL_ALLOW},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        const char *documents[] = {text};
        snprintf(text, sizeof text, DOCUMENT("{\"Effect\":\"Allow\",\"Action\":\"*\",\"%s\":\"%s\"}"),
                 cases[i].element, cases[i].pattern);
        pl_policy_set *set = compiled(PL_POLICY_IDENTITY, documents, 1);
        pl_authority authority = {.identity = set};
        pl_request request = ask("ecs:Start");
        request.resource = pl_str_from(cases[i].resource);
        pl_decision d;
        assert_int_equal(pl_decide(&authority, &request, &d, &error), 0);
        if (d.verdict != cases[i].verdict)
            fail_msg("%s %s on %s", cases[i].element, cases[i].pattern, cases[i].resource);
        pl_policy_set_release(set);
    }
}

static void each_step_has_its_policy_type(void **state) {
    (void)state;
    assert_str(pl_decider_policy_type(PL_BY_OWNER), "AccountLevelIdentityBasedPolicy");
    assert_str(pl_decider_policy_type(PL_BY_CONTROL_POLICY), "ControlPolicy");
    assert_str(pl_decider_policy_type(PL_BY_SESSION_POLICY), "SessionPolicy");
    assert_str(pl_decider_policy_type(PL_BY_IDENTITY_POLICY), "AccountLevelIdentityBasedPolicy");
    assert_str(pl_decider_policy_type(PL_BY_RESOURCE_GROUP_POLICY), "ResourceGroupLevelIdentityBasedPolicy");
    assert_str(pl_decider_policy_type(PL_BY_TRUST_POLICY), "AssumeRolePolicy");
}

static void a_decision_allocates_nothing(void **state) {
    (void)state;
    static const char *const policies[] = {
        DOCUMENT("{\"Effect\":\"Allow\",\"Action\":[\"*:S*\"],\"Resource\":\"acs:*:*:*:*i-?\",\"Condition\":"
                 "{\"StringLike\":{\"k\":\"*a?b*\"},\"IpAddress\":{\"ip\":\"10.0.0.0/8\"}}}")};
    static const pl_str values[] = {PL_STR_INIT("xxacb"), PL_STR_INIT("10.2.3.4")};
    const pl_context_entry context[] = {{PL_STR("k"), &values[0], 1}, {PL_STR("IP"), &values[1], 1}};
    pl_policy_set *set = compiled(PL_POLICY_IDENTITY, policies, 1);
    pl_authority authority = {.identity = set};
    pl_request request = ask("ecs:Start");
    request.context = context;
    request.context_count = 2;
    pl_decision d;
    pl_memory_fail_after(0);
    int status = pl_decide_explained(&authority, &request, &d, &error);
    pl_memory_fail_after(-1);
    assert_int_equal(status, 0);
    assert_int_equal(d.verdict, PL_ALLOW);
    pl_policy_set_release(set);
}

static void a_thousand_statements_are_all_seen(void **state) {
    (void)state;
    enum { POLICIES = 20, EACH = 50 };
    static pl_policy_source sources[POLICIES];
    pl_arena arena;
    pl_policy_set *set = NULL;
    pl_arena_init(&arena, 1 << 24);
    for (size_t i = 0; i < POLICIES; i++) {
        pl_buf text;
        pl_buf_init(&text, 1 << 16);
        pl_buf_add(&text, PL_STR("{\"Version\":\"1\",\"Statement\":["));
        for (size_t j = 0; j < EACH; j++)
            pl_buf_printf(&text, "%s{\"Effect\":\"Allow\",\"Action\":\"s:Op%zu*\",\"Resource\":\"*\"}",
                          j ? "," : "", i * EACH + j);
        pl_buf_add(&text, PL_STR("]}"));
        sources[i] =
            (pl_policy_source){PL_POLICY_IDENTITY, PL_STR("p"), pl_arena_copy(&arena, pl_buf_str(&text))};
        pl_buf_free(&text);
    }
    if (pl_policy_set_compile(sources, POLICIES, 3, &set, NULL, &error) != 0)
        fail_msg("%s", error.message);
    pl_authority authority = {.identity = set};
    for (size_t i = 0; i < POLICIES * EACH; i += 37) {
        char action[32];
        pl_decision d;
        snprintf(action, sizeof action, "s:op%zu", i);
        pl_request request = ask(action);
        assert_int_equal(pl_decide_explained(&authority, &request, &d, &error), 0);
        assert_int_equal(d.verdict, PL_ALLOW);
        assert_int_equal(
            d.matched[d.matched_count - 1].policy * EACH + d.matched[d.matched_count - 1].statement, i);
    }
    assert_true(pl_policy_set_memory(set) < 4 << 20);
    pl_policy_set_release(set);
    pl_arena_free(&arena);
}

static void compiling_survives_every_failed_allocation(void **state) {
    (void)state;
    const pl_policy_source sources[] = {
        {PL_POLICY_IDENTITY, PL_STR("a"), pl_str_from(everything[0])},
        {PL_POLICY_IDENTITY, PL_STR("b"),
         PL_STR(DOCUMENT(
             "{\"Effect\":\"Deny\",\"NotAction\":[\"a:b\",\"c:*\"],\"Resource\":\"acs:x:*\",\"Condition\":"
             "{\"Bool\":{\"k\":\"true\"}}}"))}};
    int status = -1;
    for (long n = 0; status != 0; n++) {
        pl_policy_set *set = NULL;
        pl_memory_fail_after(n);
        status = pl_policy_set_compile(sources, 2, 0, &set, NULL, &error);
        pl_memory_fail_after(-1);
        assert_true(n < 200);
        if (status != 0)
            assert_string_equal(error.code, "ServiceUnavailable");
        pl_policy_set_release(set);
    }
}

static void a_set_may_be_empty_but_not_without_bounds(void **state) {
    (void)state;
    pl_policy_set *set = NULL;
    pl_decision d;
    pl_request request = ask("ecs:Start");
    assert_int_equal(pl_policy_set_compile(NULL, PL_POLICY_SET_MAX_POLICIES + 1, 0, &set, NULL, &error), -1);
    assert_string_equal(error.message, "10001 policies are more than 10000");
    assert_null(set);
    assert_int_equal(pl_policy_set_compile(NULL, 0, 0, &set, NULL, &error), 0);
    pl_authority authority = {.identity = set};
    assert_int_equal(pl_decide(&authority, &request, &d, &error), 0);
    assert_int_equal(d.verdict, PL_IMPLICIT_DENY);
    pl_policy_set_release(set);
}

static void a_set_lives_as_long_as_somebody_holds_it(void **state) {
    (void)state;
    pl_policy_source source = {PL_POLICY_IDENTITY, PL_STR_NONE, pl_str_from(everything[0])};
    pl_policy_set *set = NULL;
    assert_int_equal(pl_policy_set_compile(&source, 1, 0, &set, NULL, &error), 0);
    assert_ptr_equal(pl_policy_set_retain(set), set);
    pl_policy_set_release(set);
    assert_null(pl_policy_set_name(set, 0).p);
    assert_int_equal(pl_policy_set_policy(set, 0)->statement_count, 1);
    pl_policy_set_release(set);
}

static void a_policy_without_text_is_malformed(void **state) {
    (void)state;
    pl_policy_source source = {PL_POLICY_IDENTITY, PL_STR("a"), PL_STR_NONE};
    pl_policy_set *set = NULL;
    assert_int_equal(pl_policy_set_compile(&source, 1, 0, &set, NULL, &error), -1);
    assert_string_equal(error.code, "MalformedPolicyDocument");
    assert_null(set);
}

static void the_bad_policy_is_named(void **state) {
    (void)state;
    const pl_policy_source sources[] = {{PL_POLICY_IDENTITY, PL_STR("a"), pl_str_from(everything[0])},
                                        {PL_POLICY_IDENTITY, PL_STR("b"), PL_STR("{}")}};
    pl_policy_set *set = NULL;
    size_t bad = 99;
    assert_int_equal(pl_policy_set_compile(sources, 2, 0, &set, &bad, &error), -1);
    assert_int_equal(bad, 1);
    assert_null(set);
}

static void a_set_knows_whether_it_asks_for_tags_of_resources(void **state) {
    (void)state;
    static const struct {
        const char *key;
        bool reads;
    } cases[] = {{"acs:ResourceTag/env", true},
                 {"ACS:resourcetag/Env", true},
                 {"acs:ResourceTag/", false},
                 {"acs:RequestTag/env", false},
                 {"rds:ResourceTag/env", false}};
    assert_false(pl_policy_set_reads_resource_tags(NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        pl_policy_set *set;
        snprintf(
            text, sizeof text,
            "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\","
            "\"Condition\":{\"StringEquals\":{\"%s\":\"x\"}}}]}",
            cases[i].key);
        pl_policy_source source = {PL_POLICY_IDENTITY, PL_STR("tags"), pl_str_from(text)};
        assert_int_equal(pl_policy_set_compile(&source, 1, 0, &set, NULL, &error), 0);
        assert_int_equal(pl_policy_set_reads_resource_tags(set), cases[i].reads);
        pl_policy_set_release(set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions_are_those_of_the_obvious_evaluator),
        cmocka_unit_test(the_denying_level_and_statement_are_named),
        cmocka_unit_test(assuming_a_role_needs_both_sides),
        cmocka_unit_test(what_cannot_be_evaluated_is_denied_with_an_error),
        cmocka_unit_test(more_levels_than_allowed_deny),
        cmocka_unit_test(many_applicable_statements_are_counted),
        cmocka_unit_test(resources_of_any_form_are_compared),
        cmocka_unit_test(each_step_has_its_policy_type),
        cmocka_unit_test(a_set_may_be_empty_but_not_without_bounds),
        cmocka_unit_test(a_set_lives_as_long_as_somebody_holds_it),
        cmocka_unit_test(a_policy_without_text_is_malformed),
        cmocka_unit_test(a_decision_allocates_nothing),
        cmocka_unit_test(a_thousand_statements_are_all_seen),
        cmocka_unit_test(compiling_survives_every_failed_allocation),
        cmocka_unit_test(the_bad_policy_is_named),
        cmocka_unit_test(a_set_knows_whether_it_asks_for_tags_of_resources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
