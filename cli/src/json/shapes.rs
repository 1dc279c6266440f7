//! The JSON objects of the commands. Each thing has one shape, whatever command prints it.

use std::time::Duration;

use fs_core::copy::{Copied, CopyTotals, Fate};
use fs_core::format::{self, Absence, Attributes, Gaps, Kind, NotRead, Time};
use fs_core::history::{Reading, SnapshotInfo, Source};
use fs_core::service::TagInfo;
use fs_core::store::Statistics;
use fs_core::view::versions::{Hit, Interval};
use fs_core::view::{Aspect, Aspects, Attr, FileKind};
use fs_core::{import, restore};
use serde::Serialize;

use super::Object;
use crate::text::kind;

/// A snapshot. `time` is in UTC; the zone of the name may be another. `expires` is the time when the program
/// that made the run will delete it.
pub fn snapshot(snapshot: &SnapshotInfo) -> Object {
    let manifest = &snapshot.manifest;
    let totals = &manifest.totals;
    Object::default()
        .text("source", &manifest.source)
        .field("snapshot", snapshot.id.to_string())
        .field("time", utc(manifest.time))
        .field("name", snapshot.name.as_str())
        .some("expires", manifest.extensions.run.as_ref().and_then(|run| run.expires).map(utc))
        .field("status", manifest.status.name())
        .field("files", totals.files)
        .field("directories", totals.directories)
        .field("others", totals.others)
        .field("bytes", totals.bytes)
        .field("troubled", totals.troubled)
        .field("tags", snapshot.tags.as_slice())
}

/// A snapshot that was just imported. `run` is the level or image that was imported.
pub fn imported(imported: &import::Imported, run: Option<&str>, took: Duration) -> Object {
    let import::Imported { progress, statistics, .. } = imported;
    snapshot(&imported.snapshot)
        .some("run", run)
        .field("files_read", progress.files_read)
        .field("files_unchanged", progress.unchanged)
        .and(self::statistics(statistics))
        .field("seconds", seconds(took))
}

/// A tag. `change` is `added` or `removed`, if the tag was changed.
pub fn tag(tag: &TagInfo, change: Option<&'static str>) -> Object {
    Object::default()
        .field("tag", tag.name.as_str())
        .text("source", &tag.source)
        .field("snapshot", tag.snapshot.to_string())
        .field("name", tag.snapshot_name.as_str())
        .field("given", utc(tag.given))
        .some("change", change)
}

/// The type, the attributes, and what `ls -l` shows of the content.
fn attributes(of: FileKind, attributes: Attributes, size: u64) -> Object {
    let Attributes { mode, uid, gid, mtime } = attributes;
    Object::default()
        .field("type", kind(of))
        .field("mode", format!("{mode:04o}"))
        .field("uid", uid)
        .field("gid", gid)
        .field("size", size)
        .field("mtime", utc(mtime))
}

/// Of a content that could not be read: the error, and the id of the content when it was last read.
fn not_read(not_read: Option<&NotRead>) -> Object {
    let before = not_read.and_then(|not_read| not_read.before);
    Object::default()
        .some("not_read", not_read.map(|not_read| &*not_read.reason))
        .some("content_before", before.map(|id| id.to_string()))
}

/// What a snapshot lacks of an entry.
fn gaps(gaps: &Gaps) -> Object {
    not_read(gaps.content.as_ref())
        .some("attributes_not_read", gaps.xattrs.then_some(true))
        .some("content_excluded", gaps.left_out.then_some(true))
}

/// A node of the view. `target` is that of a symbolic link. `rdev` has the numbers of a device.
pub fn node(attr: &Attr, target: Option<&[u8]>, gaps: Option<&Gaps>) -> Object {
    let Attr { kind, mode, uid, gid, mtime, size, rdev: (major, minor), .. } = *attr;
    let is_device = matches!(kind, FileKind::CharDevice | FileKind::BlockDevice);
    let object = attributes(kind, Attributes { mode, uid, gid, mtime }, size)
        .some("rdev", is_device.then_some([major, minor]))
        .and(gaps.map(self::gaps).unwrap_or_default());
    match target {
        Some(target) => object.text("target", target),
        None => object,
    }
}

/// A version of a path, as [`node`] has it.
fn entry(entry: &format::Entry) -> Object {
    let object =
        attributes(FileKind::from(&entry.kind), entry.attributes, entry.size()).and(gaps(&entry.gaps));
    match &entry.kind {
        _ if entry.not_read().is_some() => object,
        Kind::Symlink(target) => object.text("target", target),
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            object.field("rdev", [*major, *minor])
        }
        _ => object,
    }
}

/// An entry of a directory.
pub fn listed(name: &[u8], attr: &Attr, target: Option<&[u8]>, gaps: Option<&Gaps>) -> Object {
    Object::default().text("name", name).field("nlink", attr.nlink).and(node(attr, target, gaps))
}

/// A name of a directory that has no entry.
pub fn absent(name: &[u8], absence: &Absence) -> Object {
    let object = Object::default().text("name", name).field("absent", absence_word(absence));
    match absence {
        Absence::NotRead(reason) => object.and(not_read(Some(reason))),
        Absence::Excluded => object,
    }
}

