use crate::format::limits::{MAX_UNREAD, MAX_UNREAD_PATH};
use crate::format::{Status, Unread};
use crate::monitor::{Monitor, Trouble, TroubleKind};

/// The problems of an import.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// Problems of the current entry.
    noted: Vec<(TroubleKind, String)>,
    /// The current entry, or an entry below it, was not read.
    unread: bool,
    all_unread: UnreadPaths,
    /// Number of entries with problems, except those left out on purpose.
    pub(super) entries: u64,
    /// The status that follows from the problems so far; `None` for a complete one.
    status: Option<Status>,
}

impl Troubles {
    /// Records a problem of the current entry.
    pub(super) fn note(&mut self, kind: TroubleKind, reason: impl Into<String>) {
        self.unread |= kind == TroubleKind::Unreadable;
        self.noted.push((kind, reason.into()));
    }

    /// Records that the current entry is a directory with an incomplete listing.
    pub(super) fn note_unlisted(&mut self, reason: impl Into<String>) {
        self.note(TroubleKind::Incomplete, reason);
        self.unread = true;
    }

    /// Reports the problems of the current entry under `path`. If it was not read, records the path
    /// `below_root`.
    pub(super) fn report(
        &mut self,
        monitor: &dyn Monitor,
        path: impl FnOnce() -> Vec<u8>,
        below_root: impl FnOnce() -> Vec<u8>,
    ) {
        if self.noted.is_empty() {
            return;
        }
        if std::mem::take(&mut self.unread) {
            self.all_unread.add(below_root());
        }
        let path = path();
        self.entries += u64::from(self.noted.iter().any(|(kind, _)| *kind != TroubleKind::Skipped));
        for (kind, reason) in self.noted.drain(..) {
            match kind {
                TroubleKind::Skipped | TroubleKind::Unkept | TroubleKind::Exists => {}
                TroubleKind::Vanished => self.status = self.status.or(Some(Status::Vanished)),
                TroubleKind::Unreadable | TroubleKind::Incomplete | TroubleKind::ChangedWhileRead => {
                    self.status = Some(Status::Partial);
                }
            }
            monitor.trouble(&Trouble { path: path.clone(), kind, reason });
        }
    }

    /// Takes the paths that were not read.
    pub(super) fn take_unread(&mut self) -> Unread {
        std::mem::take(&mut self.all_unread).finish()
    }

    /// Status of the snapshot that follows from the problems.
    pub(super) fn status(&self) -> Status {
        self.status.unwrap_or(Status::Complete)
    }
}

/// Collects the paths that were not read, up to the number that fits in a manifest.
#[derive(Debug, Default)]
struct UnreadPaths {
    unread: Unread,
    /// Encoded bytes of the paths.
    len: usize,
}

/// Bytes that encode a path's length, for a length up to [`MAX_UNREAD_PATH`].
const PATH_HEADER: usize = 2;
/// Bytes that encode the two counts before the paths.
const HEADER: usize = 16;

impl UnreadPaths {
    fn add(&mut self, mut path: Vec<u8>) {
        if path.len() > MAX_UNREAD_PATH {
            let end = path[..=MAX_UNREAD_PATH].iter().rposition(|byte| *byte == b'/');
            path.truncate(end.unwrap_or(0));
        }
        let len = self.len + PATH_HEADER + path.len();
        if HEADER + len > MAX_UNREAD {
            self.unread.more += 1;
        } else {
            self.len = len;
            self.unread.paths.push(path.into());
        }
    }

    fn finish(mut self) -> Unread {
        // A walk follows the order of names, not of paths.
        self.unread.paths.sort_unstable();
        self.unread.paths.dedup();
        self.unread
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{BlobId, Manifest, Version};
    use crate::testing::samples;

    #[test]
    fn what_has_no_room_is_counted() {
        let mut all = UnreadPaths::default();
        for path in ["a/b", "a-b", "a/b"] {
            all.add(path.into());
        }
        // The cut path names a directory above the entry that was not read.
        all.add([b"deep/".repeat(2000), b"file".to_vec()].concat());
        let long = |number: u32| format!("{number:08}").repeat(100).into_bytes();
        (0..200).for_each(|number| all.add(long(number)));
        let unread = all.finish();
        assert_eq!(
            unread.paths[unread.paths.len() - 3..],
            ["a-b", "a/b"]
                .map(|path| path.as_bytes().into())
                .into_iter()
                .chain([Box::from(&b"deep/".repeat(1638)[..8189])])
                .collect::<Vec<Box<[u8]>>>()[..]
        );
        assert_eq!(unread.paths.len() as u64 - 3 + unread.more, 200);
        assert!(unread.more > 100 && unread.covers(&b"deep/".repeat(2000)));

        let mut manifest = samples::manifest(BlobId([7; 32]));
        manifest.extensions.unread = unread.clone();
        let decoded = Manifest::decode(&manifest.encode(), Version::Two).unwrap();
        assert_eq!(decoded.extensions.unread, unread);
    }
}
