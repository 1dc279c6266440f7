//! The targets without libFuzzer: seeds, and blind changes to them. Needs no special compiler, so everybody runs it.
//!
//! `YESTER_FUZZ_SECONDS` says for how long each target (1). All run in one thread: the allocator's limit is theirs.

use std::env;
use std::time::{Duration, Instant};

/// Numbers that a seed determines.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("a small number")
    }

    fn byte(&mut self) -> u8 {
        // Ends of ranges are where mistakes are.
        const LIKELY: [u8; 8] = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff];
        if self.below(2) == 0 { LIKELY[self.below(LIKELY.len())] } else { self.next().to_le_bytes()[0] }
    }
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    let len = chance.below(12);
    let end = bytes.len().min(at + len);
    match chance.below(7) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.insert(at, chance.byte()),
        // A huge varint.
        3 => drop(bytes.splice(at..end, vec![0xff; len])),
        4 => {
            let other = &seeds[chance.below(seeds.len())];
            let from = chance.below(other.len() + 1);
            bytes.splice(at.., other[from..].iter().copied());
        }
        5 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
        _ if at < bytes.len() => bytes[at] = chance.byte(),
        _ => bytes.push(chance.byte()),
    }
}

#[test]
fn no_target_fails_in_a_short_time() {
    let seconds =
        env::var("YESTER_FUZZ_SECONDS").map_or(1, |text| text.parse().expect("a number of seconds"));
    let mut chance = Chance(seconds);
    for (target, feed) in yester_fuzz::TARGETS {
        let seeds = yester_fuzz::seeds(target);
        // What the encoders made must be accepted, so it is fed apart from the changed.
        seeds.iter().for_each(|seed| yester_fuzz::run(target, seed));
        feed(&[]);
        let begin = Instant::now();
        let mut runs = 0u64;
        let mut failing = Failing { target, bytes: Vec::new() };
        while begin.elapsed() < Duration::from_secs(seconds) {
            failing.bytes = seeds[chance.below(seeds.len())].clone();
            for _ in 0..=chance.below(6) {
                change(&mut failing.bytes, &seeds, &mut chance);
            }
            yester_fuzz::run(target, &failing.bytes);
            runs += 1;
        }
        println!("{target}: {runs} inputs");
    }
}

/// Says what a target panicked at.
struct Failing {
    target: &'static str,
    bytes: Vec<u8>,
}

impl Drop for Failing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("target {} failed at: {}", self.target, self.bytes.escape_ascii());
        }
    }
}
