#!/bin/sh
# Builds native/ for npm's prepare: silent when all is well, one line that says what to install when a tool is
# missing. `build.sh --check` only looks.
set -u
cd "$(dirname "$0")" || exit 1

lacking() {
    echo "tsfn: cannot build native/: $1. Install a C toolchain and run npm install again:" \
        "Debian, Ubuntu: apt-get install build-essential;" \
        "Fedora: dnf install gcc make glibc-static;" \
        "Alpine: apk add build-base linux-headers" >&2
    exit 1
}

links_statically() {
    mkdir -p build &&
        printf 'int main(void) { return 0; }\n' |
        "$compiler" -x c -static-pie -fPIE -o build/check - 2>build/check.log
}

compiler=${CC:-cc}
command -v "$compiler" >/dev/null || lacking "there is no C compiler ($compiler)"
command -v make >/dev/null || lacking "there is no make"
links_statically || lacking "$compiler cannot link a static program, see native/build/check.log"
rm -f build/check build/check.log
[ "${1-}" = --check ] && exit 0

# What the compiler prints is wanted, what make echoes is not.
exec make --silent all
