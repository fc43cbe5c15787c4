#!/bin/sh
# Installs the Debian packages that a task needs and are missing. usage: install-packages.sh build|package|test|lint|bench|fuzz|coverage
# As root or with passwordless sudo it installs; otherwise it prints the one line to run and fails.
set -eu

build="gcc g++ make cmake ninja-build pkg-config python3 libmicrohttpd-dev libsimdjson-dev libsqlite3-dev libpq-dev libssl-dev libcurl4-openssl-dev libpcre2-dev bubblewrap libseccomp-dev libzip-dev libxlsxwriter-dev"
case "${1:-build}" in
build) wanted="$build" ;;
package) wanted="$build dpkg-dev file" ;;
test) wanted="$build libcmocka-dev postgresql nodejs npm curl jq" ;;
lint) wanted="$build clang-format clang-tidy cppcheck" ;;
bench) wanted="$build nodejs npm wrk valgrind" ;;
coverage) wanted="$build libcmocka-dev postgresql nodejs npm gcovr" ;;
fuzz) wanted="$build clang libclang-rt-14-dev" ;;
*) echo "usage: $0 build|package|test|lint|bench|fuzz|coverage" >&2; exit 2 ;;
esac

missing=""
for package in $wanted; do
    case "$package" in
    # A newer node than Debian's may be in place already.
    nodejs | npm) command -v "$(echo "$package" | sed 's/nodejs/node/')" >/dev/null 2>&1 && continue ;;
    esac
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
    run=""
elif sudo -n true 2>/dev/null; then
    run="sudo"
else
    echo "missing packages; run: sudo apt-get install -y$missing" >&2
    exit 1
fi
echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -qq >&2
# shellcheck disable=SC2086
$run apt-get install -y -qq --no-install-recommends $missing >&2
