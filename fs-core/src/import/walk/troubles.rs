use crate::format::Status;
use crate::monitor::{Monitor, Trouble, TroubleKind};

/// The problems of an import.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// Problems of the current entry.
    noted: Vec<(TroubleKind, String)>,
    /// Number of entries with problems, except those left out on purpose.
    pub(super) entries: u64,
    /// The status that follows from the problems so far; `None` for a complete one.
    status: Option<Status>,
}

impl Troubles {
    /// Records a problem of the current entry.
    pub(super) fn note(&mut self, kind: TroubleKind, reason: impl Into<String>) {
        self.noted.push((kind, reason.into()));
    }

    /// Reports the problems of the current entry under `path`.
    pub(super) fn report(&mut self, monitor: &dyn Monitor, path: impl FnOnce() -> Vec<u8>) {
        if self.noted.is_empty() {
            return;
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

    /// Status of the snapshot that follows from the problems.
    pub(super) fn status(&self) -> Status {
        self.status.unwrap_or(Status::Complete)
    }
}
