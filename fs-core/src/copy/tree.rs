//! Copies the tree of a snapshot, in step with the snapshot before it and the copy of that.

use std::io;

use super::content::Contents;
use super::fault::Fault;
use super::links::{Links, PathKeys};
use super::lockstep::{Lockstep, Pair, copy_not_read};
use crate::format::limits::MAX_DEPTH;
use crate::format::{Absence, BlobId, Entry, Gaps, Item, Kind, NotRead, Xattrs};
use crate::monitor::{Cancellation, Monitor};
use crate::store::{DirectoryCursor, DirectoryWriter, Reader, StoreError, Writer};

/// The copy of one tree in progress.
#[derive(Debug)]
pub(super) struct TreeCopy<'a> {
    from: &'a Reader,
    /// Reads the copy of the snapshot before.
    to: Reader,
    writer: &'a mut Writer,
    contents: Contents<'a>,
    pub(super) links: Links<'a>,
    cancellation: &'a Cancellation,
}

/// A directory that is being walked.
#[derive(Debug)]
struct Frame {
    name: Box<[u8]>,
    keys: PathKeys,
    entries: DirectoryCursor,
    /// The new directory; `None` if it was taken over, and only its hard links are needed.
    new: Option<NewDirectory>,
}

#[derive(Debug)]
struct NewDirectory {
    /// The directory's entry. Its id is still missing, as the content decides it.
    entry: Entry,
    out: DirectoryWriter,
    before: Lockstep,
}

impl NewDirectory {
    fn push(&mut self, writer: &mut Writer, name: &[u8], item: &Item) -> Result<(), Fault> {
        let mut body = Vec::with_capacity(96);
        item.encode(&mut body);
        self.out.delta_hint(self.before.leaf_id());
        self.out.push(writer, name, &body).map_err(Fault::Target)
    }
}

/// What becomes of a directory: its copy if that is known already, and what must be walked.
type Begun = (Option<Entry>, Option<Frame>);

impl<'a> TreeCopy<'a> {
    pub(super) fn new(
        from: &'a Reader,
        writer: &'a mut Writer,
        links: Links<'a>,
        monitor: &'a dyn Monitor,
        cancellation: &'a Cancellation,
    ) -> Self {
        let to = writer.reader().clone();
        let contents = Contents::new(from, monitor, cancellation);
        Self { from, to, writer, contents, links, cancellation }
    }

    /// Copies the directory `root` and everything below it. Returns its copy. The stack is explicit, because
    /// a tree may be deeper than a thread's stack.
    pub(super) fn run(&mut self, root: &Entry, before: Option<&Pair>) -> Result<Entry, Fault> {
        let ids = || {
            let was = before.and_then(|pair| pair.was.content_id(self.from.keys()));
            (was, before.and_then(|pair| pair.copy.content_id(self.to.keys())))
        };
        let not_read = root.gaps.content.as_ref().map(|not_read| copy_not_read(not_read, ids));
        let (mut copy, first) = self.directory(b"", PathKeys::ROOT, root, before, not_read)?;
        let mut frames: Vec<Frame> = first.into_iter().collect();
        while let Some(frame) = frames.last_mut() {
            if self.cancellation.is_cancelled() {
                return Err(Fault::Cancelled);
            }
            let next = frame.entries.next_item().map_err(Fault::of_source);
            if let Some((name, item)) = next.map_err(|fault| fault.at(|| path(&frames, b"")))? {
                let taken = match item {
                    Item::Entry(entry) => self.take(&mut frames, &name, &entry),
                    Item::Absent(absence) => self.absence(&mut frames, &name, &absence),
                };
                taken.map_err(|fault| fault.at(|| path(&frames, &name)))?;
                continue;
            }
            let Some(Frame { name, new, .. }) = frames.pop() else { break };
            let Some(new) = new else { continue };
            let id = new.out.finish(self.writer).map_err(Fault::Target)?;
            let entry = Entry { kind: Kind::Directory(id), ..new.entry };
            match frames.last_mut().and_then(|above| above.new.as_mut()) {
                Some(above) => above.push(self.writer, &name, &Item::Entry(entry))?,
                None => copy = Some(entry),
            }
        }
        // The root is a directory, so either its copy was known or its frame has ended.
        copy.ok_or(Fault::Cancelled)
    }

