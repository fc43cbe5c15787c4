/*
 * What bench_evaluate measures with: ECS instances of about 1.4 KB and the rules that are put to them.
 *
 * The documents have the members that DescribeInstances returns, in its order, with values that vary as they
 * do in an account (a tenth stopped, an eighth with a public address, some without optional members). The
 * first 20 rules are managed rules of the catalogue with parameters; the others are conditions as users write
 * them, over the same paths and over others. Everything is made from fixed seeds, so two runs see the same
 * bytes.
 */
#ifndef BENCH_EVALUATE_WORK_H
#define BENCH_EVALUATE_WORK_H

#include "catalogue/catalogue.h"
#include "condition/program.h"
#include "json/parser.h"

#include <stdio.h>

enum { WORK_DOCUMENTS = 1000, WORK_MANAGED = 20, WORK_RULES = 100 };

typedef struct work_documents {
    pl_arena arena;
    pl_str texts[WORK_DOCUMENTS]; /* PL_JSON_PADDING bytes are readable behind each */
    size_t bytes;
} work_documents;

static uint64_t work_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return *seed >> 33;
}

#define WORK_PICK(seed, list) (list)[work_random(seed) % (sizeof(list) / sizeof *(list))]

static inline void work_write_head(pl_buf *out, uint64_t *seed, uint64_t id) {
    static const char *const types[] = {"ecs.g7.large", "ecs.g7.xlarge", "ecs.c7.large", "ecs.r7.2xlarge",
                                        "ecs.t5-lc1m1.small"};
    static const char *const families[] = {"ecs.g7", "ecs.g7", "ecs.c7", "ecs.r7", "ecs.t5"};
    static const int cpus[] = {2, 4, 2, 8, 1}, memory[] = {8192, 16384, 4096, 65536, 1024};
    size_t type = work_random(seed) % 5;
    pl_buf_printf(
        out,
        "{\"ImageId\":\"aliyun_3_x64_20G_alibase_2024%02u28.vhd\",\"InstanceType\":\"%s\","
        "\"DeviceAvailable\":true,\"InstanceNetworkType\":\"%s\",\"LocalStorageAmount\":0,"
        "\"IsSpot\":false,\"InstanceChargeType\":\"%s\",\"ClusterId\":\"\",\"InstanceName\":\"web-%05u\","
        "\"CreditSpecification\":\"\",\"GPUAmount\":0,\"StartTime\":\"2025-0%u-11T02:16Z\",",
        (unsigned)(work_random(seed) % 12 + 1), types[type], work_random(seed) % 16 ? "vpc" : "classic",
        work_random(seed) % 3 ? "PostPaid" : "PrePaid", (unsigned)id, (unsigned)(work_random(seed) % 9 + 1));
    pl_buf_printf(out,
                  "\"ZoneId\":\"cn-hangzhou-%c\",\"InternetChargeType\":\"%s\",\"InternetMaxBandwidthIn\":%u,"
                  "\"HostName\":\"iZbp1plumb%08llxZ\",\"Cpu\":%d,\"Status\":\"%s\",\"OSName\":\"%s\",",
                  (char)('g' + work_random(seed) % 4),
                  work_random(seed) % 4 ? "PayByTraffic" : "PayByBandwidth",
                  (unsigned)(work_random(seed) % 5 * 50), (unsigned long long)(id * 2654435761u), cpus[type],
                  work_random(seed) % 10 ? "Running" : "Stopped",
                  work_random(seed) % 5 ? "Alibaba Cloud Linux  3.2104 LTS 64-bit" : "CentOS  7.9 64-bit");
    pl_buf_printf(out, "\"Memory\":%d,\"InstanceTypeFamily\":\"%s\",", memory[type], families[type]);
}

