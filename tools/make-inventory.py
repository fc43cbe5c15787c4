#!/usr/bin/env python3
"""Makes a real-looking inventory with known defects, as JSON Lines of configuration items.

Every resource starts from its type's sample (catalogue/types) and gets its own id, name, region and tags; a
fixed share gets one of the defects below, so a run's findings are known beforehand. The same arguments give the
same bytes.

usage: make-inventory.py [--accounts ID,ID...] [--count N] [--seed N] [--defects FILE]
"""
import argparse
import copy
import json
import pathlib
import random
import sys

TYPES = pathlib.Path(__file__).resolve().parent.parent / "catalogue" / "types"
REGIONS = ["cn-hangzhou", "cn-shanghai", "cn-beijing", "ap-southeast-1", "eu-central-1"]

# type, share of the inventory, id member, name member, id prefix
MIX = [
    ("ACS::ECS::Instance", 30, "InstanceId", "InstanceName", "i-"),
    ("ACS::ECS::Disk", 22, "DiskId", "DiskName", "d-"),
    ("ACS::OSS::Bucket", 14, "Name", "Name", ""),
    ("ACS::ECS::SecurityGroup", 10, "SecurityGroupId", "SecurityGroupName", "sg-"),
    ("ACS::RDS::DBInstance", 8, "DBInstanceId", "DBInstanceDescription", "rm-"),
    ("ACS::SLB::LoadBalancer", 6, "LoadBalancerId", "LoadBalancerName", "lb-"),
    ("ACS::EIP::EipAddress", 6, "AllocationId", "Name", "eip-"),
    ("ACS::RAM::User", 4, "UserName", "UserName", ""),
]

# type, share of the type's resources, what is wrong, path -> value
DEFECTS = [
    ("ACS::ECS::Instance", 0.04, "no deletion protection", {"DeletionProtection": False}),
    ("ACS::ECS::Instance", 0.03, "in the classic network", {"InstanceNetworkType": "classic"}),
    ("ACS::ECS::Disk", 0.05, "not encrypted", {"Encrypted": False}),
    ("ACS::OSS::Bucket", 0.03, "readable by everyone", {"AccessControlList.Grant": "public-read"}),
    ("ACS::OSS::Bucket", 0.02, "writable by everyone", {"AccessControlList.Grant": "public-read-write"}),
    ("ACS::OSS::Bucket", 0.06, "one zone only", {"DataRedundancyType": "LRS"}),
    ("ACS::ECS::SecurityGroup", 0.04, "SSH open to the world",
     {"Permissions.Permission": [{"Direction": "ingress", "Policy": "Accept", "IpProtocol": "TCP",
                                  "NicType": "intranet", "PortRange": "22/22", "Priority": "1",
                                  "SourceCidrIp": "0.0.0.0/0", "Ipv6SourceCidrIp": "", "SourceGroupId": ""}]}),
    ("ACS::RDS::DBInstance", 0.05, "white list open to the world", {"SecurityIPList": "0.0.0.0/0"}),
    ("ACS::SLB::LoadBalancer", 0.05, "no deletion protection", {"DeleteProtection": "off"}),
    ("ACS::EIP::EipAddress", 0.06, "idle", {"Status": "Available", "InstanceId": ""}),
    ("ACS::RAM::User", 0.10, "console login without MFA", {"LoginProfile.MFABindRequired": False}),
]


def sample(resource_type):
    path = TYPES / (resource_type.replace("::", ".") + ".json")
    return json.loads(path.read_text("utf-8"))


def put(configuration, path, value):
    *parents, last = path.split(".")
    for name in parents:
        configuration = configuration.setdefault(name, {})
    configuration[last] = copy.deepcopy(value)


def make(kind, number, accounts, rnd):
    resource_type, _, id_member, name_member, prefix = kind
    source = make.samples.setdefault(resource_type, sample(resource_type))
    configuration = copy.deepcopy(source["sample"])
    region = "global" if source.get("global") else rnd.choice(REGIONS)
    name = f"{source['name'].lower()}-{number:05d}"
    identifier = prefix + (f"plumb{number:09d}" if prefix else name)
    configuration[id_member], configuration[name_member] = identifier, name if prefix else identifier
    if "RegionId" in configuration:
        configuration["RegionId"] = region
    flaws = []
    for flawed_type, share, what, changes in DEFECTS:
        if flawed_type == resource_type and rnd.random() < share:
            flaws.append(what)
            for path, value in changes.items():
                put(configuration, path, value)
    tags = {"env": rnd.choice(["prod", "test", "dev"]), "team": rnd.choice(["web", "data", "core"])}
    item = {"accountId": rnd.choice(accounts), "resourceType": resource_type, "resourceId": identifier,
            "resourceName": name, "regionId": region, "resourceCreateTime": 1700000000000 + number * 1000,
            "resourceStatus": str(configuration.get("Status", "")), "tags": tags, "configuration": configuration}
    return item, flaws


make.samples = {}


def main():
    arguments = argparse.ArgumentParser(description="Makes a real-looking inventory with known defects.")
    arguments.add_argument("--accounts", default="100000000000001")
    arguments.add_argument("--count", type=int, default=3000)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--defects", help="file for the list of defects that were made, one JSON object a line")
    options = arguments.parse_args()
    rnd = random.Random(options.seed)
    accounts = options.accounts.split(",")
    known = open(options.defects, "w", encoding="utf-8") if options.defects else None
    for number in range(options.count):
        kind = rnd.choices(MIX, weights=[entry[1] for entry in MIX])[0]
        item, flaws = make(kind, number, accounts, rnd)
        sys.stdout.write(json.dumps(item, separators=(",", ":")) + "\n")
        for what in flaws if known else ():
            known.write(json.dumps({"resourceType": item["resourceType"], "resourceId": item["resourceId"],
                                    "accountId": item["accountId"], "defect": what}) + "\n")
    if known:
        known.close()


if __name__ == "__main__":
    main()