    /// Takes an entry of the last frame.
    fn take(&mut self, frames: &mut Vec<Frame>, name: &[u8], entry: &Entry) -> Result<(), Fault> {
        let depth = frames.len();
        let Some(frame) = frames.last_mut() else { return Ok(()) };
        let keys = self.links.keys(frame.keys, name);
        if entry.is_directory() && depth >= MAX_DEPTH {
            let error = io::Error::other("it is nested too deeply");
            let object = String::from_utf8_lossy(name).into_owned();
            return Err(Fault::of_source(StoreError::Io { action: "copy", object, source: error }));
        }
        let progress = &mut self.contents.progress;
        progress.entries += 1;
        progress.files += u64::from(matches!(entry.kind, Kind::File { .. }));
        self.contents.show_progress();
        let below = match (&mut frame.new, &entry.kind) {
            (None, Kind::Directory(id)) => Some(self.taken_over(name, keys, *id)),
            (None, _) => {
                self.links.note(keys).map_err(Fault::of_source)?;
                None
            }
            (Some(new), Kind::Directory(_)) => {
                let (before, not_read) = new.before.take(name, entry.gaps.content.as_ref())?;
                let (copy, below) = self.directory(name, keys, entry, before.as_ref(), not_read)?;
                copy.map_or(Ok(()), |copy| new.push(self.writer, name, &Item::Entry(copy)))?;
                below
            }
            (Some(new), _) => {
                let (before, not_read) = new.before.take(name, entry.gaps.content.as_ref())?;
                self.links.note(keys).map_err(Fault::of_source)?;
                let copy = self.leaf(entry, before.as_ref(), not_read)?;
                new.push(self.writer, name, &Item::Entry(copy))?;
                None
            }
        };
        frames.extend(below);
        Ok(())
    }

    /// Takes a name without an entry.
    fn absence(&mut self, frames: &mut [Frame], name: &[u8], absence: &Absence) -> Result<(), Fault> {
        let Some(new) = frames.last_mut().and_then(|frame| frame.new.as_mut()) else { return Ok(()) };
        let not_read = match absence {
            Absence::NotRead(not_read) => Some(not_read),
            Absence::Excluded => None,
        };
        let (_, not_read) = new.before.take(name, not_read)?;
        let absence = not_read.map_or(Absence::Excluded, Absence::NotRead);
        new.push(self.writer, name, &Item::Absent(absence))
    }

    /// Begins a directory. One that has not changed is taken over from the copy of the snapshot before.
    fn directory(
        &mut self,
        name: &[u8],
        keys: PathKeys,
        entry: &Entry,
        before: Option<&Pair>,
        not_read: Option<NotRead>,
    ) -> Result<Begun, Fault> {
        let Kind::Directory(id) = entry.kind else { return Ok((Some(entry.clone()), None)) };
        let xattrs = self.xattrs(entry, before)?;
        let gaps = Gaps { content: not_read, ..entry.gaps.clone() };
        let entry = Entry { xattrs, gaps, ..entry.clone() };
        if let Some(pair) = before.filter(|pair| pair.was.kind == entry.kind) {
            let copy = Entry { kind: pair.copy.kind.clone(), ..entry };
            let below = self.links.are_wanted().then(|| self.taken_over(name, keys, id));
            return Ok((Some(copy), below));
        }
        let new = NewDirectory {
            entry,
            out: DirectoryWriter::default(),
            before: Lockstep::new(self.from, &self.to, before),
        };
        Ok((None, Some(Frame { new: Some(new), ..self.taken_over(name, keys, id) })))
    }

    /// The walk of a directory that was taken over.
    fn taken_over(&self, name: &[u8], keys: PathKeys, id: BlobId) -> Frame {
        let entries = DirectoryCursor::new(self.from.clone(), id, 0);
        Frame { name: name.into(), keys, entries, new: None }
    }

    /// Copies an entry that is no directory. Nothing that the entry before shares is read.
    fn leaf(
        &mut self,
        entry: &Entry,
        before: Option<&Pair>,
        not_read: Option<NotRead>,
    ) -> Result<Entry, Fault> {
        let kind = match before {
            Some(pair) if pair.was.kind == entry.kind => {
                self.contents.progress.unchanged += 1;
                pair.copy.kind.clone()
            }
            _ => self.contents.kind(self.writer, &entry.kind, before.map(|pair| &pair.copy.kind))?,
        };
        let xattrs = self.xattrs(entry, before)?;
        let gaps = Gaps { content: not_read, ..entry.gaps.clone() };
        Ok(Entry { kind, xattrs, gaps, ..entry.clone() })
    }

    fn xattrs(&mut self, entry: &Entry, before: Option<&Pair>) -> Result<Xattrs, Fault> {
        match before {
            Some(pair) if pair.was.xattrs == entry.xattrs => Ok(pair.copy.xattrs.clone()),
            _ => self.contents.xattrs(self.writer, &entry.xattrs),
        }
    }
}

/// Path of the entry `name` of the last frame.
fn path(frames: &[Frame], name: &[u8]) -> Vec<u8> {
    let names = frames.iter().map(|frame| &*frame.name).chain([name]);
    names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(&b'/')
}
