use crate::format::Status;
use crate::monitor::{Monitor, Trouble, TroubleKind};

/// What was not taken as it should have been.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// Of the entry at hand.
    noted: Vec<(TroubleKind, String)>,
    entries: u64,
    vanished: bool,
    incomplete: bool,
}

impl Troubles {
    /// Something about the entry at hand.
    pub(super) fn note(&mut self, kind: TroubleKind, reason: impl Into<String>) {
        self.noted.push((kind, reason.into()));
    }

    /// Tells what was noted of the entry that has this path.
    pub(super) fn tell(&mut self, monitor: &dyn Monitor, path: impl FnOnce() -> Vec<u8>) {
        if self.noted.is_empty() {
            return;
        }
        let path = path();
        self.entries += u64::from(self.noted.iter().any(|(kind, _)| *kind != TroubleKind::Skipped));
        for (kind, reason) in self.noted.drain(..) {
            match kind {
                TroubleKind::Skipped | TroubleKind::Unkept | TroubleKind::Exists => {}
                TroubleKind::Vanished => self.vanished = true,
                TroubleKind::Unreadable | TroubleKind::Incomplete | TroubleKind::Unsettled => {
                    self.incomplete = true;
                }
            }
            monitor.trouble(&Trouble { path: path.clone(), kind, reason });
        }
    }

    /// Entries in trouble, but for those left out on purpose.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// What they make of the snapshot.
    pub(super) fn status(&self) -> Status {
        match (self.incomplete, self.vanished) {
            (true, _) => Status::Partial,
            (false, true) => Status::Vanished,
            (false, false) => Status::Complete,
        }
    }
}
