/*
 * Decisions per second on one core: 50 statements, then the same with up to 5,000 statements of other
 * services.
 *
 * The policies are what an account has: read-only and full access to services, single actions on single
 * resources, conditions on source address, tag and time, a few denials. `--dump` prints them with the
 * requests as JSON, for the peers of bench/peers/policy.mjs. `--count PASSES` decides the requests under the
 * 50 statements that often and measures nothing, for instruction counts (bench/instructions.json).
 */
#include "policy/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SERVICES = 10, REQUESTS = 64, ROUNDS = 9, PER_ROUND = 200000, OTHERS_EACH = 25 };

static const char *const services[SERVICES] = {"ecs", "rds", "oss", "config", "ram",
                                               "vpc", "slb", "log", "kms",    "fc"};

/* Five statements about one service. */
static void add_service(pl_buf *out, const char *s) {
    pl_buf_printf(
        out,
        "{\"Effect\":\"Allow\",\"Action\":[\"%s:Describe*\",\"%s:Get*\",\"%s:List*\"],\"Resource\":\"*\"},"
        "{\"Effect\":\"Allow\",\"Action\":[\"%s:StartInstance\",\"%s:StopInstance\"],\"Resource\":"
        "[\"acs:%s:*:*:instance/web-*\",\"acs:%s:cn-hangzhou:*:instance/db-?\"]},"
        "{\"Effect\":\"Allow\",\"Action\":\"%s:CreateInstance\",\"Resource\":\"*\",\"Condition\":{"
        "\"IpAddress\":{\"acs:SourceIp\":[\"10.0.0.0/8\",\"192.168.1.0/24\"]},"
        "\"StringEquals\":{\"acs:RequestTag/team\":[\"web\",\"data\"]}}},"
        "{\"Effect\":\"Deny\",\"Action\":\"%s:Delete*\",\"Resource\":\"acs:%s:*:*:instance/prod-*\"},"
        "{\"Effect\":\"Allow\",\"Action\":\"%s:DeleteInstance\",\"Resource\":\"acs:%s:*:*:instance/*\","
        "\"Condition\":{\"DateLessThan\":{\"acs:CurrentTime\":\"2027-01-01T00:00:00Z\"}}}",
        s, s, s, s, s, s, s, s, s, s, s, s);
}

typedef struct workload {
    pl_buf texts[256];
    pl_policy_source sources[256];
    size_t count;
} workload;

static void add_policy(workload *w, const char *name, void (*fill)(pl_buf *, const char *)) {
    pl_buf *text = &w->texts[w->count];
    pl_buf_init(text, 1 << 20);
    pl_buf_add(text, PL_STR("{\"Version\":\"1\",\"Statement\":["));
    fill(text, name);
    pl_buf_add(text, PL_STR("]}"));
    w->sources[w->count++] = (pl_policy_source){PL_POLICY_SYSTEM, PL_STR("bench"), pl_buf_str(text)};
}

/* Statements of services that no request is about. */
static void add_other(pl_buf *out, const char *name) {
    for (int i = 0; i < OTHERS_EACH; i++)
        pl_buf_printf(out,
                      "%s{\"Effect\":\"Allow\",\"Action\":[\"%s%d:Get*\",\"%s%d:Do\"],\"Resource\":\"*\"}",
                      i ? "," : "", name, i, name, i);
}

static void fill_workload(workload *w, size_t others) {
    w->count = 0;
    for (size_t i = 0; i < SERVICES; i++)
        add_policy(w, services[i], add_service);
    for (size_t i = 0; i < others / OTHERS_EACH; i++) {
        char name[32];
        snprintf(name, sizeof name, "other%zux", i);
        add_policy(w, name, add_other);
    }
}

static void free_workload(workload *w) {
    while (w->count)
        pl_buf_free(&w->texts[--w->count]);
}

static const pl_str values[] = {PL_STR_INIT("10.20.30.40"), PL_STR_INIT("web"),
                                PL_STR_INIT("2026-11-22T02:00:00Z"), PL_STR_INIT("true"),
                                PL_STR_INIT("acs:ram::1234567890120003:user/alice")};
static const pl_context_entry context[] = {{PL_STR_INIT("acs:SourceIp"), values, 1},
                                           {PL_STR_INIT("acs:RequestTag/team"), values + 1, 1},
                                           {PL_STR_INIT("acs:CurrentTime"), values + 2, 1},
                                           {PL_STR_INIT("acs:SecureTransport"), values + 3, 1},
                                           {PL_STR_INIT("acs:PrincipalARN"), values + 4, 1}};

typedef struct asked {
    char action[64];
    char resource[128];
    pl_request request;
} asked;

