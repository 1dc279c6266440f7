#!/usr/bin/env bash
# Runs every check and test of this repository, after installing what they need where that is permitted.
# A failure does not hide later ones. The end lists the slowest steps and tests, and everything that was skipped.
#
# usage: scripts/test.sh [--quick]
#   --quick   before a commit: format, lints, unit tests, and a part of the tests through the command line.
#             Leaves out Windows, the dependencies, the documentation, the decoders and the comparison.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CARGO_DENY_VERSION=0.20.2

quick=false
for argument in "$@"; do
    case $argument in
        --quick) quick=true ;;
        -h | --help)
            sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *)
            echo "scripts/test.sh: unknown option $argument (see --help)" >&2
            exit 2
            ;;
    esac
done

# mkfs and its kind are not in everybody's PATH.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
tools=$target/tools

logs=$(mktemp -d "${TMPDIR:-/tmp}/yester-test.XXXXXX")
trap 'rm -rf "$logs"' EXIT
# Tests append "NAME: needs X" to this file when they cannot run.
export YESTER_TEST_SKIPS=$logs/skips
touch "$logs"/{skips,steps,tests}

failed=()

heading() {
    printf '\n=== %s (%d s)\n' "$1" "$SECONDS"
}

# Runs a step, and notes its duration. A failed step does not hide the later ones.
step() {
    local name=$1 begin=$SECONDS
    shift
    heading "$name"
    if ! "$@"; then
        failed+=("$name")
        echo "FAILED: $name" >&2
    fi
    echo "$((SECONDS - begin)) $name" >>"$logs/steps"
}

skip() {
    echo "SKIPPED: $1" >&2
    echo "$1" >>"$YESTER_TEST_SKIPS"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# The tools that tests call, each with its Debian package.
debian_tools=(
    rsync:rsync
    fusermount3:fuse3
    setfattr:attr
    setfacl:acl
    setcap:libcap2-bin
    setpriv:util-linux
    strace:strace
    mkfs.ext4:e2fsprogs
    mkfs.vfat:dosfstools
    mkfs.exfat:exfatprogs
    mount.exfat-fuse:exfat-fuse
    rsnapshot:rsnapshot
    dirvish:dirvish
    unshare:util-linux
    git:git
    tar:tar
    unzip:unzip
    python3:python3
    module.zstandard:python3-zstandard
    restic:restic
    borg:borgbackup
    mksquashfs:squashfs-tools
    squashfuse_ll:squashfuse
    fio:fio
)

# Whether a program or a module of Python (module.NAME) is installed.
have_tool() {
    case $1 in
        # Debian's Python has it, whatever other Python comes first.
        module.*) /usr/bin/python3 -c "import ${1#module.}" 2>/dev/null ;;
        *) have "$1" ;;
    esac
}

missing_tools() {
    local entry
    for entry in "${debian_tools[@]}"; do
        have_tool "${entry%%:*}" || echo "$entry"
    done
}