static inline void work_write_network(pl_buf *out, uint64_t *seed, uint64_t id) {
    bool open = work_random(seed) % 8 == 0;
    unsigned host = (unsigned)(id % 250 + 2);
    if (work_random(seed) % 4)
        pl_buf_printf(out, "\"KeyPairName\":\"%s\",", work_random(seed) % 3 ? "plumb-keypair" : "");
    pl_buf_printf(out, "\"OSType\":\"linux\",\"DeletionProtection\":%s,\"InternetMaxBandwidthOut\":%d,",
                  work_random(seed) % 3 ? "true" : "false", open ? 100 : 0);
    pl_buf_printf(out, "\"PublicIpAddress\":{\"IpAddress\":[%s]},\"InnerIpAddress\":{\"IpAddress\":[]},",
                  open ? "\"47.98.1.20\"" : "");
    pl_buf_printf(out, "\"SecurityGroupIds\":{\"SecurityGroupId\":[\"sg-bp10mdn9fsf9jmz1cn%02u\"%s]},",
                  (unsigned)(work_random(seed) % 4),
                  work_random(seed) % 5 ? "" : ",\"sg-bp10mdn9fsf9jmz1cn77\"");
    pl_buf_printf(out,
                  "\"VpcAttributes\":{\"VpcId\":\"vpc-bp1zrhrn9w5s5uvfy1ff%u\",\"VSwitchId\":\"vsw-"
                  "bp1zxbqd3e505duo16vi4\","
                  "\"NatIpAddress\":\"\",\"PrivateIpAddress\":{\"IpAddress\":[\"172.16.0.%u\"]}},"
                  "\"EipAddress\":{\"AllocationId\":\"\",\"IpAddress\":\"%s\",\"Bandwidth\":%d},",
                  (unsigned)(work_random(seed) % 3), host, work_random(seed) % 12 ? "" : "121.40.2.7",
                  open ? 5 : 0);
    pl_buf_printf(
        out,
        "\"NetworkInterfaces\":{\"NetworkInterface\":[{\"NetworkInterfaceId\":\"eni-bp10zha8tjsyfi5t%04u\","
        "\"Type\":\"Primary\",\"PrimaryIpAddress\":\"172.16.0.%u\",\"MacAddress\":\"00:16:3e:0a:1b:%02x\"}]}"
        ",",
        (unsigned)id, host, host);
}

static inline void work_write_tail(pl_buf *out, uint64_t *seed, uint64_t id) {
    static const char *const environments[] = {"prod", "test", "staging"};
    pl_buf_printf(
        out,
        "\"OperationLocks\":{\"LockReason\":[%s]},\"MetadataOptions\":{\"HttpEndpoint\":\"enabled\","
        "\"HttpTokens\":\"%s\"},",
        work_random(seed) % 20 ? "" : "{\"LockReason\":\"financial\"}",
        work_random(seed) % 2 ? "required" : "optional");
    pl_buf_printf(out, "\"Tags\":{\"Tag\":[{\"TagKey\":\"env\",\"TagValue\":\"%s\"}%s]},",
                  WORK_PICK(seed, environments),
                  work_random(seed) % 6 ? "" : ",{\"TagKey\":\"ack.aliyun.com\",\"TagValue\":\"c1\"}");
    if (work_random(seed) % 3)
        pl_buf_printf(out, "\"RamRoleName\":\"%s\",", work_random(seed) % 2 ? "plumb-role" : "");
    pl_buf_printf(
        out,
        "\"ResourceGroupId\":\"rg-gwfz8i4ki6x%u\",\"RegionId\":\"cn-hangzhou\",\"StoppedMode\":\"%s\","
        "\"ExpiredTime\":\"20%02u-12-31T15:59Z\",\"SpotStrategy\":\"NoSpot\",\"SerialNumber\":"
        "\"%012llx\",\"InstanceId\":\"i-bp1ay27qrgfnpx%05u\"}",
        (unsigned)(work_random(seed) % 3), work_random(seed) % 2 ? "Not-applicable" : "StopCharging",
        (unsigned)(work_random(seed) % 10 ? 99 : 26), (unsigned long long)(id * 40503), (unsigned)id);
}

static inline bool work_make_documents(work_documents *d) {
    uint64_t seed = 20261122;
    pl_buf text;
    pl_arena_init(&d->arena, 0);
    pl_buf_init(&text, 1 << 16);
    d->bytes = 0;
    for (size_t i = 0; i < WORK_DOCUMENTS; i++) {
        pl_buf_clear(&text);
        work_write_head(&text, &seed, i);
        work_write_network(&text, &seed, i);
        work_write_tail(&text, &seed, i);
        char *padded = pl_arena_alloc(&d->arena, text.n + PL_JSON_PADDING);
        if (!padded || text.failed)
            return false;
        memcpy(padded, text.p, text.n);
        d->texts[i] = pl_str_of(padded, text.n);
        d->bytes += text.n;
    }
    pl_buf_free(&text);
    return true;
}

/* A managed rule and the parameters it is used with. */
typedef struct work_managed {
    const char *identifier, *parameters;
} work_managed;

