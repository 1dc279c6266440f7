//! Makes a repository with a long history of a large tree, to measure the cost of finding versions. A real
//! history of this length takes years. By default the tree has a thousand directories of a hundred files.
//! Twenty files change from each snapshot to the next.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use fs_benches::Random;
use fs_core::format::{
    Attributes, BlobId, Content, Entry, Extensions, Gaps, Kind, Manifest, Origin, Status, Time, Totals,
    Xattrs,
};
use fs_core::store::{Access, DirectoryCursor, DirectoryWriter, Repository, Writer};

#[derive(Debug, Parser)]
#[command(about = "Makes a repository with a long history of a large tree")]
struct Arguments {
    /// The repository's folder; it must be new or empty
    repository: PathBuf,
    /// Number of snapshots
    #[arg(long, default_value_t = 1000)]
    snapshots: i64,
    /// Number of directories of a hundred files each
    #[arg(long, default_value_t = 1000)]
    directories: u32,
    /// Number of files that change from one snapshot to the next
    #[arg(long, default_value_t = 20)]
    changes: u32,
}

const FILES: u32 = 100;
const BEGIN: i64 = 1_600_000_000;

fn main() -> Result<()> {
    let Arguments { repository, snapshots, directories, changes } = Arguments::parse();
    Repository::init(&repository)?;
    let repository = Repository::open(&repository, Access::Write)?;
    let mut random = Random::new(1);
    // The snapshot in which each file last changed.
    let mut tree: BTreeMap<u32, [i64; FILES as usize]> = (0..directories).map(|at| (at, [0; 100])).collect();
    let mut ids: BTreeMap<u32, BlobId> = BTreeMap::new();
    let mut root = None;
    for number in 0..snapshots {
        let mut writer = repository.writer()?;
        let mut changed: Vec<u32> = Vec::new();
        for _ in 0..changes {
            let at = u32::try_from(random.below(u64::from(directories)))?;
            let file = usize::try_from(random.below(u64::from(FILES)))?;
            tree.get_mut(&at).context("a directory")?[file] = number;
            changed.push(at);
        }
        if number == 0 {
            changed = (0..directories).collect();
        }
        changed.sort_unstable();
        changed.dedup();
        for at in changed {
            let previous = ids.get(&at).copied();
            let files = tree[&at].iter().enumerate();
            let files = files.map(|(file, time)| (format!("file-{file:03}.txt"), entry(at, *time)));
            ids.insert(at, directory(&mut writer, previous, files)?);
        }
        let folders =
            ids.iter().map(|(at, id)| (format!("folder-{at:05}"), of(0o755, BEGIN, Kind::Directory(*id))));
        let id = directory(&mut writer, root, folders)?;
        root = Some(id);
        let time = Time::new(BEGIN + number * 3600, 0).context("a time")?;
        writer.commit(&Manifest {
            source: b"tree".as_slice().into(),
            time,
            started: time,
            status: Status::Complete,
            root: of(0o755, BEGIN, Kind::Directory(id)),
            links_len: 0,
            links: Content::empty(),
            totals: Totals::default(),
            origin: Origin::default(),
            parent: None,
            extensions: Extensions::default(),
        })?;
    }
    Ok(())
}

/// The entry of a file of a directory that changed at this time. Its content is never read.
fn entry(directory: u32, time: i64) -> Entry {
    let text = format!("{directory} {time}").into_bytes();
    let size = text.len() as u64;
    let content = Content::Inline(text.into());
    of(0o644, BEGIN + time * 3600, Kind::File { size, holes: 0, content })
}

fn of(mode: u16, time: i64, kind: Kind) -> Entry {
    let mtime = Time::new(time, 123_456_789).unwrap_or_default();
    Entry {
        attributes: Attributes { mode, uid: 1000, gid: 1000, mtime },
        kind,
        xattrs: Xattrs::None,
        changed_while_read: false,
        gaps: Gaps::default(),
    }
}

/// Writes a version of a directory. `previous` is the version before: each leaf gets the leaf with its names
/// as delta hint.
fn directory(
    writer: &mut Writer,
    previous: Option<BlobId>,
    entries: impl Iterator<Item = (String, Entry)>,
) -> Result<BlobId> {
    let mut directory = DirectoryWriter::default();
    let mut before = previous.map(|id| DirectoryCursor::new(writer.reader().clone(), id, 0));
    for (name, entry) in entries {
        // The names do not change.
        if let Some(before) = &mut before {
            before.advance()?;
            directory.delta_hint(before.leaf_id());
        }
        let mut body = Vec::new();
        entry.encode(&mut body);
        directory.push(writer, name.as_bytes(), &body)?;
    }
    Ok(directory.finish(writer)?)
}
