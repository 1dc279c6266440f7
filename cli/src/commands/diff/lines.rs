//! Lines of text that differ.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::Result;
use fs_core::view::{FileKind, Node};
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline, group_diff_ops};

use super::Item;

/// Larger files are said to differ, and not read.
pub(super) const MOST: u64 = 16 << 20;
/// So much of a file tells whether it is text, as git thinks.
const LOOKED_AT: usize = 8000;
/// Afterwards any difference will do, not only the shortest.
const PATIENCE: Duration = Duration::from_secs(2);
/// Equal lines around those that differ.
const AROUND: usize = 3;

/// The bytes of a file, a symbolic link's target, or nothing where there is no file.
#[derive(Debug)]
pub(super) enum Text {
    Lines(Vec<u8>),
    Binary,
    /// More than is looked at.
    Large,
    /// A folder, a device and the like: it has no bytes.
    Special,
}

impl Text {
    pub(super) fn of(item: &Item<'_>, node: Option<&Node>) -> Result<Self> {
        let Some(node) = node else { return Ok(Text::Lines(Vec::new())) };
        let attr = item.view.attr(node);
        let bytes = match attr.kind {
            FileKind::File if attr.size > MOST => return Ok(Text::Large),
            FileKind::File => {
                let len = usize::try_from(attr.size).unwrap_or_default();
                item.view.read(node, 0, len).map_err(|reason| item.failed(reason))?.to_vec()
            }
            FileKind::Symlink => item.view.read_link(node).map_err(|reason| item.failed(reason))?.to_vec(),
            _ => return Ok(Text::Special),
        };
        let is_binary = bytes[..bytes.len().min(LOOKED_AT)].contains(&0);
        Ok(if is_binary { Text::Binary } else { Text::Lines(bytes) })
    }
}

/// Two texts, line by line.
pub(super) struct Lines<'a> {
    before: Vec<&'a [u8]>,
    after: Vec<&'a [u8]>,
    ops: Vec<DiffOp>,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Goes,
    Comes,
}

impl<'a> Lines<'a> {
    pub(super) fn compare(before: &'a [u8], after: &'a [u8]) -> Self {
        let split = |text: &'a [u8]| text.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>();
        let (before, after) = (split(before), split(after));
        let deadline = Some(Instant::now() + PATIENCE);
        let ops = capture_diff_slices_deadline(Algorithm::Myers, &before, &after, deadline);
        Self { before, after, ops }
    }

    /// How many lines come and go.
    pub(super) fn counts(&self) -> (u64, u64) {
        let changed = self.ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
        changed.fold((0, 0), |(come, go), op| {
            (come + op.new_range().len() as u64, go + op.old_range().len() as u64)
        })
    }

    /// Tells the hunks of a unified diff: a header, and the lines.
    pub(super) fn hunks(self, mut tell: impl FnMut(Hunk<'_, 'a>) -> Result<()>) -> Result<()> {
        let Self { before, after, ops } = self;
        for ops in group_diff_ops(ops, AROUND) {
            let (Some(first), Some(last)) = (ops.first(), ops.last()) else { continue };
            let old = first.old_range().start..last.old_range().end;
            let new = first.new_range().start..last.new_range().end;
            let header = format!("@@ -{} +{} @@", place(&old), place(&new));
            tell(Hunk { header, ops: &ops, before: &before, after: &after })?;
        }
        Ok(())
    }
}

/// Some lines that differ, and those around them.
pub(super) struct Hunk<'h, 'a> {
    pub(super) header: String,
    ops: &'h [DiffOp],
    before: &'h [&'a [u8]],
    after: &'h [&'a [u8]],
}

impl<'a> Hunk<'_, 'a> {
    pub(super) fn lines(&self) -> impl Iterator<Item = (Fate, &'a [u8])> {
        self.ops.iter().flat_map(|op| {
            let (old, new) = (&self.before[op.old_range()], &self.after[op.new_range()]);
            let (stay, go, come) = match op {
                DiffOp::Equal { .. } => (old, &[][..], &[][..]),
                _ => (&[][..], old, new),
            };
            let with = |fate| move |line: &&'a [u8]| (fate, *line);
            stay.iter()
                .map(with(Fate::Stays))
                .chain(go.iter().map(with(Fate::Goes)))
                .chain(come.iter().map(with(Fate::Comes)))
        })
    }
}

/// Where lines are, as `patch` counts them: of none, the line before.
fn place(lines: &Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => (lines.start + 1).to_string(),
        len => format!("{},{len}", lines.start + 1),
    }
}
