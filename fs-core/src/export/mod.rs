//! Exports a tree of a snapshot as one stream: an archive for other programs.

mod acl;
mod names;
mod tar;
mod walk;
mod zip;

use std::io::{self, Write};

use jiff::tz::TimeZone;
use thiserror::Error;
pub use walk::{export, export_nothing};

use crate::view::{Attr, Node, View, ViewError};

/// The kind of archive.
#[derive(Debug, Clone)]
pub enum Archive {
    /// POSIX.1-2001 ("pax") tar with everything that is kept of a file: owners, modes, times to the
    /// nanosecond, hard and symbolic links, devices, fifos, extended attributes and ACLs. It cannot store
    /// sockets. Holes are written as zeros.
    Tar,
    /// Zip: names that are text, contents, permissions and symbolic links; times to two seconds, in this
    /// zone.
    Zip(TimeZone),
}

/// The result of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Entries of the archive.
    pub entries: u64,
    /// Entries that the archive lacks, or of which it lacks extended attributes: it cannot store them, or the
    /// import could not read them. Each was reported to the monitor.
    pub left_out: u64,
}

/// The reason why an export stopped. The archive is not complete.
#[derive(Debug, Error)]
pub enum ExportError {
    /// Writing the archive failed.
    #[error("cannot write the archive: {0}; the output is incomplete")]
    Write(io::Error),
    /// An entry cannot be read from history.
    #[error("{path}: {reason}")]
    Read {
        /// The entry's path.
        path: String,
        /// The reason.
        reason: ViewError,
    },
    /// The user asked the export to stop.
    #[error("interrupted: the archive is incomplete")]
    Cancelled,
}

/// The reason why the archive is incomplete.
#[derive(Debug, Error)]
enum Failure {
    #[error(transparent)]
    Read(#[from] ViewError),
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// An entry of an archive.
struct Member<'a> {
    view: &'a View,
    /// The entry's path; empty for a tree that has no name.
    path: &'a [u8],
    node: &'a Node,
    attr: Attr,
    /// Another name of the same file, if one was written already.
    link: Option<&'a [u8]>,
}

/// The result for one entry.
enum Fate {
    Written,
    /// The entry was stored under this other path.
    WrittenAs(String),
    /// The archive cannot store the entry, for this reason.
    LeftOut(&'static str),
}

/// An archive that is being written. It is complete only after `finish`.
trait Sink {
    fn add(&mut self, member: &Member<'_>) -> Result<Fate, Failure>;
    fn finish(self: Box<Self>) -> io::Result<()>;
    /// Ends without the archive's end mark: the output must not look complete.
    fn abandon(self: Box<Self>) {}
}

/// Bytes that are read at a time.
const STEP: usize = 1 << 20;

impl Member<'_> {
    /// Writes all bytes of a file, or fails.
    fn copy(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let mut at = 0;
        while at < self.attr.size {
            let bytes = self.view.read(self.node, at, STEP)?;
            if bytes.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            out.write_all(&bytes)?;
            at += bytes.len() as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
