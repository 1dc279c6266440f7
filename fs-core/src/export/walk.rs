//! The walk of a tree that is exported.

use std::collections::HashMap;
use std::io::Write;

use super::tar::Tar;
use super::zip::Zip;
use super::{Archive, ExportError, Exported, Failure, Fate, Member, Sink};
use crate::format::limits::MAX_DEPTH;
use crate::monitor::{Cancellation, Monitor, Progress, Trouble, TroubleKind};
use crate::view::{FileKind, Listing, Node, Unlisted, View, ViewError};

struct Walk<'a> {
    view: &'a View,
    sink: Box<dyn Sink + 'a>,
    monitor: &'a dyn Monitor,
    /// The folders above the current entry, each with the length of its path.
    frames: Vec<Frame>,
    path: Vec<u8>,
    /// The first name of each file that has several names, by the file's identity.
    firsts: HashMap<u128, Vec<u8>>,
    exported: Exported,
    progress: Progress,
}

struct Frame {
    listing: Listing,
    path_len: usize,
}

/// Writes `node` of `view` to `out` as `name`. Without a name, writes the entries of `node`.
///
/// # Errors
/// Fails if something cannot be read or written: an archive without some of its files would look complete.
///
/// ```
/// use fs_core::export::{Archive, export};
///
/// # use fs_core::import::{ImportOptions, import_tree};
/// # use fs_core::monitor::{Cancellation, Silent};
/// # let folder = tempfile::tempdir()?;
/// # let (root, tree) = (folder.path().join("repository"), folder.path().join("tree"));
/// # fs_core::service::init(&root)?;
/// # std::fs::create_dir(&tree)?;
/// # std::fs::write(tree.join("file"), "content")?;
/// # import_tree(&root, &tree, &ImportOptions::default(), &Silent, &Cancellation::default())?;
/// # use std::sync::Arc;
/// # use fs_core::clock::SystemClock;
/// # use fs_core::store::{Access, Repository};
/// # use fs_core::view::{Options, Scope, View};
/// # let options = Options::new(Scope::Repository, jiff::tz::TimeZone::UTC, Arc::new(SystemClock));
/// # let mut view = View::new(Repository::open(&root, Access::Read)?, options)?;
/// # view.resolves_times = true;
/// # let source = view.lookup(&view.top(), b"tree")?;
/// let snapshot = view.lookup(&source, b"@latest")?;
/// let mut tar = Vec::new();
/// export(&view, &snapshot, None, Archive::Tar, &mut tar, &Silent, &Cancellation::default())?;
/// assert!(tar.windows(7).any(|bytes| bytes == b"content"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn export(
    view: &View,
    node: &Node,
    name: Option<&[u8]>,
    archive: Archive,
    out: &mut dyn Write,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Exported, ExportError> {
    let mut walk = Walk {
        view,
        sink: sink(archive, out),
        monitor,
        frames: Vec::new(),
        path: name.unwrap_or_default().to_vec(),
        firsts: HashMap::new(),
        exported: Exported::default(),
        progress: Progress::default(),
    };
    let mut result = walk.take(node.clone());
    while result.is_ok() && !walk.frames.is_empty() && !cancellation.is_cancelled() {
        result = walk.step();
    }
    let error = match result {
        Ok(()) if walk.frames.is_empty() => {
            walk.sink.finish().map_err(ExportError::Write)?;
            return Ok(walk.exported);
        }
        Ok(()) => ExportError::Cancelled,
        Err(Failure::Write(error)) => ExportError::Write(error),
        Err(Failure::Read(reason)) => {
            let path = if walk.path.is_empty() { b"the snapshot" } else { &walk.path[..] };
            ExportError::Read { path: String::from_utf8_lossy(path).into_owned(), reason }
        }
    };
    walk.sink.abandon();
    Err(error)
}

