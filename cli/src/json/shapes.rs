//! The JSON objects of the commands. Each thing has one shape, whatever command prints it.

#![expect(clippy::struct_field_names, reason = "fields have the names that JSON has")]

use std::time::Duration;

use fs_core::format::{self, Attributes, Kind, Time};
use fs_core::history::{Reading, SnapshotInfo, Source};
use fs_core::service::TagInfo;
use fs_core::view::versions::{Hit, Interval};
use fs_core::view::{Aspect, Aspects, Attr, FileKind};
use fs_core::{import, restore};
use serde::Serialize;

use super::Text;
use crate::text::kind;

/// A snapshot.
#[derive(Debug, Serialize)]
pub struct Snapshot<'a> {
    #[serde(flatten)]
    source: Text<'a>,
    /// The snapshot's id.
    snapshot: String,
    /// RFC 3339, always in UTC. The zone of the name may be another.
    time: String,
    name: &'a str,
    /// When the program that made the run will delete it.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    status: &'static str,
    files: u64,
    directories: u64,
    others: u64,
    bytes: u64,
    troubled: u64,
    tags: &'a [String],
}

impl<'a> From<&'a SnapshotInfo> for Snapshot<'a> {
    fn from(snapshot: &'a SnapshotInfo) -> Self {
        let manifest = &snapshot.manifest;
        let totals = &manifest.totals;
        Self {
            source: Text("source", &manifest.source),
            snapshot: snapshot.id.to_string(),
            time: utc(manifest.time),
            name: &snapshot.name,
            expires: manifest.extensions.run.as_ref().and_then(|run| run.expires).map(utc),
            status: manifest.status.name(),
            files: totals.files,
            directories: totals.directories,
            others: totals.others,
            bytes: totals.bytes,
            troubled: totals.troubled,
            tags: &snapshot.tags,
        }
    }
}

/// A snapshot that was just imported.
#[derive(Debug, Serialize)]
pub struct Imported<'a> {
    #[serde(flatten)]
    snapshot: Snapshot<'a>,
    /// The level or image that was imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    files_read: u64,
    files_unchanged: u64,
    new_blobs: u64,
    new_bytes: u64,
    stored_bytes: u64,
    seconds: f64,
}

impl<'a> Imported<'a> {
    pub fn new(imported: &'a import::Imported, run: Option<&'a str>, took: Duration) -> Self {
        Self {
            snapshot: Snapshot::from(&imported.snapshot),
            run,
            files_read: imported.progress.files_read,
            files_unchanged: imported.progress.unchanged,
            new_blobs: imported.statistics.new_blobs,
            new_bytes: imported.statistics.new_bytes,
            stored_bytes: imported.statistics.stored_bytes,
            seconds: seconds(took),
        }
    }
}

/// A tag.
#[derive(Debug, Serialize)]
pub struct Tag<'a> {
    tag: &'a str,
    #[serde(flatten)]
    source: Text<'a>,
    /// The snapshot's id.
    snapshot: String,
    /// The snapshot's name.
    name: &'a str,
    given: String,
    /// `added` or `removed`, if the tag was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
}

impl<'a> Tag<'a> {
    pub fn new(tag: &'a TagInfo, change: Option<&'static str>) -> Self {
        Self {
            tag: &tag.name,
            source: Text("source", &tag.source),
            snapshot: tag.snapshot.to_string(),
            name: &tag.snapshot_name,
            given: utc(tag.given),
            change,
        }
    }
}

/// A version of a path: type, attributes, and what `ls -l` shows of the content.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    r#type: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: String,
    /// Major and minor number of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    rdev: Option<(u32, u32)>,
    /// The target of a symbolic link.
    #[serde(flatten)]
    target: Option<Text<'a>>,
}

impl<'a> Entry<'a> {
    /// A node of the view. `target` is that of a symbolic link.
    pub fn of_node(attr: &Attr, target: Option<&'a [u8]>) -> Self {
        let is_device = matches!(attr.kind, FileKind::CharDevice | FileKind::BlockDevice);
        Self {
            r#type: kind(attr.kind),
            mode: format!("{:04o}", attr.mode),
            uid: attr.uid,
            gid: attr.gid,
            size: attr.size,
            mtime: utc(attr.mtime),
            rdev: is_device.then_some(attr.rdev),
            target: target.map(|target| Text("target", target)),
        }
    }
}

impl<'a> From<&'a format::Entry> for Entry<'a> {
    fn from(entry: &'a format::Entry) -> Self {
        let Attributes { mode, uid, gid, mtime } = entry.attributes;
        let (rdev, target) = match &entry.kind {
            Kind::Symlink(target) => (None, Some(Text("target", target))),
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                (Some((*major, *minor)), None)
            }
            _ => (None, None),
        };
        Self {
            r#type: kind(FileKind::from(&entry.kind)),
            mode: format!("{mode:04o}"),
            uid,
            gid,
            size: entry.size(),
            mtime: utc(mtime),
            rdev,
            target,
        }
    }
}

