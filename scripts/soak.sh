#!/usr/bin/env bash
# Runs one of the randomised tests many times. scripts/test.sh runs a slice of each.
#
# usage: scripts/soak.sh NAME [--seed N] [--count N]
#   histories      drawn trees and hard-link farms: every snapshot is what was on disk     (2000 cases)
#   model          drawn trees through the mount, against a model                          (150 cases)
#   killed         imports killed beside two mounts                                        (200 rounds)
#   watch-killed   a watch killed while runs are made                                      (100 rounds)
#   hostile        links, pipes, devices in each place of a repository, with each command  (all cases)
#   damage         objects damaged at random, then repaired                                (500 cases)
#   races          root restores and mounts while another user swaps links in              (100 rounds)
#   older-build    the last commit that knew only version 1 of the format refuses version 2 (once)
#   index-pages    every page of an index damaged, and every command meets it first        (once)
#   index-trial    processes that share an index's database are killed, answers counted    (300 seconds)
# It prints the commit, the seed, the count and how long it took.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

[[ $# -gt 0 ]] || { usage >&2; exit 2; }
name=$1
shift
seed=$((RANDOM * 32768 + RANDOM))
count=
while (($# > 0)); do
    case $1 in
        --seed) seed=$2; shift 2 ;;
        --count) count=$2; shift 2 ;;
        *) echo "scripts/soak.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    esac
done

case $name in
    histories)
        count=${count:-2000}
        # The test takes a sixth of the usual number of cases.
        run=(env PROPTEST_CASES=$((count * 6)) PROPTEST_RNG_SEED="$seed"
            cargo test --locked --package fs-core --lib import::tests::histories) ;;
    model)
        count=${count:-150}
        run=(env YESTER_TEST_CASES="$count" YESTER_TEST_SEED="$seed"
            cargo test --locked --package fs-tests --test main model::every_snapshot) ;;
    killed)
        count=${count:-200}
        run=(env YESTER_TEST_KILL_ROUNDS="$count" cargo test --locked --package fs-tests --test main errors::killed) ;;
    watch-killed)
        count=${count:-100}
        run=(env YESTER_TEST_WATCH_KILLS="$count" cargo test --locked --package fs-tests --test main watch::killed) ;;
    hostile)
        count=${count:-1000000}
        run=(env YESTER_TEST_HOSTILE="$count" YESTER_TEST_SEED="$seed"
            cargo test --locked --package fs-tests --test main hostile::planted) ;;
    damage)
        count=${count:-500}
        run=(env YESTER_TEST_DAMAGE="$count" YESTER_TEST_SEED="$seed"
            cargo test --locked --package fs-tests --test main damage::random) ;;
    races)
        count=${count:-100}
        run=(env YESTER_TEST_RACES="$count" cargo test --locked --package fs-tests --test main hostile::raced) ;;
    older-build)
        count=${count:-1}
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
        git archive 15206e1 | tar -x -C "$folder"
        (cd "$folder" && CARGO_TARGET_DIR=$folder/target cargo build --locked --package cli)
        run=(env YESTER_OLDER="$folder/target/debug/yester"
            cargo test --locked --package fs-tests --test main cli::old_version::an_older_build) ;;
    index-pages)
        count=${count:-1}
        run=(env YESTER_TEST_INDEX_PAGES=all YESTER_TEST_SEED="$seed"
            cargo test --locked --package fs-core --lib testing::index_pages) ;;
    index-trial)
        count=${count:-300}
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
        run=(cargo run --locked --release --package fs-core --example index_trial -- "$folder"
            --mode multi --writers 8 --readers 4 --seconds "$count" --seed "$seed") ;;
    -h | --help) usage; exit 0 ;;
    *) echo "scripts/soak.sh: no soak is called $name" >&2; usage >&2; exit 2 ;;
esac

"${run[@]}"
echo "soak $name: commit $(git rev-parse --short HEAD), seed $seed, count $count, $SECONDS s"
