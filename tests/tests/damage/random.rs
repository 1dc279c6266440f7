//! Random damage: its position, its kind, and the number of damaged files.
//!
//! `YESTER_TEST_DAMAGE` sets how many cases are drawn, `YESTER_TEST_SEED` which.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use fs_tests::plant::noise;

use super::repair::heals_with;
use super::{Fixture, files, flip, swap, truncate, zero_page};

/// A sequence of pseudo-random numbers.
struct Draw {
    seed: u64,
    drawn: u64,
}

impl Draw {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.drawn += 1;
        let bytes = noise(self.seed.wrapping_add(self.drawn), 8);
        let number = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        usize::try_from(number % bound as u64).expect("a number")
    }

    fn one<'a>(&mut self, of: &'a [PathBuf]) -> &'a PathBuf {
        &of[self.below(of.len())]
    }
}

/// Damages one of these files. Returns a description.
fn damage(draw: &mut Draw, victims: &[PathBuf]) -> String {
    let path = draw.one(victims);
    let len = fs::metadata(path).map_or(0, |told| usize::try_from(told.len()).expect("a length"));
    let what = match draw.below(9) {
        _ if len == 0 => "nothing",
        0..=2 => {
            flip(path, draw.below(len));
            "a flipped bit"
        }
        3 => {
            truncate(path, draw.below(len));
            "a truncation"
        }
        4 => {
            zero_page(path, draw.below(len));
            "a zeroed page"
        }
        5 => {
            fs::remove_file(path).expect("removed");
            "a deletion"
        }
        6 => match draw.one(victims) {
            other if other != path && other.exists() => {
                swap(path, other);
                "a swap"
            }
            _ => "nothing",
        },
        sort => {
            let mut bytes = fs::read(path).expect("a file");
            let (at, seed) = (draw.below(len), draw.below(1000) as u64);
            if sort == 7 {
                bytes.extend(noise(seed, 1 + at.min(5000)));
            } else {
                let end = len.min(at + 100);
                bytes[at..end].copy_from_slice(&noise(seed, end - at));
            }
            fs::write(path, bytes).expect("written");
            if sort == 7 { "bytes after its end" } else { "other bytes" }
        }
    };
    format!("{what} in {}", path.display())
}

#[test]
fn what_is_not_named_is_kept() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| u64::from(now.subsec_nanos()));
    let seed = number("YESTER_TEST_SEED").unwrap_or(now);
    let count = number("YESTER_TEST_DAMAGE").unwrap_or(6);
    println!("YESTER_TEST_SEED={seed}: {count} cases");
    let fixture = Fixture::new();
    fixture.sandbox.yester(["tag", "@first", "precious"]).run().ok();
    fixture.keep();
    let below = |folder: &str| files(&fixture.repo().join(folder));
    let (packs, snapshots, records) = (below("packs"), below("snapshots"), below("log"));
    let objects = [packs.clone(), snapshots, records].concat();
    for case in 0..count {
        let mut draw = Draw { seed: seed.wrapping_add(case << 32), drawn: 0 };
        let victims = [&packs, &objects][draw.below(2)];
        let done: Vec<_> = (0..[1, 1, 1, 2, 3][draw.below(5)]).map(|_| damage(&mut draw, victims)).collect();
        heals_with(&fixture, &format!("seed {seed}, case {case}: {}", done.join(", ")), &["--really"]);
    }
}