static const work_managed work_managed_rules[WORK_MANAGED] = {
    {"ecs-cpu-min-count-limit", "{\"cpuCount\":\"2\"}"},
    {"ecs-desired-instance-type",
     "{\"instanceTypes\":\"ecs.g7.large,ecs.g7.xlarge,ecs.c7.large,ecs.c7.xlarge\"}"},
    {"ecs-instance-attached-security-group",
     "{\"securityGroupIds\":\"sg-bp10mdn9fsf9jmz1cn00,sg-bp10mdn9fsf9jmz1cn01,sg-bp10mdn9fsf9jmz1cn02\"}"},
    {"ecs-instance-chargetype-check", "{}"},
    {"ecs-instance-deletion-protection-enabled", "{}"},
    {"ecs-instance-expired-check", "{\"days\":\"30\"}"},
    {"ecs-instance-imageid-check",
     "{\"imageIds\":\"aliyun_3_x64_20G_alibase_20240128.vhd,aliyun_3_x64_20G_alibase_20240628.vhd\"}"},
    {"ecs-instance-login-use-keypair", "{}"},
    {"ecs-instance-meta-data-mode-check", "{}"},
    {"ecs-instance-multiple-eni-check", "{}"},
    {"ecs-instance-no-lock", "{}"},
    {"ecs-instance-no-public-ip", "{}"},
    {"ecs-instance-os-name-check",
     "{\"osNames\":\"Alibaba Cloud Linux  3.2104 LTS 64-bit,Ubuntu  22.04 64-bit\"}"},
    {"ecs-instance-post-paid-stopped-mode-check", "{}"},
    {"ecs-instance-ram-role-attached", "{}"},
    {"ecs-instance-status-no-stopped", "{}"},
    {"ecs-instance-type-family-not-deprecated", "{\"families\":\"ecs.t1,ecs.s1,ecs.t5\"}"},
    {"ecs-instances-in-vpc", "{\"vpcIds\":\"vpc-bp1zrhrn9w5s5uvfy1ff0,vpc-bp1zrhrn9w5s5uvfy1ff1\"}"},
    {"ecs-internetmaxbandwidth-check", "{\"internetMaxBandwidth\":\"50\"}"},
    {"ecs-memory-min-size-limit", "{\"memorySize\":\"4096\"}"},
};

typedef struct work_clause {
    const char *path, *name, *desired;
} work_clause;

static const work_clause work_clauses[] = {
    {"$.InstanceChargeType", "StringIn", "PostPaid,PrePaid"},
    {"$.InstanceType", "StringContains", "ecs.g7"},
    {"$.InstanceType", "NotStringIn", "ecs.n4.small,ecs.n4.large"},
    {"$.InstanceTypeFamily", "StringEquals", "ecs.g7"},
    {"$.InternetChargeType", "StringEquals", "PayByTraffic"},
    {"$.InternetMaxBandwidthIn", "LessOrEquals", "150"},
    {"$.InternetMaxBandwidthOut", "LessOrEquals", "50"},
    {"$.DeviceAvailable", "StringEquals", "true"},
    {"$.IsSpot", "StringEquals", "false"},
    {"$.SpotStrategy", "StringEquals", "NoSpot"},
    {"$.GPUAmount", "Equals", "0"},
    {"$.LocalStorageAmount", "Less", "4"},
    {"$.Cpu", "LessOrEquals", "8"},
    {"$.Memory", "Less", "65536"},
    {"$.OSType", "StringEquals", "linux"},
    {"$.OSName", "NotStringContains", "CentOS"},
    {"$.HostName", "IsNotStringEmpty", NULL},
    {"$.InstanceName", "StringContains", "web-"},
    {"$.ResourceGroupId", "StringIn", "rg-gwfz8i4ki6x0,rg-gwfz8i4ki6x1"},
    {"$.ZoneId", "StringIn", "cn-hangzhou-g,cn-hangzhou-h,cn-hangzhou-i"},
    {"$.RegionId", "StringEquals", "cn-hangzhou"},
    {"$.ClusterId", "IsStringEmpty", NULL},
    {"$.CreditSpecification", "IsStringEmpty", NULL},
    {"$.KeyPairName", "IsNotStringEmpty", NULL},
    {"$.RamRoleName", "StringEquals", "plumb-role"},
    {"$.DeletionProtection", "StringEquals", "true"},
    {"$.EipAddress.Bandwidth", "LessOrEquals", "10"},
    {"$.EipAddress.AllocationId", "IsStringEmpty", NULL},
    {"$.VpcAttributes.VSwitchId", "StringEquals", "vsw-bp1zxbqd3e505duo16vi4"},
    {"$.VpcAttributes.VpcId", "StringIn", "vpc-bp1zrhrn9w5s5uvfy1ff2"},
    {"$.VpcAttributes.PrivateIpAddress.IpAddress", "ArrayLengthLessOrEquals", "1"},
    {"$.VpcAttributes.NatIpAddress", "IsStringEmpty", NULL},
    {"$.InnerIpAddress.IpAddress", "IsEmpty", NULL},
    {"$.PublicIpAddress.IpAddress", "IsEmpty", NULL},
    {"$.SecurityGroupIds.SecurityGroupId", "NotContains", "sg-bp10mdn9fsf9jmz1cn77"},
    {"$.SecurityGroupIds.SecurityGroupId", "ArrayLengthLessOrEquals", "5"},
    {"$.NetworkInterfaces.NetworkInterface[0].Type", "StringEquals", "Primary"},
    {"$.MetadataOptions.HttpEndpoint", "StringEquals", "enabled"},
    {"$.MetadataOptions.HttpTokens", "StringEquals", "required"},
    {"$.Status", "StringIn", "Running,Stopped"},
};

