#!/bin/sh
# Shows Plumbline at work: starts a server on a scratch data directory, imports a small cloud of several accounts
# with known defects, creates two compliance packages over the signed API, and prints what they found and why.
# The server stays up; the last lines tell how to go on and how to stop it. usage: run-demo.sh PROGRAM
set -eu
cd "$(dirname "$0")/.."
program=$1
data=${PLUMBLINE_DEMO_DATA:-plumbline-data/demo}
count=${PLUMBLINE_DEMO_COUNT:-4000}

say() { printf '\n== %s\n' "$*"; }
call() { "$program" call "$@" --data "$data" --format json; }
# value MEMBER: the first text or number of that member in the JSON on standard input.
value() { python3 -c "
import json, sys
def find(node):
    if isinstance(node, dict):
        if sys.argv[1] in node: return node[sys.argv[1]]
        node = list(node.values())
    for child in node if isinstance(node, list) else []:
        found = find(child)
        if found is not None: return found
print(find(json.load(sys.stdin)))" "$1"; }

if [ -f "$data/server.pid" ]; then
    kill "$(cat "$data/server.pid")" 2>/dev/null || true
fi
rm -rf "$data"
mkdir -p "$data"

say "starting the server on $data"
"$program" serve --data "$data" --listen "${PLUMBLINE_DEMO_LISTEN:-127.0.0.1:0}" >"$data/server.out" 2>"$data/server.log" &
server=$!
echo "$server" >"$data/server.pid"
tries=0
until grep -q '^listening' "$data/server.out" 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || { cat "$data/server.log"; exit 1; }
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { echo "the server does not get ready" >&2; exit 1; }
    sleep 0.1
done
cat "$data/server.out"

say "a resource directory with two member accounts, and an account group over all of them"
management=$(call GetCallerIdentity | value AccountId)
call InitResourceDirectory >/dev/null
web=$(call CreateResourceAccount --DisplayName web-shop | value AccountId)
bank=$(call CreateResourceAccount --DisplayName payments | value AccountId)
group=$(call CreateAggregator --AggregatorName all-accounts --AggregatorType RD --Description "every account" | value AggregatorId)
echo "management $management, members $web and $bank, group $group"

say "importing $count resources with known defects"
tools/make-inventory.py --accounts "$management,$web,$bank" --count "$count" --defects "$data/defects.jsonl" >"$data/inventory.jsonl"
"$program" import --data "$data" --endpoint "$(sed -n 's/^listening on //p' "$data/server.out")" "$data/inventory.jsonl"
echo "$(wc -l <"$data/defects.jsonl") defects were made ($data/defects.jsonl)"

say "two compliance packages from templates, over the signed API"
python3 tools/show-demo.py "$program" "$data" "$group"

say "the server is still running (pid $server); try"
echo "  $program call ListAggregateConfigRules --AggregatorId $group --data $data"
echo "  $program call GetAggregateComplianceSummary --AggregatorId $group --data $data"
echo "  $program check --rule oss-bucket-public-read-prohibited $data/inventory.jsonl"
echo "stop it with: kill $server"
