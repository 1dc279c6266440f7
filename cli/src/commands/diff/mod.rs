//! The differences between two times.

mod lines;
mod names;
mod patch;
mod stat;

use anyhow::{Error, Result, bail};
use fs_core::history::{Reading, SnapshotPath, components};
use fs_core::service::{History, ServiceError};
use fs_core::view::{Aspect, Aspects, Difference, FileKind, Node, View, ViewError};

use super::{Context, find, reading, try_find};
use crate::args::DiffArgs;
use crate::error::Outcome;
use crate::output::Output;
use crate::snapshot_path;
use crate::text::printable;

/// A printer of differences.
trait Printer {
    /// Prints one difference.
    fn print(&mut self, output: &mut Output, item: &Item<'_>) -> Result<()>;

    /// Prints the summary after the last difference.
    fn finish(&mut self, _output: &mut Output) -> Result<()> {
        Ok(())
    }
}

/// A path that differs.
struct Item<'a> {
    view: &'a View,
    /// The path in its snapshot.
    path: &'a [u8],
    before: Option<&'a Node>,
    after: Option<&'a Node>,
    aspects: Aspects,
    /// Whether the imports of both sides read the path.
    reading: Reading,
}

/// The kind of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Added,
    Deleted,
    /// The import of one of the snapshots could not read the path.
    NotRead,
    /// One snapshot has the path; the import of the other may not have read it.
    PerhapsNotRead,
    /// One snapshot has the path; a rule excluded it from the other.
    Excluded,
    /// The content, or a symbolic link's target, differs.
    Modified,
    /// The type differs.
    Retyped,
    /// Only attributes differ.
    Attributes,
}

impl Item<'_> {
    fn change(&self) -> Change {
        match (self.before, self.after) {
            _ if self.reading == Reading::NotRead => Change::NotRead,
            _ if self.reading == Reading::PerhapsNotRead => Change::PerhapsNotRead,
            _ if self.reading == Reading::Excluded => Change::Excluded,
            (None, _) => Change::Added,
            (_, None) => Change::Deleted,
            _ if self.aspects.contains(Aspect::Kind) => Change::Retyped,
            _ if self.aspects.contains(Aspect::Content) => Change::Modified,
            _ => Change::Attributes,
        }
    }

    fn is_directory(&self) -> bool {
        let node = self.after.or(self.before);
        node.is_some_and(|node| self.view.attr(node).kind == FileKind::Directory)
    }

    /// An error that names the path.
    fn failed(&self, reason: ViewError) -> Error {
        failed_at(self.path, reason).into()
    }
}

pub fn run(context: &mut Context, args: &DiffArgs) -> Result<Outcome> {
    let (before, after) = sides(args)?;
    let history = context.history()?;
    let (view, old) = look(&history, &before, args)?;
    let (_, new) = look(&history, &after, args)?;
    // One side is missing: did its import read the path?
    let whole = match (&old, &new) {
        (None, None) if reading(&history, &before, args.source.as_ref())?.is_recorded() => {
            bail!("{} could not be read into the snapshot, or was excluded", snapshot_path::shown(&before))
        }
        (None, None) => {
            bail!("neither {} nor {} exists", snapshot_path::shown(&before), snapshot_path::shown(&after))
        }
        (None, Some(_)) => reading(&history, &before, args.source.as_ref())?,
        (Some(_), None) => reading(&history, &after, args.source.as_ref())?,
        (Some(_), Some(_)) => Reading::Read,
    };
    let output = &mut context.output;
    let mut printer: Box<dyn Printer> = match (args.patch, args.stat) {
        (true, _) if output.is_json() => bail!("a patch cannot be JSON; leave out --patch or --json"),
        (true, _) => Box::new(patch::Patch),
        (_, true) => Box::new(stat::Stat::default()),
        _ => Box::new(names::Names),
    };
    // If both sides have the same path, printed paths begin with it.
    let base = if before.path == after.path { &before.path[..] } else { b"" };
    let (mut failed, mut differ) = (None, false);
    let mut path = Vec::new();
    let compared = view.compare(old.as_ref(), new.as_ref(), &mut |difference| {
        if difference.is_wake() && !args.all {
            return true;
        }
        let Difference { path: below, before, after, aspects, reading } = difference;
        path.clear();
        path.extend(base);
        if !base.is_empty() && !below.is_empty() {
            path.push(b'/');
        }
        path.extend(below);
        let reading = if whole.is_certain() { reading } else { whole };
        let item = Item { view: &view, path: &path, before, after, aspects, reading };
        differ = true;
        failed = printer.print(output, &item).err();
        failed.is_none()
    });
    if let Some(error) = failed {
        return Err(error);
    }
    compared.map_err(|reason| failed_at(&path, reason))?;
    printer.finish(output)?;
    Ok(if differ && args.exit_code { Outcome::Status(1) } else { Outcome::Done })
}