/* A rule as JSON texts, so that other programs can be given the same. */
typedef struct work_rule {
    pl_str name, applies, required, condition, parameters;
} work_rule;

static inline pl_str work_keep(pl_arena *arena, pl_buf *text) {
    pl_str kept = pl_arena_copy(arena, pl_buf_str(text));
    pl_buf_free(text);
    return kept;
}

static inline pl_str work_paths(pl_arena *arena, const catalogue_list *paths) {
    pl_buf out;
    pl_buf_init(&out, 1 << 16);
    for (size_t i = 0; i < paths->count; i++) {
        pl_buf_add_char(&out, i ? ',' : '[');
        pl_json_write_string(&out, paths->items[i]);
    }
    if (paths->count)
        pl_buf_add_char(&out, ']');
    return work_keep(arena, &out);
}

static inline bool work_from_catalogue(pl_arena *arena, const catalogue *c, const work_managed *one,
                                       work_rule *out) {
    pl_error error;
    pl_json given, values;
    pl_buf text;
    const catalogue_rule *rule = catalogue_find_rule(c, pl_str_from(one->identifier), &error);
    if (!rule || pl_json_parse_in(arena, pl_str_from(one->parameters), &given, &error) != 0 ||
        catalogue_parameters(rule, arena, given, &values, &error) != 0)
        return false;
    pl_buf_init(&text, 1 << 16);
    pl_json_write(&text, values);
    *out = (work_rule){rule->identifier, rule->applies_when, work_paths(arena, &rule->required_properties),
                       rule->condition, work_keep(arena, &text)};
    return true;
}

static inline void work_write_clause(pl_buf *out, const work_clause *one) {
    pl_buf_printf(out, "{\"featureSource\":\"CONFIGURATION\",\"featurePath\":\"%s\",\"operator\":\"%s\"",
                  one->path, one->name);
    if (one->desired)
        pl_buf_printf(out, ",\"desired\":\"%s\"", one->desired);
    pl_buf_add_char(out, '}');
}

/* The first round has one clause each, the second joins two. */
static inline work_rule work_from_clauses(pl_arena *arena, size_t number) {
    enum { CLAUSES = sizeof work_clauses / sizeof *work_clauses };
    pl_buf out;
    pl_buf_init(&out, 1 << 16);
    pl_buf_printf(&out, "{\"operator\":\"%s\",\"children\":[", number / CLAUSES % 2 ? "or" : "and");
    work_write_clause(&out, &work_clauses[number % CLAUSES]);
    if (number >= CLAUSES) {
        pl_buf_add_char(&out, ',');
        work_write_clause(&out, &work_clauses[(number * 7 + 3) % CLAUSES]);
    }
    pl_buf_add(&out, PL_STR("]}"));
    return (work_rule){pl_arena_printf(arena, "condition-%zu", number), PL_STR(""), PL_STR(""),
                       work_keep(arena, &out), PL_STR("{}")};
}

static inline bool work_make_rules(pl_arena *arena, work_rule rules[WORK_RULES]) {
    catalogue *c;
    pl_error error;
    bool made = catalogue_open(&c, NULL, &error) == 0;
    for (size_t i = 0; made && i < WORK_RULES; i++) {
        if (i < WORK_MANAGED)
            made = work_from_catalogue(arena, c, &work_managed_rules[i], &rules[i]);
        else
            rules[i] = work_from_clauses(arena, i - WORK_MANAGED);
    }
    return made;
}

static inline pl_json work_parse(pl_arena *arena, pl_str text) {
    pl_json root = PL_JSON_NONE;
    pl_error error;
    if (text.n && pl_json_parse_in(arena, text, &root, &error) != 0)
        fprintf(stderr, "%s\n", error.message);
    return root;
}

/* A sealed program of the first `count` rules, or NULL. */
static inline pl_program *work_make_program(pl_arena *arena, const work_rule *rules, size_t count) {
    pl_program *program = pl_program_new();
    pl_error error;
    for (size_t i = 0; program && i < count; i++) {
        pl_program_rule rule = {.condition = work_parse(arena, rules[i].condition),
                                .applies = work_parse(arena, rules[i].applies),
                                .required = work_parse(arena, rules[i].required),
                                .parameters = work_parse(arena, rules[i].parameters)};
        if (pl_program_add(program, &rule, &error) != 0) {
            fprintf(stderr, "%.*s: %s\n", PL_FMT(rules[i].name), error.message);
            return NULL;
        }
    }
    return program && pl_program_seal(program, &error) == 0 ? program : NULL;
}

#endif
