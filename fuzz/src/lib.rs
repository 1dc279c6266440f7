//! What the fuzz targets do, apart from who feeds them: libFuzzer (`fuzz_targets/`), or the short runner in `tests/`
//! that needs no special compiler.
//!
//! A decoder must neither panic nor allocate much beyond what it was given, whatever it is given; and what it accepts
//! must survive being written and read again.

mod seal;
mod seeds;
mod targets;

use std::alloc::System;

use cap::Cap;

pub use seeds::seeds;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What a decoder may allocate whatever its input: the largest block twice over, and a margin.
const BASE: usize = 48 << 20;
/// What it may allocate for each byte of input: an extent of one byte takes 56 in memory, and vectors double.
const PER_BYTE: usize = 160;

/// Decodes bytes of any content, and panics if the result is wrong.
pub type Target = fn(&[u8]);

/// The targets, by name.
pub const TARGETS: [(&str, Target); 16] = [
    ("config", targets::config),
    ("manifest", targets::manifest),
    ("tag", targets::tag),
    ("record", targets::record),
    ("checkpoint", targets::checkpoint),
    ("catalogue", targets::catalogue),
    ("trailer", targets::trailer),
    ("block", targets::block),
    ("node", targets::node),
    ("entry", targets::entry),
    ("chunks", targets::chunks),
    ("xattrs", targets::xattrs),
    ("links", targets::links),
    ("stat_part", targets::stat_part),
    ("stat_trailer", targets::stat_trailer),
    ("expression", targets::expression),
];

/// Feeds a target. Aborts when it allocates too much.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    let limit = ALLOCATOR.allocated() + BASE + data.len() * PER_BYTE;
    ALLOCATOR.set_limit(limit).expect("a limit above what is allocated");
    target(data);
    ALLOCATOR.set_limit(usize::MAX).expect("no limit");
}
