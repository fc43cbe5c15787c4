#!/bin/sh
# Line and branch coverage of the rooms that decide verdicts. Builds the test programs of these rooms, of the
# catalogue (whose rules bring their own cases) and of the configuration operations (which drive the engine) with
# gcov, runs them, prints one line a room and fails when a room lies below its floor. What only an end-to-end test
# reaches does not count: it says that a path was taken, seldom what it decided. Lines that print a view (PL_FMT cuts
# lengths above INT_MAX) have no branches of their own. Functions in headers are left out: gcovr cannot join those that
# stand in several objects.
# usage: run-coverage.sh BUILD_DIRECTORY [REPORT.html]
set -eu
cd "$(dirname "$0")/.."
build=$1
report=${2:-}
# The least that is accepted, in percent of branches. Raised when coverage grows, never lowered.
floors="condition:97 jsonpath:99 policy:99 engine:97"

command -v gcovr >/dev/null 2>&1 || { echo "needs gcovr: apt-get install gcovr" >&2; exit 1; }
targets=$(for room in jsonpath condition policy catalogue engine api/config; do
    for source in tests/"$room"/test_*.c; do
        echo "test_$(echo "$room" | tr / _)_$(basename "$source" .c | sed 's/^test_//')"
    done
done)
cmake --preset coverage -S . -B "$build" --log-level=WARNING >/dev/null
# shellcheck disable=SC2086 # one word a target
cmake --build "$build" -j "${JOBS:-$(nproc)}" --target $targets -- --quiet

# Counts of earlier runs and of sources that have changed since would be added to this run's.
find "$build" -name '*.gcda' -delete
status=0
for target in $targets; do
    if ! "$build/tests/$target" </dev/null >"$build/$target.log" 2>&1; then
        echo "$target failed: $build/$target.log" >&2
        status=1
    fi
done

for pair in $floors; do
    room=${pair%%:*}
    floor=${pair##*:}
    summary=$(gcovr -r . --object-directory "$build" "$build/CMakeFiles/room_$room.dir" --filter "src/$room/" \
        --exclude '.*\.h' --exclude-branches-by-pattern '.*PL_FMT.*' --print-summary 2>"$build/gcovr.log")
    lines=$(echo "$summary" | sed -n 's/^lines: \([0-9.]*\)%.*/\1/p')
    branches=$(echo "$summary" | sed -n 's/^branches: \([0-9.]*\)%.*/\1/p')
    printf '%s: %s %% of lines, %s %% of branches (at least %s %%)\n' "$room" "$lines" "$branches" "$floor"
    if awk "BEGIN { exit !($branches < $floor) }"; then
        status=1
    fi
done
if [ -n "$report" ]; then
    gcovr -r . --object-directory "$build" "$build" --filter 'src/(condition|jsonpath|policy|engine)/' \
        --exclude '.*\.h' \
        --html-details "$report" 2>"$build/gcovr.log"
fi
exit $status
