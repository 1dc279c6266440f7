//! The lines of text that differ.

use std::time::{Duration, Instant};

use anyhow::Result;
use fs_core::view::{FileKind, Node};
use similar::udiff::UnifiedHunkHeader;
use similar::{Algorithm, ChangeTag, DiffOp, capture_diff_slices_deadline, group_diff_ops};

use super::Item;

/// Maximum size of a file that is compared by line, in bytes. Of a larger file only the fact that it differs
/// is reported.
pub(super) const MOST: u64 = 16 << 20;
/// Bytes at the start of a file that are searched for a NUL. git decides in the same way whether a file is
/// text.
const LOOKED_AT: usize = 8000;
/// Time limit of the search for the shortest difference. After it, any difference is accepted.
const PATIENCE: Duration = Duration::from_secs(2);
/// Equal lines shown before and after a change.
const AROUND: usize = 3;

/// The bytes of a file or the target of a symbolic link; empty if there is no file.
#[derive(Debug)]
pub(super) enum Text {
    Lines(Vec<u8>),
    Binary,
    /// A file larger than [`MOST`].
    Large,
    /// A folder, a device or another entry without bytes.
    Special,
    /// A file or link that an import could not read.
    NotRead,
}

impl Text {
    pub(super) fn of(item: &Item<'_>, node: Option<&Node>) -> Result<Self> {
        let Some(node) = node else { return Ok(Text::Lines(Vec::new())) };
        let attr = item.view.attr(node);
        let bytes = match attr.kind {
            FileKind::File | FileKind::Symlink if item.view.not_read(node).is_some() => {
                return Ok(Text::NotRead);
            }
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

/// Two texts, compared by line.
pub(super) struct Lines<'a> {
    before: Vec<&'a [u8]>,
    after: Vec<&'a [u8]>,
    ops: Vec<DiffOp>,
}

impl<'a> Lines<'a> {
    pub(super) fn compare(before: &'a [u8], after: &'a [u8]) -> Self {
        let split = |text: &'a [u8]| text.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>();
        let (before, after) = (split(before), split(after));
        let deadline = Some(Instant::now() + PATIENCE);
        let ops = capture_diff_slices_deadline(Algorithm::Myers, &before, &after, deadline);
        Self { before, after, ops }
    }

    /// The numbers of lines added and removed.
    pub(super) fn counts(&self) -> (u64, u64) {
        let changed = self.ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
        changed.fold((0, 0), |(new, old), op| {
            (new + op.new_range().len() as u64, old + op.old_range().len() as u64)
        })
    }

    /// Passes each hunk of a unified diff.
    pub(super) fn hunks(self, mut print: impl FnMut(Hunk<'_, 'a>) -> Result<()>) -> Result<()> {
        let Self { before, after, ops } = self;
        let hunks = group_diff_ops(ops, AROUND);
        let mut hunks = hunks.iter().filter(|ops| !ops.is_empty());
        hunks.try_for_each(|ops| print(Hunk { ops, before: &before, after: &after }))
    }
}

/// Lines that differ, and equal lines around them.
pub(super) struct Hunk<'h, 'a> {
    ops: &'h [DiffOp],
    before: &'h [&'a [u8]],
    after: &'h [&'a [u8]],
}

impl<'a> Hunk<'_, 'a> {
    /// The line before a hunk, such as `@@ -1,3 +1,4 @@`.
    pub(super) fn header(&self) -> String {
        UnifiedHunkHeader::new(self.ops).to_string()
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = (ChangeTag, &'a [u8])> {
        let slices = self.ops.iter().flat_map(|op| op.iter_slices(self.before, self.after));
        slices.flat_map(|(tag, lines)| lines.iter().map(move |line| (tag, *line)))
    }
}
