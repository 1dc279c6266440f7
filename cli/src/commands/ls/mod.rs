mod printer;

use std::ffi::OsStr;

use anyhow::Result;
use fs_core::format::{Absence, NotRead};
use fs_core::history::{SnapshotInfo, SnapshotPath};
use fs_core::service::{History, ServiceError};
use fs_core::store::NamedAbsence;
use fs_core::view::{Attr, DirEntry, FileKind, Node, View, ViewError};
use jiff::tz::TimeZone;
use serde_json::json;

use self::printer::NamePrinter;
use super::{Context, find, snapshots};
use crate::args::LsArgs;
use crate::error::Outcome;
use crate::json;
use crate::output::{Output, WriteError};
use crate::progress::Bar;
use crate::snapshot_path;
use crate::table::Column::{self, Left, Right};
use crate::text::{self, printable};

pub fn run(context: &mut Context, args: &LsArgs) -> Result<Outcome> {
    let zone = context.settings()?.zone;
    let history = context.history()?;
    let output = &mut context.output;
    let named = args.implied.source.as_ref().map(|name| name.as_encoded_bytes());
    let (target, at) = (args.target.as_deref(), args.implied.at.as_ref());
    // A word without a time is a source, if it cannot be a snapshot path.
    let source = target.filter(|text| at.is_none() && snapshot_path::parse(text).is_err());
    let source =
        source.map(OsStr::as_encoded_bytes).filter(|source| named.is_none_or(|named| named == *source));
    match (source.or(named.filter(|_| target.is_none() && at.is_none())), target, at) {
        (Some(source), ..) => list_snapshots(output, &history, source, args.long).map(|()| Outcome::Done),
        (None, None, None) => list_sources(output, &history, args.long).map(|()| Outcome::Done),
        (None, target, at) => {
            let path = snapshot_path::with_time(target.unwrap_or_default(), at)?;
            let (view, node) = find(&history, &path, args.implied.source.as_ref())?;
            let names = NamePrinter::of(output);
            Listing { view, long: args.long, zone, names }.print(output, &path, &node)
        }
    }
}

/// Lists the sources by name.
fn list_sources(output: &mut Output, history: &History, long: bool) -> Result<()> {
    let all = history.snapshots();
    let sources: Vec<&[SnapshotInfo]> = all.chunk_by(|a, b| a.manifest.source == b.manifest.source).collect();
    let name = |snapshots: &[SnapshotInfo]| snapshots[0].manifest.source.to_vec();
    let last = |snapshots: &[SnapshotInfo]| snapshots[snapshots.len() - 1].name.clone();
    if output.is_json() {
        for snapshots in sources {
            let mut object =
                json!({ "type": "source", "snapshots": snapshots.len(), "latest": last(snapshots) });
            json::put_text(&mut object, "name", &name(snapshots));
            output.json(&object)?;
        }
    } else if long {
        let row = |snapshots: &&[SnapshotInfo]| {
            let count = text::count(snapshots.len() as u64, "snapshot");
            let when = output.when(snapshots[snapshots.len() - 1].manifest.time.timestamp());
            [printable(&name(snapshots)).into_owned(), count, last(snapshots), when]
        };
        let rows: Vec<_> = sources.iter().map(row).collect();
        output.table([Left(0), Right(1), Left(0), Left(2)], &rows)?;
    } else {
        let names: Vec<_> = sources.iter().map(|snapshots| name(snapshots)).collect();
        print_names(output, &names)?;
    }
    Ok(())
}

/// Lists the snapshots of a source by time.
fn list_snapshots(output: &mut Output, history: &History, name: &[u8], long: bool) -> Result<()> {
    let source = history.source(Some(name))?;
    let mut all = history.snapshots();
    all.retain(|snapshot| snapshot.manifest.source[..] == source.name[..]);
    if long || output.is_json() {
        snapshots::print(output, &all)?;
    } else {
        let names: Vec<_> = all.iter().map(|snapshot| snapshot.name.clone().into_bytes()).collect();
        print_names(output, &names)?;
    }
    Ok(())
}

fn print_names(output: &mut Output, names: &[Vec<u8>]) -> Result<(), WriteError> {
    if output.is_terminal() {
        output.columns(names.iter().map(|name| printable(name).into_owned()).collect())
    } else {
        names.iter().try_for_each(|name| output.name(name))
    }
}

/// The view and the format of a listing of files.
struct Listing {
    view: View,
    long: bool,
    zone: TimeZone,
    names: NamePrinter,
}

/// The cells of a file in a long listing.
type Row = [String; 7];

/// Lines that wait for the end of the listing.
#[derive(Default)]
struct Lines {
    names: Vec<String>,
    rows: Vec<Row>,
}

const COLUMNS: [Column; 7] = [Left(1), Right(6), Right(5), Right(4), Right(2), Left(3), Left(0)];

