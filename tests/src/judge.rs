//! Compares trees with rsync.

use std::path::Path;
use std::process::Command;

/// Fails unless rsync finds nothing to do in either direction. It compares content by checksum, and every
/// time, owner, mode, link, ACL and attribute. A test that calls this needs [`RSYNC`](crate::needs::RSYNC).
#[track_caller]
pub fn same(one: &Path, other: &Path) {
    for (from, to) in [(one, other), (other, one)] {
        let ran = Command::new("rsync")
            .args(["-naicHAX", "--checksum", "--numeric-ids", "--delete"])
            .arg(from.join(""))
            .arg(to.join(""))
            .output()
            .expect("rsync runs");
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        assert!(
            ran.status.success() && said.is_empty(),
            "{} → {}: {}\n{said}",
            from.display(),
            to.display(),
            ran.status
        );
    }
}
