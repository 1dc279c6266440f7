#!/usr/bin/env bash
# Runs every fuzz target for a while with libFuzzer, beginning with what the encoders make. Inputs that it finds
# interesting stay in fuzz/corpus/, those that fail in fuzz/artifacts/.
#
# usage: scripts/fuzz.sh [SECONDS [TARGET...]]
#   SECONDS   for each target (10)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CARGO_FUZZ_VERSION=0.13.2

case ${1:-} in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
esac
seconds=${1:-10}
if [[ ! $seconds =~ ^[0-9]+$ ]]; then
    echo "scripts/fuzz.sh: $seconds is no number of seconds (see --help)" >&2
    exit 2
fi
shift || true

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export PATH="$target/tools/bin:$PATH"
if [[ $(cargo fuzz --version 2>/dev/null || true) != "cargo-fuzz $CARGO_FUZZ_VERSION" ]]; then
    echo "building cargo-fuzz $CARGO_FUZZ_VERSION in $target/tools (once)"
    CARGO_TARGET_DIR="$target/tools/build" cargo install --quiet --locked --debug --force \
        --root "$target/tools" --version "$CARGO_FUZZ_VERSION" cargo-fuzz
    rm -rf "$target/tools/build"
fi

# The sanitizers' flags are unstable; this lets a stable compiler take them.
export RUSTC_BOOTSTRAP=1
# The product's link-time optimisation only costs time here.
export CARGO_PROFILE_RELEASE_LTO=off
cd fuzz
cargo run --quiet --locked --bin seeds -- corpus
targets=("$@")
if ((${#targets[@]} == 0)); then
    for file in fuzz_targets/*.rs; do
        targets+=("$(basename "$file" .rs)")
    done
fi
cargo fuzz build --fuzz-dir . --features libfuzzer
failed=()
for name in "${targets[@]}"; do
    echo "=== $name"
    if ! cargo fuzz run --fuzz-dir . --features libfuzzer "$name" -- \
        -max_total_time="$seconds" -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 -verbosity=0
    then
        failed+=("$name")
    fi
done
if ((${#failed[@]} > 0)); then
    echo "FAILED: ${failed[*]}" >&2
    exit 1
fi
