use std::cell::RefCell;
use std::collections::HashMap;

use super::links::FileId;
use super::parent::may_have_changed_since;
use crate::format::{Kind, Time};
use crate::import::disk::Stat;

/// Files shared by several levels of a hard-link farm and changed at about the time of reading. The last
/// level's snapshot cannot prove their content. It proves all other files, so only these few must be
/// remembered from one walk to the next.
#[derive(Debug, Default)]
pub(crate) struct SeenFiles(RefCell<HashMap<FileId, (Attributes, Kind)>>);

/// Size, mtime and ctime. They must be equal for a file to be the one that was read. A change of its content
/// changes `ctime`. While nobody links the file again, nothing else changes it.
type Attributes = (u64, Time, Time);

fn attributes(stat: &Stat) -> Attributes {
    (stat.size, stat.attributes.mtime, stat.ctime)
}

/// Maximum number of files. Further ones are not remembered, and are only read again.
const MAX_FILES: usize = 1 << 18;

impl SeenFiles {
    /// Remembers a file that was read by a walk begun at `started`.
    pub(super) fn add(&self, stat: &Stat, kind: &Kind, started: Time) {
        let fresh = may_have_changed_since(stat.attributes.mtime, started);
        let mut files = self.0.borrow_mut();
        if stat.links > 1 && fresh && files.len() < MAX_FILES {
            files.insert(stat.id, (attributes(stat), kind.clone()));
        }
    }

    /// The content of a file that was read before.
    pub(super) fn content(&self, stat: &Stat) -> Option<Kind> {
        let files = self.0.borrow();
        let (seen, kind) = files.get(&stat.id)?;
        (*seen == attributes(stat)).then(|| kind.clone())
    }
}