/// The word for the absence of an entry.
pub fn absence_word(absence: &Absence) -> &'static str {
    match absence {
        Absence::NotRead(_) => Reading::NotRead.of_missing(),
        Absence::Excluded => Reading::Excluded.of_missing(),
    }
}

/// Consecutive snapshots, by the first and the last.
fn span(source: &Source, first: usize, last: usize, snapshots: usize) -> Object {
    let name = |at| source.timeline.name(at).unwrap_or_default();
    let time = |at| source.timeline.get(at).map(|moment| moment.time.to_string()).unwrap_or_default();
    Object::default()
        .field("first", name(first))
        .field("first_time", time(first))
        .field("last", name(last))
        .field("last_time", time(last))
        .field("snapshots", snapshots)
}

/// A path that was found. `absent` is the reason why it is absent from the last snapshot, if it is.
/// `last_read` is the last snapshot with its content, if the last with the path lacks it.
pub fn found(source: &Source, hit: &Hit) -> Object {
    let last_read = hit.last_read.filter(|_| hit.not_read);
    Object::default()
        .text("source", &source.name)
        .text("path", &hit.path)
        .field("type", kind(hit.kind))
        .field("size", hit.size)
        .field("versions", hit.versions)
        .field("deleted", hit.missing.is_some_and(Reading::is_certain))
        .some("absent", hit.missing.map(Reading::of_missing))
        .some("not_read", hit.not_read.then_some(true))
        .some("last_read", last_read.and_then(|at| source.timeline.name(at)))
        .and(span(source, hit.first, hit.last, hit.snapshots))
}

/// An interval of a path's history. `version` is `null` for a directory. `not_all_read` is set if the import
/// did not read everything of it: it is unknown whether its content changed. `absent` is the reason why the
/// path is absent, if it is.
/// `changed` has the aspects that differ from the state before. It is empty if the path is new, deleted, or
/// back in an earlier state.
pub fn logged(
    source: &Source,
    path: &[u8],
    interval: &Interval,
    absent: &'static str,
    changes: Aspects,
) -> Object {
    let state = interval.state.as_ref();
    let is_part = state.is_some() && !interval.reading.is_certain();
    let object = Object::default()
        .text("source", &source.name)
        .text("path", path)
        .some("type", state.is_none().then_some("absent"))
        .some("absent", state.is_none().then_some(absent))
        .some("not_all_read", is_part.then_some(true))
        .field("version", state.and_then(|state| state.number))
        .and(span(source, interval.first, interval.last, interval.last - interval.first + 1))
        .field("changed", changes.iter().map(Aspect::name).collect::<Vec<_>>());
    match state {
        Some(state) => object.and(entry(&state.entry)),
        None => object,
    }
}

/// A path that differs between two snapshots.
#[derive(Debug, Serialize)]
pub struct Difference {
    #[serde(flatten)]
    pub path: Object,
    pub change: &'static str,
    /// The aspects that differ, if both sides exist.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Object>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Object>,
    /// Number of lines of text added. The next field counts the removed ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_added: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_deleted: Option<u64>,
}

/// A path that was restored.
pub fn restored(path: String, to: String, restored: restore::Restored, took: Duration) -> Object {
    Object::default()
        .field("restored", path)
        .field("to", to)
        .field("files", restored.files)
        .field("directories", restored.directories)
        .field("others", restored.others)
        .field("bytes", restored.bytes)
        .field("kept", restored.kept)
        .field("replaced", restored.replaced)
        .field("troubled", restored.troubled)
        .field("seconds", seconds(took))
}

/// A snapshot that a copy has come to. `copy` is its id in the other repository.
pub fn copied(copied: &Copied<'_>) -> Object {
    let Copied { snapshot, name, fate } = copied;
    let state = match fate {
        Fate::Copied { .. } => "copied",
        Fate::Present { .. } => "present",
        Fate::New => "new",
        Fate::LeftOut { .. } => "left out",
    };
    let object = Object::default()
        .field("state", state)
        .text("source", &snapshot.manifest.source)
        .field("snapshot", snapshot.id.to_string())
        .field("time", utc(snapshot.manifest.time))
        .field("name", *name);
    match fate {
        Fate::Copied { copy, statistics: added } => {
            object.field("copy", copy.to_string()).and(statistics(added))
        }
        Fate::Present { copy } => object.field("copy", copy.to_string()),
        Fate::New => object,
        Fate::LeftOut { reason } => object.field("reason", reason.as_str()),
    }
}

/// The sums of a copy.
pub fn copy_totals(totals: &CopyTotals, dry_run: bool) -> Object {
    Object::default()
        .field("dry_run", dry_run)
        .field("copied", totals.copied)
        .field("present", totals.present)
        .field("left_out", totals.left_out)
        .field("tags", totals.tags)
        .field("lost_tags", totals.lost_tags)
        .and(statistics(&totals.statistics))
}

/// What was added to a repository.
fn statistics(statistics: &Statistics) -> Object {
    Object::default()
        .field("new_blobs", statistics.new_blobs)
        .field("new_bytes", statistics.new_bytes)
        .field("stored_bytes", statistics.stored_bytes)
}

/// A time in RFC 3339, in UTC.
pub fn utc(time: Time) -> String {
    time.timestamp().to_string()
}

/// Seconds with three decimals.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