impl Listing {
    fn print(&self, output: &mut Output, path: &SnapshotPath, node: &Node) -> Result<Outcome> {
        if self.view.attr(node).kind != FileKind::Directory {
            let name = path.path.rsplit(|byte| *byte == b'/').find(|name| !name.is_empty());
            return self.print_one(output, name.unwrap_or_default(), node).map(|()| Outcome::Done);
        }
        if self.view.excludes_content(node) {
            log::warn!("{}: its content was excluded from the snapshot", snapshot_path::subject(path));
        }
        // The layout of columns needs all names, so these lines wait. All other lines are printed at once.
        let mut lines = Lines::default();
        // Lines printed to the terminal at once show the progress already.
        let streams = output.is_terminal() && output.is_json();
        let bar = (!streams).then(|| Bar::new(output, "listing"));
        let failed_at = |reason| ServiceError::View { path: snapshot_path::subject(path), reason };
        let absences = self.view.absences(node).map_err(failed_at)?;
        let (mut absences, mut failed) = (absences.into_iter().peekable(), None);
        let absent = |output: &mut Output, lines: &mut Lines, (name, absence): NamedAbsence| {
            if output.is_json() {
                output.json(&json::absent(&name, &absence))?;
            } else if self.long {
                lines.rows.push(absent_row(&name, &absence));
            } else if absence == Absence::Excluded {
                // As in a mount.
            } else if output.is_terminal() {
                lines.names.push(printable(&name).into_owned());
            } else {
                output.name(&name)?;
            }
            Ok::<_, WriteError>(())
        };
        let listed = self.view.read_directory(node, 0, &mut |DirEntry { name, node, .. }| {
            let mut print = || {
                while let Some(before) = absences.next_if(|(before, _)| **before < *name) {
                    absent(output, &mut lines, before)?;
                }
                if output.is_json() {
                    self.print_json(output, name, &node)?;
                } else if self.long {
                    lines.rows.push(self.row(name, &node)?);
                } else if output.is_terminal() {
                    lines.names.push(self.names.print(name, &self.view.attr(&node)));
                } else {
                    output.name(name)?;
                }
                Ok(())
            };
            failed = print().err();
            failed.is_none()
        });
        drop(bar);
        if let Some(error) = failed {
            return Err(error);
        }
        absences.try_for_each(|last| absent(output, &mut lines, last))?;
        output.columns(lines.names)?;
        output.table(COLUMNS, &lines.rows)?;
        match listed {
            Ok(()) => Ok(Outcome::Done),
            Err(reason @ ViewError::NotRead(_)) => {
                log::warn!("{}: not all of it is listed: {reason}", snapshot_path::subject(path));
                Ok(Outcome::Incomplete)
            }
            Err(reason) => Err(failed_at(reason).into()),
        }
    }

    fn print_one(&self, output: &mut Output, name: &[u8], node: &Node) -> Result<()> {
        if output.is_json() {
            return self.print_json(output, name, node);
        }
        Ok(if self.long { output.table(COLUMNS, &[self.row(name, node)?]) } else { output.name(name) }?)
    }

    fn target<'a>(&self, name: &[u8], attr: &Attr, node: &'a Node) -> Result<Option<&'a [u8]>> {
        if attr.kind != FileKind::Symlink || self.view.not_read(node).is_some() {
            return Ok(None);
        }
        self.view.read_link(node).map(Some).map_err(|reason| at(name, reason))
    }

    fn print_json(&self, output: &mut Output, name: &[u8], node: &Node) -> Result<()> {
        let attr = self.view.recorded_attr(node);
        let target = self.target(name, &attr, node)?;
        Ok(output.json(&json::listed(name, &attr, target, self.view.gaps(node)))?)
    }

    fn row(&self, name: &[u8], node: &Node) -> Result<Row> {
        let attr = self.view.recorded_attr(node);
        let size = match attr.kind {
            FileKind::CharDevice | FileKind::BlockDevice => format!("{}, {}", attr.rdev.0, attr.rdev.1),
            FileKind::Directory => "-".to_owned(),
            _ => text::size(attr.size),
        };
        let mtime = attr.mtime.timestamp().to_zoned(self.zone.clone());
        let mut shown = self.names.print(name, &attr);
        if let Some(target) = self.target(name, &attr, node)? {
            shown.extend([" -> ", &printable(target)]);
        }
        if let Some(not_read) = self.view.not_read(node) {
            shown += &not_read_note(not_read);
        } else if self.view.excludes_content(node) {
            shown += "  (content excluded)";
        }
        if self.view.lacks_xattrs(node) {
            shown += "  (attributes not read)";
        }
        Ok([
            text::mode(attr.kind, attr.mode),
            attr.nlink.to_string(),
            attr.uid.to_string(),
            attr.gid.to_string(),
            size,
            mtime.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            shown,
        ])
    }
}

fn not_read_note(not_read: &NotRead) -> String {
    format!("  (not read: {})", printable(not_read.reason.as_bytes()))
}

/// The row of a name that has no entry.
fn absent_row(name: &[u8], absence: &Absence) -> Row {
    let mut shown = printable(name).into_owned();
    if let Absence::NotRead(not_read) = absence {
        shown += &not_read_note(not_read);
    }
    let dash = || "-".to_owned();
    [json::absence_word(absence).to_owned(), dash(), dash(), dash(), dash(), dash(), shown]
}

fn at(path: &[u8], reason: ViewError) -> anyhow::Error {
    ServiceError::View { path: printable(path).into_owned(), reason }.into()
}