/// Writes an archive without entries, in place of something that an import could not read at all.
///
/// # Errors
/// Fails if the archive cannot be written.
pub fn export_nothing(archive: Archive, out: &mut dyn Write) -> Result<(), ExportError> {
    sink(archive, out).finish().map_err(ExportError::Write)
}

fn sink<'a>(archive: Archive, out: &'a mut dyn Write) -> Box<dyn Sink + 'a> {
    match archive {
        Archive::Tar => Box::new(Tar::new(out)),
        Archive::Zip(zone) => Box::new(Zip::new(out, zone)),
    }
}

impl Walk<'_> {
    /// Takes the next entry of the last folder, or leaves the folder. The stack is explicit: a tree may be
    /// deeper than a thread's stack.
    fn step(&mut self) -> Result<(), Failure> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        self.path.truncate(frame.path_len);
        let (name, node) = match frame.listing.next(self.view) {
            Ok(Some(entry)) => entry,
            Ok(None) => {
                self.frames.pop();
                return Ok(());
            }
            Err(ViewError::NotRead(_)) => return self.leave_unlisted(),
            Err(error) => return Err(error.into()),
        };
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend(name);
        self.take(node)
    }

    /// Leaves a folder that the import could not list completely, and reports what is missing.
    fn leave_unlisted(&mut self) -> Result<(), Failure> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        for Unlisted { name, not_read } in frame.listing.unread(self.view)? {
            self.path.truncate(frame.path_len);
            if !name.is_empty() {
                self.path.extend_from_slice(if self.path.is_empty() { b"" } else { b"/" });
                self.path.extend(name);
            }
            self.leave_out(&ViewError::NotRead(not_read.reason).to_string());
        }
        Ok(())
    }

    /// Writes the node at the current path, and enters it if it is a folder.
    fn take(&mut self, node: Node) -> Result<(), Failure> {
        let attr = self.view.attr(&node);
        if let Some(not_read) = self.view.not_read(&node)
            && attr.kind != FileKind::Directory
        {
            // An empty file would look like the content.
            self.leave_out(&ViewError::NotRead(not_read.reason.clone()).to_string());
            return Ok(());
        }
        if self.view.lacks_xattrs(&node) {
            self.leave_out("some of its extended attributes could not be read into the snapshot");
        }
        let several = attr.kind != FileKind::Directory && attr.nlink > 1;
        let link = if several { self.firsts.get(&node.identity()).map(|path| &path[..]) } else { None };
        let first = several && link.is_none();
        if attr.kind == FileKind::Directory && self.frames.len() >= MAX_DEPTH {
            self.leave_out("is nested too deeply");
            return Ok(());
        }
        let member = Member { view: self.view, path: &self.path, node: &node, attr, link };
        match self.sink.add(&member)? {
            Fate::LeftOut(reason) => self.leave_out(reason),
            written => {
                if let Fate::WrittenAs(path) = written {
                    self.say_renamed(&path);
                }
                if first {
                    self.firsts.insert(node.identity(), self.path.clone());
                }
                self.exported.entries += 1;
                self.progress.entries += 1;
                self.progress.bytes_read += if attr.kind == FileKind::File { attr.size } else { 0 };
                self.monitor.progress(&self.progress);
            }
        }
        if attr.kind == FileKind::Directory {
            self.frames.push(Frame { listing: Listing::new(node), path_len: self.path.len() });
        }
        Ok(())
    }

    fn leave_out(&mut self, reason: &str) {
        self.exported.left_out += 1;
        let kind = TroubleKind::Unreadable;
        self.monitor.trouble(&Trouble { path: self.path.clone(), kind, reason: reason.to_owned() });
    }

    /// Reports a changed name. Names below a renamed folder are reported only with the folder.
    fn say_renamed(&self, path: &str) {
        let last = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec);
        if last(&self.path) != last(path.as_bytes()) {
            let reason = format!("is {path} in the archive: Windows would misread its name");
            let kind = TroubleKind::Unkept;
            self.monitor.trouble(&Trouble { path: self.path.clone(), kind, reason });
        }
    }
}