/// An entry of a directory.
#[derive(Debug, Serialize)]
pub struct Listed<'a> {
    #[serde(flatten)]
    pub name: Text<'a>,
    pub nlink: u32,
    #[serde(flatten)]
    pub entry: Entry<'a>,
}

/// Consecutive snapshots, by the first and the last.
#[derive(Debug, Serialize)]
struct Span<'a> {
    first: &'a str,
    first_time: String,
    last: &'a str,
    last_time: String,
    snapshots: usize,
}

impl<'a> Span<'a> {
    fn new(source: &'a Source, first: usize, last: usize, snapshots: usize) -> Self {
        let name = |at| source.timeline.name(at).unwrap_or_default();
        let time = |at| source.timeline.get(at).map(|moment| moment.time.to_string()).unwrap_or_default();
        Self {
            first: name(first),
            first_time: time(first),
            last: name(last),
            last_time: time(last),
            snapshots,
        }
    }
}

/// A path that was found.
#[derive(Debug, Serialize)]
pub struct Found<'a> {
    #[serde(flatten)]
    source: Text<'a>,
    #[serde(flatten)]
    path: Text<'a>,
    r#type: &'static str,
    size: u64,
    versions: usize,
    deleted: bool,
    /// The reason why the path is absent from the last snapshot, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<&'static str>,
    #[serde(flatten)]
    span: Span<'a>,
}

impl<'a> Found<'a> {
    pub fn new(source: &'a Source, hit: &'a Hit) -> Self {
        Self {
            source: Text("source", &source.name),
            path: Text("path", &hit.path),
            r#type: kind(hit.kind),
            size: hit.size,
            versions: hit.versions,
            deleted: hit.missing.is_some_and(Reading::is_certain),
            absent: hit.missing.map(Reading::of_missing),
            span: Span::new(source, hit.first, hit.last, hit.snapshots),
        }
    }
}

/// An interval of a path's history.
#[derive(Debug, Serialize)]
pub struct Logged<'a> {
    #[serde(flatten)]
    source: Text<'a>,
    #[serde(flatten)]
    path: Text<'a>,
    /// `absent` if the path did not exist. Otherwise the type is in `entry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    /// The reason why the path is missing, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<&'static str>,
    /// Set for a directory of which the import did not read everything. It is unknown whether its content
    /// changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_all_read: Option<bool>,
    /// Number of the version; `None` for a directory.
    version: Option<u32>,
    #[serde(flatten)]
    span: Span<'a>,
    /// The aspects that differ from the state before. Empty if the path is new, deleted, or back in an
    /// earlier state.
    changed: Vec<&'static str>,
    #[serde(flatten)]
    entry: Option<Entry<'a>>,
}

impl<'a> Logged<'a> {
    pub fn new(source: &'a Source, path: &'a [u8], interval: &'a Interval, changes: Aspects) -> Self {
        let entry = interval.state.as_ref().map(|state| &state.entry);
        Self {
            source: Text("source", &source.name),
            path: Text("path", path),
            r#type: entry.is_none().then_some("absent"),
            absent: entry.is_none().then(|| interval.reading.of_missing()),
            not_all_read: (entry.is_some() && !interval.reading.is_certain()).then_some(true),
            version: interval.state.as_ref().and_then(|state| state.number),
            span: Span::new(source, interval.first, interval.last, interval.last - interval.first + 1),
            changed: changes.iter().map(Aspect::name).collect(),
            entry: entry.map(Entry::from),
        }
    }
}

/// A path that differs between two snapshots.
#[derive(Debug, Serialize)]
pub struct Difference<'a> {
    #[serde(flatten)]
    pub path: Text<'a>,
    pub change: &'static str,
    /// The aspects that differ, if both sides exist.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Entry<'a>>,
    /// Number of lines of text added. The next field counts the removed ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_added: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_deleted: Option<u64>,
}

/// A path that was restored.
#[derive(Debug, Serialize)]
pub struct Restored {
    restored: String,
    to: String,
    files: u64,
    directories: u64,
    others: u64,
    bytes: u64,
    kept: u64,
    replaced: u64,
    troubled: u64,
    seconds: f64,
}

impl Restored {
    pub fn new(path: String, to: String, restored: restore::Restored, took: Duration) -> Self {
        let restore::Restored { files, directories, others, bytes, kept, replaced, troubled } = restored;
        let seconds = seconds(took);
        Self { restored: path, to, files, directories, others, bytes, kept, replaced, troubled, seconds }
    }
}

/// A time in RFC 3339, in UTC.
pub fn utc(time: Time) -> String {
    time.timestamp().to_string()
}

/// Seconds with three decimals.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
