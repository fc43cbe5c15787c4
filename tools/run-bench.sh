#!/bin/sh
# Runs every bench program, the peers on the same work, and the instruction budgets, and prints one table with what
# was promised and what was measured. usage: run-bench.sh BUILD_DIRECTORY
#
# BENCH_FULL=1 adds the runs at scale: check over 10,000,000 documents, and recording and full runs over 1,000,000 and
# 10,000,000 resources with 20 and with 100 rules; they need 60 GB of disk and some two hours. BENCH_DIR names the
# directory for stores and input files (default: the build directory).
set -eu

build=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=${BENCH_DIR:-$build/bench}/work
report=$build/bench/report.txt
mkdir -p "$work"
: >"$report"
failed=0

say() { echo "$@" | tee -a "$report"; }

# run NAME COMMAND...: the output is shown and kept; a failure is told and the others go on.
run() {
    say "== $1"
    shift
    if "$@" >"$work/output" 2>&1; then :; else
        echo "failed: $*" >>"$work/output"
        failed=1
    fi
    tee -a "$report" <"$work/output"
}

plumbline=$build/plumbline
for program in "$build"/bench/bench_*; do
    [ -x "$program" ] || continue
    name=$(basename "$program")
    case "$name" in
    bench_check) run "$name" "$program" "$plumbline" "$work" 1000000 ;;
    # Smaller stores do not fill the caches, whose size is fixed.
    bench_growth) run "$name" "$program" "$work" 30000 ;;
    bench_serve) run "$name" "$program" "$plumbline" "$work" ;;
    bench_gateway) run "$name" "$program" "$plumbline" ;;
    bench_again) run "$name" "$program" "$work" 50000 ;;
    bench_ingest | bench_kept | bench_store) run "$name" "$program" "$work" ;;
    *) run "$name" "$program" ;;
    esac
done

if [ "${BENCH_FULL:-0}" = 1 ]; then
    run "bench_check at 10,000,000" "$build/bench/bench_check" "$plumbline" "$work" 10000000 1
    run "bench_growth to 10,000,000, 20 rules" "$build/bench/bench_growth" "$work" 1000000 20
    run "bench_growth to 10,000,000, 100 rules" "$build/bench/bench_growth" "$work" 1000000 100
fi

cd "$root/tests/end-to-end"
[ -d node_modules ] || npm ci --silent --no-audit --no-fund
run "functions" node "$root/bench/functions.mjs" "$plumbline"

cd "$root/bench/peers"
# Not `npm ci`: it wants every optional package of every platform in the lock file, and registries need not have them.
[ -d node_modules ] || npm install --no-save --silent --no-audit --no-fund
cd "$root"
for peer in bench/peers/*.mjs; do
    name=$(basename "$peer" .mjs)
    run "peers: $name" node "$peer" "$build/bench/bench_$name"
done
run "instructions" tools/check-instructions.py "$build/bench"

echo
python3 tools/bench-table.py "$report" | tee "$build/bench/table.txt"
rm -rf "$work"
exit $failed
