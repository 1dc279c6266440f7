//! A tree of a snapshot as one stream: an archive for other programs.

mod acl;
mod names;
mod tar;
mod walk;
mod zip;

use std::io::{self, Write};

use jiff::tz::TimeZone;

use super::ServiceError;
use crate::monitor::{Cancellation, Monitor};
use crate::view::{Attr, Node, View, ViewError};

/// Which kind of archive.
#[derive(Debug, Clone)]
pub enum Archive {
    /// POSIX.1-2001 ("pax") tar with all that is kept of a file: owners, modes, times to the nanosecond, hard and symbolic links, devices,
    /// fifos, extended attributes and ACLs. It has no word for sockets; holes are written as zeros.
    Tar,
    /// Zip: names that are text, contents, permissions and symbolic links; times to two seconds, in this zone.
    Zip(TimeZone),
}

/// What was exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Entries of the archive.
    pub entries: u64,
    /// What the archive has no word for; the monitor was told of each.
    pub left_out: u64,
}

/// Why there is no whole archive.
enum Failure {
    /// History does not give it.
    Read(ViewError),
    /// Nobody takes it.
    Write(io::Error),
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Self {
        Failure::Read(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Write(error)
    }
}

/// An entry of an archive.
struct Member<'a> {
    view: &'a View,
    /// Its path; empty for a tree that has no name.
    path: &'a [u8],
    node: &'a Node,
    attr: Attr,
    /// Another name of the same file, if one was written already.
    link: Option<&'a [u8]>,
}

/// What becomes of an entry.
enum Fate {
    Written,
    /// Stored under this other path.
    WrittenAs(String),
    /// The archive has no word for it.
    LeftOut(&'static str),
}

/// An archive that is being written. It is not whole before it is finished.
trait Sink {
    fn add(&mut self, member: &Member<'_>) -> Result<Fate, Failure>;
    fn finish(self: Box<Self>) -> io::Result<()>;
    /// Ends without an end: what is there must not look whole.
    fn abandon(self: Box<Self>) {}
}

/// Writes `node` of `view` to `out`, as `name`, or without one its entries.
///
/// # Errors
/// When something cannot be read or written: an archive without some of its files would be taken for whole.
pub fn export(
    view: &View,
    node: &Node,
    name: Option<&[u8]>,
    archive: Archive,
    out: &mut dyn Write,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Exported, ServiceError> {
    let mut sink: Box<dyn Sink + '_> = match archive {
        Archive::Tar => Box::new(tar::Tar::new(out)),
        Archive::Zip(zone) => Box::new(zip::Zip::new(out, zone)),
    };
    match walk::walk(view, node, name, &mut *sink, monitor, cancellation) {
        Ok(exported) => {
            sink.finish().map_err(ServiceError::Export)?;
            Ok(exported)
        }
        Err(error) => {
            sink.abandon();
            Err(error)
        }
    }
}

/// Bytes that are read at a time.
const STEP: usize = 1 << 20;

impl Member<'_> {
    /// Writes a file's bytes: all of them, or it fails.
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
