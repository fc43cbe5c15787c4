/* Documents and rules of `plumbline bench`. No state. */
#include "cli/bench_work.h"

const bench_rule bench_rules[BENCH_RULES] = {
    {"ecs-cpu-min-count-limit", "cpuCount=2", "{\"cpuCount\":\"2\"}"},
    {"ecs-desired-instance-type", "instanceTypes=ecs.g7.large,ecs.g7.xlarge,ecs.c7.large",
     "{\"instanceTypes\":\"ecs.g7.large,ecs.g7.xlarge,ecs.c7.large\"}"},
    {"ecs-instance-attached-security-group", "securityGroupIds=sg-plumb-0,sg-plumb-1,sg-plumb-2",
     "{\"securityGroupIds\":\"sg-plumb-0,sg-plumb-1,sg-plumb-2\"}"},
    {"ecs-instance-chargetype-check", "", ""},
    {"ecs-instance-deletion-protection-enabled", "", ""},
    {"ecs-instance-expired-check", "days=30", "{\"days\":\"30\"}"},
    {"ecs-instance-imageid-check", "imageIds=aliyun_3_x64_20G_01.vhd,aliyun_3_x64_20G_02.vhd",
     "{\"imageIds\":\"aliyun_3_x64_20G_01.vhd,aliyun_3_x64_20G_02.vhd\"}"},
    {"ecs-instance-login-use-keypair", "", ""},
    {"ecs-instance-meta-data-mode-check", "", ""},
    {"ecs-instance-multiple-eni-check", "", ""},
    {"ecs-instance-no-lock", "", ""},
    {"ecs-instance-no-public-ip", "", ""},
    {"ecs-instance-os-name-check", "osNames=Alibaba Cloud Linux 3,Ubuntu 22.04",
     "{\"osNames\":\"Alibaba Cloud Linux 3,Ubuntu 22.04\"}"},
    {"ecs-instance-post-paid-stopped-mode-check", "", ""},
    {"ecs-instance-ram-role-attached", "", ""},
    {"ecs-instance-status-no-stopped", "", ""},
    {"ecs-instance-type-family-not-deprecated", "families=ecs.t1,ecs.s1,ecs.t5",
     "{\"families\":\"ecs.t1,ecs.s1,ecs.t5\"}"},
    {"ecs-instances-in-vpc", "vpcIds=vpc-plumb-0,vpc-plumb-1", "{\"vpcIds\":\"vpc-plumb-0,vpc-plumb-1\"}"},
    {"ecs-internetmaxbandwidth-check", "internetMaxBandwidth=50", "{\"internetMaxBandwidth\":\"50\"}"},
    {"ecs-memory-min-size-limit", "memorySize=4096", "{\"memorySize\":\"4096\"}"},
};

static unsigned pick(uint64_t *seed, unsigned count) {
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(*seed >> 33) % count;
}

static void write_machine(pl_buf *out, uint64_t *seed, uint64_t number) {
    static const char *const types[] = {"ecs.g7.large", "ecs.g7.xlarge", "ecs.c7.large",
                                        "ecs.t5-lc1m1.small"};
    static const char *const families[] = {"ecs.g7", "ecs.g7", "ecs.c7", "ecs.t5"};
    static const int cpus[] = {2, 4, 2, 1}, memory[] = {8192, 16384, 4096, 1024};
    unsigned type = pick(seed, 4);
    pl_buf_printf(
        out,
        "{\"ImageId\":\"aliyun_3_x64_20G_%02u.vhd\",\"InstanceType\":\"%s\",\"InstanceTypeFamily\":\"%s\","
        "\"Cpu\":%d,\"Memory\":%d,\"InstanceName\":\"web-%05llu\",\"InstanceChargeType\":\"%s\","
        "\"InstanceNetworkType\":\"vpc\",\"DeviceAvailable\":true,\"LocalStorageAmount\":0,\"GPUAmount\":0,",
        pick(seed, 3) + 1, types[type], families[type], cpus[type], memory[type], (unsigned long long)number,
        pick(seed, 3) ? "PostPaid" : "PrePaid");
    pl_buf_printf(
        out,
        "\"Status\":\"%s\",\"OSType\":\"linux\",\"OSName\":\"%s\",\"HostName\":\"iZplumb%08llxZ\","
        "\"DeletionProtection\":%s,\"KeyPairName\":\"%s\",\"RamRoleName\":\"%s\",\"StoppedMode\":\"%s\",",
        pick(seed, 10) ? "Running" : "Stopped", pick(seed, 5) ? "Alibaba Cloud Linux 3" : "CentOS 7.9",
        (unsigned long long)(number * 2654435761U), pick(seed, 4) ? "true" : "false",
        pick(seed, 4) ? "plumb-keypair" : "", pick(seed, 4) ? "plumb-role" : "",
        pick(seed, 2) ? "Not-applicable" : "StopCharging");
}

