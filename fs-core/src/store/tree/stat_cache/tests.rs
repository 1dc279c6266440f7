use std::fs;

use super::*;
use crate::format::{FileStat, KnownFileSystem, Secret};
use crate::store::Access;

fn repository() -> (tempfile::TempDir, Repository) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("repository");
    Repository::init(&root).unwrap();
    let repository = Repository::open(&root, Access::Write).unwrap();
    (directory, repository)
}

fn file(inode: u64) -> Slot {
    Slot::of_file(&Keys::derive(&Secret([5; 32])), FileStat { inode, ctime: Time::new(7, 8).unwrap() })
}

const ROOT: BlobId = BlobId([1; 32]);
const BELOW: BlobId = BlobId([2; 32]);
const SNAPSHOT: SnapshotId = SnapshotId([3; 32]);

fn write(repository: &Repository) {
    let mut writer = repository.stat_cache_writer(b"web", b"/srv/web");
    let below = writer.add(&BELOW, 1, &[file(20), Slot::UNKNOWN, file(22)]);
    let root = writer.add(&ROOT, 0, &[file(10), below, Slot::UNKNOWN]);
    let system = |identity: &[u8], secs| KnownFileSystem {
        identity: identity.into(),
        clock: Time::new(secs, 0).unwrap(),
    };
    let systems = vec![system(b"one", 1), system(b"two", 2)];
    let all_read = Time::new(100, 0).unwrap();
    let root = root.directory();
    let end = StatTrailer { snapshot: SNAPSHOT, all_read, file_systems: systems, root_inode: 2, root };
    writer.finish(&end).unwrap();
}

#[test]
fn what_was_written_is_read() {
    let (_directory, repository) = repository();
    assert!(repository.stat_cache(b"web", b"/srv/web").is_none());
    write(&repository);
    let cache = repository.stat_cache(b"web", b"/srv/web").unwrap();
    assert_eq!((cache.snapshot(), cache.all_read()), (SNAPSHOT, Time::new(100, 0).unwrap()));
    assert_eq!((cache.clock(b"two"), cache.clock(b"three")), (Time::new(2, 0), None));
    let mut root = cache.root(ROOT).unwrap();
    assert_eq!(root.file_system(), Some(&b"one"[..]));
    assert_eq!(root.get(0), Some(file(10)));
    let mut below = root.directory(1, BELOW).unwrap();
    assert_eq!(below.file_system(), Some(&b"two"[..]));
    assert_eq!(
        (0..4).map(|at| below.get(at)).collect::<Vec<_>>(),
        [Some(file(20)), Some(Slot::UNKNOWN), Some(file(22)), None]
    );
    assert_eq!(root.get(2), Some(Slot::UNKNOWN));
    for (source, tree) in [(&b"web"[..], &b"/srv/other"[..]), (b"db", b"/srv/web"), (b"web/", b"srv/web")] {
        assert!(repository.stat_cache(source, tree).is_none());
    }
}

#[test]
fn a_directory_that_is_another_node_now_is_not_known() {
    let (_directory, repository) = repository();
    write(&repository);
    let cache = repository.stat_cache(b"web", b"/srv/web").unwrap();
    assert_eq!(cache.root(BELOW).unwrap().get(0), None);
    assert_eq!(cache.root(ROOT).unwrap().directory(1, ROOT).unwrap().get(0), None);
}

#[test]
fn an_import_that_is_given_up_leaves_what_there_was() {
    let (directory, repository) = repository();
    write(&repository);
    let mut writer = repository.stat_cache_writer(b"web", b"/srv/web");
    writer.add(&ROOT, 0, &[file(99)]);
    drop(writer);
    assert_eq!(fs::read_dir(directory.path().join("repository/tmp")).unwrap().count(), 0);
    assert_eq!(
        repository.stat_cache(b"web", b"/srv/web").unwrap().root(ROOT).unwrap().get(0),
        Some(file(10))
    );
}

#[test]
fn damage_makes_nothing_known() {
    let (directory, repository) = repository();
    write(&repository);
    let folder = directory.path().join("repository").join(STAT_CACHE);
    let path = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let good = fs::read(&path).unwrap();
    let known = || {
        let cache = repository.stat_cache(b"web", b"/srv/web")?;
        let mut root = cache.root(ROOT)?;
        let below =
            root.directory(1, BELOW).map(|mut below| (0..3).map(|at| below.get(at)).collect::<Vec<_>>());
        Some((root.get(0), below))
    };
    let whole = known().unwrap();
    for at in 0..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        if let Some((file, below)) = known() {
            assert!(file.is_none() || file == whole.0, "byte {at}");
            assert!(below.is_none() || below == whole.1 || below == Some(vec![None; 3]), "byte {at}");
        }
        fs::write(&path, &good[..at]).unwrap();
        assert_eq!(known(), None, "cut at {at}");
    }
}
