//! File contents as recipes: short to print, cheap to change, and any size.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use fs_tests::plant::noise;

/// A stretch of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Bytes that do not compress.
    Noise { seed: u64, length: usize },
    /// Lines of text that do.
    Words { seed: u64, length: usize },
    /// The same bytes again and again.
    Repeat { seed: u64, unit: usize, times: usize },
    /// Nothing on the disk, zeros to the reader.
    Hole(usize),
}

impl Segment {
    fn length(&self) -> usize {
        match self {
            Self::Noise { length, .. } | Self::Words { length, .. } | Self::Hole(length) => *length,
            Self::Repeat { unit, times, .. } => unit * times,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Noise { seed, length } => noise(*seed, *length),
            Self::Words { seed, length } => words(*seed, *length),
            Self::Repeat { seed, unit, times } => noise(*seed, *unit).repeat(*times),
            Self::Hole(length) => vec![0; *length],
        }
    }
}

fn words(seed: u64, length: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "fn ",
        "let ",
        "return ",
        "if ",
        "else ",
        "the ",
        "snapshot ",
        "of ",
        "{\n",
        "}\n",
        "// ",
        "= ",
        "0; ",
        "->",
        "match ",
        "\n\n",
    ];
    let mut text = Vec::with_capacity(length + 16);
    while text.len() < length {
        for byte in noise(seed ^ text.len() as u64, 64) {
            text.extend(WORDS[usize::from(byte % 16)].as_bytes());
        }
    }
    text.truncate(length);
    text
}

/// A file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Content(pub Vec<Segment>);

impl Content {
    /// Its size.
    pub fn length(&self) -> usize {
        self.0.iter().map(Segment::length).sum()
    }

    /// All of it.
    pub fn bytes(&self) -> Arc<[u8]> {
        self.0.iter().flat_map(Segment::bytes).collect()
    }

    /// Write it into an empty file, leaving the holes open.
    pub fn write(&self, mut file: &File) -> io::Result<()> {
        let mut offset = 0;
        for segment in &self.0 {
            if !matches!(segment, Segment::Hole(_)) {
                file.write_all_at(&segment.bytes(), offset)?;
            }
            offset += segment.length() as u64;
        }
        file.set_len(offset)?;
        file.flush()
    }
}
