#!/bin/sh
# Branch coverage of the rooms that decide verdicts: condition, jsonpath, engine, policy. Builds with gcov, runs the
# C tests, prints one line a room. usage: run-coverage.sh BUILD_DIRECTORY
set -eu
cd "$(dirname "$0")/.."
build=$1
command -v gcovr >/dev/null 2>&1 || { echo "needs gcovr: apt-get install gcovr" >&2; exit 1; }
cmake --preset coverage -S . -B "$build" --log-level=WARNING >/dev/null
cmake --build "$build" -j "$(nproc)"
for program in "$build"/tests/test_*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    "$program" >/dev/null 2>&1 || echo "$(basename "$program") failed" >&2
done
for room in condition jsonpath engine policy; do
    printf '%s: ' "$room"
    gcovr -r . --object-directory "$build" --filter "src/$room/" --exclude-throw-branches --print-summary 2>/dev/null |
        sed -n 's/^branches: //p'
done
