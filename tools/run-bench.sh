#!/bin/sh
# Runs every bench program, the peers on the same work, and the instruction budgets. usage: run-bench.sh BUILD_DIRECTORY
set -eu

programs="$1/bench"
root=$(cd "$(dirname "$0")/.." && pwd)
for program in "$programs"/bench_*; do
    [ -x "$program" ] || continue
    echo "== $(basename "$program")"
    "$program"
done
(cd "$root/bench/peers" && npm ci --silent --no-audit --no-fund)
for peer in "$root"/bench/peers/*.mjs; do
    echo "== peers: $(basename "$peer" .mjs)"
    node "$peer" "$programs/bench_$(basename "$peer" .mjs)"
done
echo "== instructions"
"$root/tools/check-instructions.py" "$programs"