static void write_network(pl_buf *out, uint64_t *seed, uint64_t number) {
    bool open = pick(seed, 8) == 0;
    unsigned host = (unsigned)(number % 250 + 2);
    pl_buf_printf(
        out,
        "\"InternetMaxBandwidthIn\":%u,\"InternetMaxBandwidthOut\":%d,\"PublicIpAddress\":{\"IpAddress\":"
        "[%s]},\"EipAddress\":{\"AllocationId\":\"\",\"IpAddress\":\"\",\"Bandwidth\":0},"
        "\"SecurityGroupIds\":{\"SecurityGroupId\":[\"sg-plumb-%u\"]},",
        pick(seed, 5) * 50, open ? 100 : 0, open ? "\"203.0.113.20\"" : "", pick(seed, 4));
    pl_buf_printf(
        out,
        "\"VpcAttributes\":{\"VpcId\":\"vpc-plumb-%u\",\"VSwitchId\":\"vsw-plumb-0\",\"PrivateIpAddress\":{"
        "\"IpAddress\":[\"172.16.0.%u\"]}},\"NetworkInterfaces\":{\"NetworkInterface\":[{"
        "\"NetworkInterfaceId\":\"eni-plumb%08llu\",\"Type\":\"Primary\",\"PrimaryIpAddress\":\"172.16.0.%"
        "u\"}]},",
        pick(seed, 3), host, (unsigned long long)number, host);
}

void bench_write_configuration(pl_buf *out, uint64_t number) {
    uint64_t seed = number * 0x9e3779b97f4a7c15ULL + 1;
    pick(&seed, 2);
    write_machine(out, &seed, number);
    write_network(out, &seed, number);
    pl_buf_printf(
        out,
        "\"OperationLocks\":{\"LockReason\":[%s]},\"MetadataOptions\":{\"HttpEndpoint\":\"enabled\","
        "\"HttpTokens\":\"%s\"},\"Tags\":{\"Tag\":[{\"TagKey\":\"env\",\"TagValue\":\"prod\"}]},"
        "\"RegionId\":\"cn-hangzhou\",\"ZoneId\":\"cn-hangzhou-%c\",\"ExpiredTime\":\"20%u-12-31T15:59Z\","
        "\"InstanceId\":\"i-plumb%010llu\"}",
        pick(&seed, 20) ? "" : "{\"LockReason\":\"financial\"}", pick(&seed, 2) ? "required" : "optional",
        (char)('g' + pick(&seed, 4)), pick(&seed, 10) ? 99U : 26U, (unsigned long long)number);
}

void bench_write_items(pl_buf *out, uint64_t from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        pl_buf_printf(
            out,
            "%s{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-plumb%010llu\",\"regionId\":"
            "\"cn-hangzhou\",\"resourceName\":\"web\",\"configuration\":",
            i ? "," : "[", (unsigned long long)(from + i));
        bench_write_configuration(out, from + i);
        pl_buf_add_char(out, '}');
    }
    pl_buf_add_char(out, ']');
}