/// An error at a path, which is empty for what is compared as a whole.
fn failed_at(path: &[u8], reason: ViewError) -> ServiceError {
    let path = if path.is_empty() { "the two sides".into() } else { printable(path) };
    ServiceError::View { path: path.into_owned(), reason }
}

/// The two sides to compare. Unless given, the second side has the first one's source and path.
fn sides(args: &DiffArgs) -> Result<(SnapshotPath, SnapshotPath)> {
    let (mut before, mut after) = (args.before.clone(), args.after.clone());
    if let Some(path) = &args.path {
        if !before.path.is_empty() || !after.path.is_empty() {
            bail!("two paths are given; name the path once, as in `yester diff @yesterday @latest etc`");
        }
        path.as_encoded_bytes().clone_into(&mut before.path);
    }
    if after.source.is_none() {
        after.source.clone_from(&before.source);
    }
    if after.path.is_empty() {
        after.path.clone_from(&before.path);
    }
    for side in [&mut before, &mut after] {
        side.path = components(&side.path).collect::<Vec<_>>().join(&b'/');
    }
    Ok((before, after))
}

/// The node at a path in a snapshot; `None` if there was none at that time.
fn look(history: &History, path: &SnapshotPath, args: &DiffArgs) -> Result<(View, Option<Node>)> {
    match try_find(history, path, args.source.as_ref()) {
        Ok((view, node)) => Ok((view, Some(node))),
        Err(error) => match error.downcast_ref() {
            Some(ServiceError::View {
                reason: ViewError::NotFound | ViewError::NotADirectory | ViewError::NotRead(_),
                ..
            }) => {
                let top = SnapshotPath { path: Vec::new(), ..path.clone() };
                Ok((find(history, &top, args.source.as_ref())?.0, None))
            }
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn the_second_side_follows_the_first() {
        let of = |before: &str, after: &str, path: Option<&str>| {
            let side = |text| snapshot_path::parse(OsStr::new(text)).unwrap();
            let args = DiffArgs {
                before: side(before),
                after: side(after),
                path: path.map(Into::into),
                source: None,
                patch: false,
                stat: false,
                all: false,
                exit_code: false,
            };
            sides(&args).map(|(before, after)| (snapshot_path::shown(&before), snapshot_path::shown(&after)))
        };
        let both = |before: &str, after: &str| (before.to_owned(), after.to_owned());
        assert_eq!(of("@first", "@latest", None).unwrap(), both("@first:", "@latest:"));
        assert_eq!(of("@first", "@latest", Some("/etc//x/")).unwrap(), both("@first:etc/x", "@latest:etc/x"));
        assert_eq!(of("w@first:etc", "@latest", None).unwrap(), both("w@first:etc", "w@latest:etc"));
        assert_eq!(of("@first:a", "@first:b", None).unwrap(), both("@first:a", "@first:b"));
        assert_eq!(of("@first:a", "@first:.", None).unwrap(), both("@first:a", "@first:"));
        assert!(of("@first:a", "@latest", Some("b")).is_err());
    }
}