install_debian_packages() {
    local missing log
    mapfile -t missing < <(missing_tools)
    if ((${#missing[@]} == 0)); then
        echo "all there"
        return
    fi
    if ((EUID == 0)) && have apt-get; then
        log=$(mktemp)
        export DEBIAN_FRONTEND=noninteractive
        echo "installing: ${missing[*]##*:}"
        if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]##*:}"; } >"$log" 2>&1
        then
            tail -n 20 "$log" >&2
        fi
        rm -f "$log"
    fi
    local entry
    for entry in $(missing_tools); do
        skip "tests that call ${entry%%:*}: need the Debian package ${entry##*:}"
    done
}

check_fuse() {
    if [[ ! -c /dev/fuse ]]; then
        skip "mounts: need /dev/fuse (modprobe fuse; in a container: --device /dev/fuse --cap-add SYS_ADMIN)"
        return
    fi
    # Everybody may open it where udev runs; a bare container often leaves it to root, and the tests mount as others too.
    if ((EUID == 0)) && [[ ${CI:-} == true && $(stat -c %a /dev/fuse) != 666 ]]; then
        chmod 666 /dev/fuse || true
    fi
    if ! { : <>/dev/fuse; } 2>/dev/null; then
        skip "mounts: need read and write permission for /dev/fuse"
    elif [[ $(stat -c %a /dev/fuse) != 666 ]]; then
        echo "/dev/fuse can be used by $(id -un), not by everybody: mounts of other users may be skipped"
    else
        echo "/dev/fuse can be used"
    fi
}

# Whether `cargo $1` is there, after asking rustup for it.
have_cargo() {
    cargo "$1" --version >/dev/null 2>&1 && return
    if have rustup; then
        rustup component add "$2" && return
    fi
    skip "cargo $1: needs rustup component add $2"
    return 1
}

format() {
    have_cargo fmt rustfmt || return 0
    cargo fmt --all --check
}

lint() {
    have_cargo clippy clippy || return 0
    cargo clippy --workspace --all-targets --locked -- -D warnings
}

# cargo-deny reads a few manifests: built without optimisation it is there in a minute or two, and fast enough.
install_cargo_deny() {
    echo "building cargo-deny $CARGO_DENY_VERSION in $tools (once)"
    env -u RUSTFLAGS \
        CARGO_TARGET_DIR="$tools/build" \
        CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
        CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_DEBUG=false \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        timeout 900 cargo install --quiet --locked --force --root "$tools" \
        --version "$CARGO_DENY_VERSION" cargo-deny || return
    # The finished program is all that is needed of half a gigabyte.
    rm -rf "$tools/build"
}

dependencies() {
    local deny=$tools/bin/cargo-deny
    if [[ $("$deny" --version 2>/dev/null || true) != "cargo-deny $CARGO_DENY_VERSION" ]]; then
        if ! install_cargo_deny; then
            skip "licences, bans and sources of dependencies: need cargo-deny $CARGO_DENY_VERSION (cargo install)"
            return
        fi
    fi
    "$deny" --locked check bans licenses sources
}

document() {
    RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings" cargo doc --no-deps --workspace --locked
}

# Builds all that runs. The later commands name the same packages, so that cargo finds the same features, and
# builds nothing again.
build() {
    cargo build --workspace --locked "$@" && export YESTER_BIN=$target/debug/yester
}

# What --quick runs of the tests of the program.
quick_tests=(
    cli:: export:: forgotten:: judge:: layering renamed::
    live::appear live::expressions live::reads restore::exact
)

# `cargo test $@`, where `--` and filters come last. Only a nightly compiler's harness tells durations. The variable
# makes the test programs believe that they have it. cargo must not see it: it would build everything again.
run_tests() {
    cargo test --workspace --locked --no-fail-fast --config "target.'cfg(unix)'.runner = ['env', 'RUSTC_BOOTSTRAP=1']" \
        "$@" -Zunstable-options --report-time | tee -a "$logs/tests"
}

# Whether the comparison with other programs still runs; how fast they are is not looked at.
compare_shortly() {
    local out
    out=$(mktemp -d "${TMPDIR:-/tmp}/yester-comparison.XXXXXX")
    "$target/debug/compare" --quick --yester "${YESTER_BIN:-}" --out "$out" &&
        [[ -s $out/README.md && -s $out/results.json ]]
    local result=$?
    rm -rf "$out"
    return $result
}

# yester.exe, for the tests that run it under Wine.
build_for_windows() {
    scripts/windows.sh --build || return
    [[ ! -d $target/windows ]] || export YESTER_WINDOWS=$target/windows
}

report() {
    heading "slowest steps (s)"
    sort -rn "$logs/steps" | sed -n 1,10p
    heading "slowest tests (s)"
    sed -nE 's/^test (.+) \.\.\. [A-Za-z]+ <([0-9.]+)s>$/\2 \1/p' "$logs/tests" | sort -rn | sed -n 1,10p
    local skipped
    mapfile -t skipped < <(sort -u "$YESTER_TEST_SKIPS")
    heading "skipped: ${#skipped[@]}"
    ((${#skipped[@]} == 0)) || printf '  %s\n' "${skipped[@]}"
    if ((${#failed[@]} > 0)); then
        heading "FAILED: $(IFS=,; echo "${failed[*]}")"
        sed -nE 's/^test (.+) \.\.\. FAILED.*/  \1/p' "$logs/tests"
        return 1
    fi
    heading "passed"
}

step "tools that tests call" install_debian_packages
step "/dev/fuse" check_fuse
step "format" format
step "lints" lint
if $quick; then
    step "build" build --lib --bin yester --test main
    step "unit tests" run_tests --lib --bin yester --
    step "tests of the program" run_tests --test main -- "${quick_tests[@]}"
else
    step "dependencies" dependencies
    step "documentation" document
    step "build" build --bins --tests
    step "yester.exe" build_for_windows
    step "unit tests" run_tests --lib --bins --
    # These wait for disks, mounts and processes more than they compute.
    RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))} step "tests of the program" run_tests --test '*' --
    step "examples in the documentation" cargo test --workspace --doc --locked
    step "comparison" compare_shortly
fi
report
