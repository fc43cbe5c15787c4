#!/bin/sh
# Prints the longest functions and files, to be read before a larger change.
set -eu
cd "$(dirname "$0")/.."
echo "longest files (lines):"
git ls-files 'src/*.c' 'src/*.h' 'src/*.cc' | grep -v '\.gen\.' | xargs wc -l | grep -v ' total$' | sort -rn | head -n 15
command -v ctags >/dev/null 2>&1 || { echo "for functions: apt-get install universal-ctags"; exit 0; }
echo "longest functions (lines):"
git ls-files 'src/*.c' | grep -v '\.gen\.' | ctags -L - -f - --languages=C --kinds-C=f --fields=+ne |
    awk -F'\t' '{ from = to = 0
        for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) from = substr($i, 6); if ($i ~ /^end:/) to = substr($i, 5) }
        printf "%5d %s (%s:%d)\n", to - from + 1, $1, $2, from }' | sort -rn | head -n 25
