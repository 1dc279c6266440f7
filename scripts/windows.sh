#!/usr/bin/env bash
# Builds yester.exe with mingw, and runs its tests under Wine, after installing what that needs where it is permitted.
# What cannot be installed is said, and counts as skipped.
#
# usage: scripts/windows.sh [--build]
#   --build   only build: TARGET/windows gets yester.exe and what its tests need, or is missing when it cannot be built
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TRIPLE=x86_64-pc-windows-gnu
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
out=$target/windows

have() {
    command -v "$1" >/dev/null 2>&1
}

skip() {
    echo "SKIPPED: $1" >&2
    [[ -z ${YESTER_TEST_SKIPS:-} ]] || echo "$1" >>"$YESTER_TEST_SKIPS"
}

# Whether program $1 is there, after asking for Debian's package $2.
have_program() {
    have "$1" && return
    if ((EUID == 0)) && have apt-get; then
        echo "installing: $2"
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$2"; } \
            >/dev/null 2>&1 || true
    fi
    have "$1" || { skip "yester.exe: needs $1 (Debian package $2)"; return 1; }
}

have_target() {
    [[ -d $(rustc --print sysroot)/lib/rustlib/$TRIPLE/lib ]] && return
    { have rustup && rustup target add $TRIPLE; } || { skip "yester.exe: needs rustup target add $TRIPLE"; return 1; }
}

build() {
    rm -rf "$out"
    have_program x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64 && have_program wine wine && have_target || return 0
    # The code for Windows is looked at nowhere else.
    if cargo clippy --version >/dev/null 2>&1; then
        cargo clippy --package cli --target $TRIPLE --locked -- -D warnings || return
    fi
    cargo build --package cli --target $TRIPLE --locked || return
    mkdir -p "$out.new"
    cp "$target/$TRIPLE/debug/yester.exe" "$out.new/"
    x86_64-w64-mingw32-gcc -O1 tests/wine/hold.c -o "$out.new/hold.exe" || return
    x86_64-w64-mingw32-gcc -O1 -shared tests/wine/prng.c -o "$out.new/bcryptprimitives.dll" -ladvapi32 || return
    mv "$out.new" "$out"
}

case ${1:-} in
    '' | --build) ;;
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *)
        echo "scripts/windows.sh: unknown option $1 (see --help)" >&2
        exit 2
        ;;
esac

build
[[ ${1:-} == --build || ! -d $out ]] || YESTER_WINDOWS=$out cargo test --package fs-tests --test main --locked windows::