static void fill_requests(asked *all) {
    static const char *const verbs[] = {"DescribeInstances", "StartInstance",  "CreateInstance",
                                        "DeleteInstance",    "DeleteInstance", "RebootInstance",
                                        "GetThing",          "StopInstance"};
    static const char *const names[] = {"web-17", "web-3", "new", "prod-1", "test-1", "web-1", "a", "db-7"};
    for (size_t i = 0; i < REQUESTS; i++) {
        const char *service = services[i * 7 % SERVICES];
        snprintf(all[i].action, sizeof all[i].action, "%s:%s", service, verbs[i % 8]);
        snprintf(all[i].resource, sizeof all[i].resource, "acs:%s:cn-hangzhou:1234567890120003:instance/%s",
                 service, names[i % 8]);
        all[i].request = (pl_request){
            .action = pl_str_from(all[i].action),
            .resource = pl_str_from(all[i].resource),
            .principal = {PL_CALLER_USER, PL_ACCOUNT_STANDALONE, PL_STR("1234567890120003"), values[4]},
            .context = context,
            .context_count = sizeof context / sizeof *context};
    }
}

static pl_policy_set *compile(const workload *w) {
    pl_policy_set *set = NULL;
    pl_error error;
    if (pl_policy_set_compile(w->sources, w->count, 0, &set, NULL, &error) != 0)
        fprintf(stderr, "%s\n", error.message);
    return set;
}

/* Processor time of this thread, so that others on the machine disturb little. */
static double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The median of several rounds, decisions per second; counts the allowed ones of one pass. */
static double measure(const pl_policy_set *set, const asked *all, size_t *allowed) {
    double rates[ROUNDS];
    pl_authority authority = {.identity = set};
    pl_decision decision;
    pl_error error;
    *allowed = 0;
    for (size_t i = 0; i < REQUESTS; i++)
        *allowed +=
            pl_decide(&authority, &all[i].request, &decision, &error) == 0 && decision.verdict == PL_ALLOW;
    for (size_t round = 0; round < ROUNDS; round++) {
        double started = clock_seconds();
        for (size_t i = 0; i < PER_ROUND; i++)
            pl_decide(&authority, &all[i % REQUESTS].request, &decision, &error);
        double rate = PER_ROUND / (clock_seconds() - started);
        size_t at = round;
        for (; at > 0 && rates[at - 1] > rate; at--)
            rates[at] = rates[at - 1];
        rates[at] = rate;
    }
    return rates[ROUNDS / 2];
}

static int run_all(const asked *all) {
    static const size_t others[] = {0, 50, 500, 5000};
    static workload w;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        size_t allowed;
        fill_workload(&w, others[i]);
        pl_policy_set *set = compile(&w);
        if (!set)
            return 1;
        double rate = measure(set, all, &allowed);
        printf(
            "policy: 50 statements and %zu of other services: %.0f decisions/s, %zu of %d allowed, %zu KiB\n",
            others[i], rate, allowed, REQUESTS, pl_policy_set_memory(set) / 1024);
        pl_policy_set_release(set);
        free_workload(&w);
    }
    return 0;
}

static int count(const asked *all, long passes) {
    static workload w;
    size_t allowed = 0;
    pl_decision decision;
    pl_error error;
    fill_workload(&w, 0);
    pl_policy_set *set = compile(&w);
    pl_authority authority = {.identity = set};
    for (long i = 0; set && i < passes * REQUESTS; i++)
        allowed += pl_decide(&authority, &all[i % REQUESTS].request, &decision, &error) == 0 &&
                   decision.verdict == PL_ALLOW;
    printf("%zu allowed\n", allowed);
    pl_policy_set_release(set);
    free_workload(&w);
    return set ? 0 : 1;
}

static int dump(const asked *all) {
    static workload w;
    fill_workload(&w, 0);
    printf("{\"policies\":[");
    for (size_t i = 0; i < w.count; i++)
        printf("%s%.*s", i ? "," : "", PL_FMT(w.sources[i].text));
    printf("],\"context\":{");
    for (size_t i = 0; i < sizeof context / sizeof *context; i++)
        printf("%s\"%.*s\":\"%.*s\"", i ? "," : "", PL_FMT(context[i].key), PL_FMT(context[i].values[0]));
    printf("},\"requests\":[");
    for (size_t i = 0; i < REQUESTS; i++)
        printf("%s{\"action\":\"%s\",\"resource\":\"%s\"}", i ? "," : "", all[i].action, all[i].resource);
    printf("]}\n");
    free_workload(&w);
    return 0;
}

int main(int argc, char **argv) {
    static asked all[REQUESTS];
    fill_requests(all);
    if (argc == 3 && strcmp(argv[1], "--count") == 0)
        return count(all, strtol(argv[2], NULL, 10));
    return argc == 2 && strcmp(argv[1], "--dump") == 0 ? dump(all) : run_all(all);
}
