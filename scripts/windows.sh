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

# Where cargo keeps the source of crate $1.
crate_folder() {
    cargo metadata --format-version 1 --locked --filter-platform $TRIPLE |
        tr ',' '\n' | sed -n "s|.*\"manifest_path\":\"\(.*/$1-[0-9][^\"]*\)/Cargo.toml\".*|\1|p" | head -n 1
}

# Two installations of WinFsp in folder $1: `winfsp`, its library without a driver, and `double`, the test double of the
# library, which forwards to it what it does not do itself.
build_double() {
    local shipped name
    shipped=$(crate_folder winfsp-sys)/winfsp
    mkdir -p "$1/winfsp/bin" "$1/double/bin"
    cp "$shipped/bin/winfsp-x64.dll" "$1/winfsp/bin/"
    cp "$shipped/bin/winfsp-x64.dll" "$1/double/bin/winfspreal.dll"
    {
        printf '%s\n' 'LIBRARY "winfsp-x64.dll"' EXPORTS
        x86_64-w64-mingw32-objdump -p "$shipped/bin/winfsp-x64.dll" |
            sed -n '/Ordinal\/Name Pointer/,/^$/s/^.*\b\([Ff]sp[A-Za-z0-9_]*\)$/\1/p' |
            while read -r name; do
                grep -q "^EXPORT .*\b$name(" tests/wine/double.c && echo "$name" || echo "$name = winfspreal.$name"
            done
    } >"$1/double.def"
    # Its headers are made for Microsoft's compiler.
    x86_64-w64-mingw32-gcc -O1 -shared -Wall -Wno-attributes -Wno-unknown-pragmas -Wno-incompatible-pointer-types \
        -fms-extensions -Dalign=aligned -D_ReadWriteBarrier=_ReadWriteBarrier -isystem "$shipped/inc" \
        tests/wine/double.c tests/wine/requests.c "$1/double.def" -o "$1/double/bin/winfsp-x64.dll" -ladvapi32
}

# Whether the code is sound for Microsoft's toolchain, too, as far as that can be said without it: nothing is linked.
check_msvc() {
    local triple=x86_64-pc-windows-msvc
    have_program clang clang && have_program llvm-lib llvm || return 0
    [[ -d $(rustc --print sysroot)/lib/rustlib/$triple/lib ]] ||
        { have rustup && rustup target add $triple; } ||
        { skip "check for msvc: needs rustup target add $triple"; return 0; }
    # mingw's headers stand in for Microsoft's, which may not be passed on.
    CC_x86_64_pc_windows_msvc=clang AR_x86_64_pc_windows_msvc=llvm-lib \
        CFLAGS_x86_64_pc_windows_msvc="--target=$TRIPLE -D_UCRT -D__USE_MINGW_ANSI_STDIO=0" \
        cargo check --package cli --target $triple --locked
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
    build_double "$out.new" || return
    mv "$out.new" "$out"
    check_msvc
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
[[ ${1:-} == --build || ! -d $out ]] || YESTER_WINDOWS=$out cargo test --workspace --test main --locked windows::
