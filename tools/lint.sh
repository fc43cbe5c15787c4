#!/bin/sh
# Format, static analysis, floors and house rules. usage: lint.sh BUILD_DIRECTORY
set -eu
cd "$(dirname "$0")/.."
build=$1
sources=$(git ls-files 'src/*.c' 'src/*.h' 'src/*.cc' 'tests/*.c' 'fuzz/*.c' 'bench/*.c' | grep -v '\.gen\.')
# shellcheck disable=SC2086
clang-format --dry-run --Werror $sources
tools/check-house-rules.py
python3 tools/generate-api.py --check
python3 tools/generate-rules-doc.py --check
cmake --preset release -S . --log-level=WARNING >/dev/null
cmake --build "$build/release" -j "$(nproc)" --target all floors
tools/check-circles.py "$build/release"
# ctuuninitvar takes every variable that a function fills for one that it reads; gcc -Wmaybe-uninitialized does better.
# shellcheck disable=SC2086
cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=ctuuninitvar -I src src
git ls-files "src/*.c" | grep -v "\.gen\." | xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p "$build/release" 2>/dev/null
echo "lint: clean"
