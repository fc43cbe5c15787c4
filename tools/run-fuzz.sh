#!/bin/sh
# Builds every fuzz target and runs each for FUZZ_SECONDS (default 60) on its seeds and on what it finds itself.
# A finding fails the run and leaves its input in the build directory. usage: run-fuzz.sh BUILD_DIRECTORY [TARGET...]
set -eu

build=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
seconds=${FUZZ_SECONDS:-60}
failed=""
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"
cmake --preset fuzz -S "$root" -B "$build" --log-level=WARNING >/dev/null
cmake --build "$build" --target fuzz_targets -j "$(nproc)"
for target in "$build"/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=$(basename "$target" | sed 's/^fuzz_//')
    [ $# -eq 0 ] || echo " $* " | grep -q " $name " || continue
    seeds="$root/fuzz/corpus/$name"
    found="$build/fuzz/found/$name"
    mkdir -p "$found" "$build/fuzz/findings"
    echo "== $name: $seconds seconds"
    "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="$build/fuzz/findings/$name-" "$found" $([ -d "$seeds" ] && echo "$seeds") || failed="$failed $name"
done
if [ -n "$failed" ]; then
    echo "findings in:$failed (see $build/fuzz/findings)" >&2
    exit 1
fi
echo "no findings"
