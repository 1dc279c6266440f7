//! The index's file is replaced, damaged, or not a file.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::store::layout::OLD_INDEX;

fn index(store: &Store) -> PathBuf {
    store.directory.path().join("repository").join(INDEX)
}

/// Stores another blob, and reads all blobs.
fn assert_usable(store: &Store, what: &str) {
    for access in [Access::Read, Access::Write] {
        let repository = Repository::open(store.open(Access::Read).root(), access)
            .unwrap_or_else(|error| panic!("{what}, {access:?}: {error}"));
        // A reader must not move a folder.
        let in_memory = what == "a folder" && access == Access::Read;
        assert_eq!(repository.has_index_in_memory(), in_memory, "{what}, {access:?}");
        let reader = repository.reader(CacheSizes::default());
        for byte in 1..3 {
            let id = repository.keys().blob_id(&[byte; 100]);
            assert_eq!(reader.blob(&id).unwrap().to_vec(), [byte; 100], "{what}, {access:?}");
        }
        if access == Access::Write {
            let mut writer = repository.writer().unwrap();
            let id = writer.put(PackKind::Data, what.as_bytes(), None).unwrap();
            writer.commit(&manifest(id)).unwrap();
        }
    }
    assert!(fs::symlink_metadata(index(store)).unwrap().is_file(), "{what}");
}

#[test]
fn a_reader_opens_a_file_again_only_when_it_is_another() {
    let store = Store::new();
    two_packs(&store.open(Access::Write));
    let reading = store.open(Access::Read);
    let path = index(&store);
    let sound = fs::read(&path).unwrap();
    let file = reading.index.current().file();
    // Another process would now find a damaged file.
    fs::write(&path, b"this is no index").unwrap();
    reading.index.reopen().unwrap();
    assert_eq!(reading.index.current().file(), file);
    fs::write(&path, &sound).unwrap();
    assert_eq!(reading.recorded_snapshots().unwrap().len(), 2);
    for _ in 0..2 {
        let next = path.with_extension("next");
        fs::write(&next, &sound).unwrap();
        fs::rename(&next, &path).unwrap();
        assert!(!reading.index.current().is_current(&reading.basis.folder().unwrap()));
        reading.index.reopen().unwrap();
        assert!(reading.index.current().is_current(&reading.basis.folder().unwrap()));
        assert_eq!(reading.recorded_snapshots().unwrap().len(), 2);
    }
}

/// The holder of the lock must stay with the locked folder.
#[test]
fn a_check_stays_with_the_folder_that_it_has_locked() {
    let store = Store::new();
    two_packs(&store.open(Access::Write));
    let path = store.directory.path().join("repository");
    for access in [Access::Check, Access::Preview] {
        let repository = store.open(access);
        let folder = repository.basis.folder().unwrap().identity().unwrap();
        let moved = store.directory.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        Repository::init(&path).unwrap();
        assert!(repository.manifest(&SnapshotId([7; 32])).is_err());
        assert_eq!(repository.basis.folder().unwrap().identity().unwrap(), folder, "{access:?}");
        assert_eq!(repository.snapshots().unwrap().len(), 2, "{access:?}");
        fs::remove_dir_all(&path).unwrap();
        fs::rename(&moved, &path).unwrap();
    }
}

/// An index that cannot be opened for a temporary reason is not damaged, and must not be replaced.
#[test]
fn a_check_replaces_only_a_faulty_index() {
    let store = Store::new();
    two_packs(&store.open(Access::Write));
    let mut other_mode = redb::Builder::new();
    other_mode.set_concurrency_mode(redb::ConcurrencyMode::ExclusiveWriter);
    let _open = other_mode.open(index(&store)).unwrap();
    let refused = Repository::open(&store.directory.path().join("repository"), Access::Check);
    assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
}

/// An entry planted in the index's place is neither opened nor written to.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_replaced() {
    use std::os::unix::fs::{FileTypeExt, symlink};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let store = Store::new();
    two_packs(&store.open(Access::Write));
    let path = index(&store);
    let elsewhere = store.directory.path().join("elsewhere");
    for content in [&b"somebody's"[..], &fs::read(&path).unwrap()] {
        fs::write(&elsewhere, content).unwrap();
        fs::remove_file(&path).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert_usable(&store, "a link");
        assert_eq!(fs::read(&elsewhere).unwrap(), content);
    }
    for content in [&b"somebody's"[..], &fs::read(&path).unwrap()] {
        fs::write(&elsewhere, content).unwrap();
        fs::remove_file(&path).unwrap();
        fs::hard_link(&elsewhere, &path).unwrap();
        assert_usable(&store, "a hard link");
        assert_eq!(fs::read(&elsewhere).unwrap(), content);
    }
    fs::remove_file(&path).unwrap();
    symlink(store.directory.path().join("nothing"), &path).unwrap();
    assert_usable(&store, "a link to nothing");
    assert!(!store.directory.path().join("nothing").exists());

    fs::remove_file(&path).unwrap();
    mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
    assert_usable(&store, "a fifo");

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("kept"), "a file").unwrap();
    assert_usable(&store, "a folder");
    let aside = store.directory.path().join("repository/damaged").join(format!("{INDEX}.1"));
    assert_eq!(fs::read(aside.join("kept")).unwrap(), b"a file");
}

/// The name alternates between a link and a file.
#[cfg(unix)]
#[test]
fn a_link_that_comes_and_goes_is_never_followed() {
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};

    let store = Store::new();
    two_packs(&store.open(Access::Write));
    let (path, victim) = (index(&store), store.directory.path().join("victim"));
    let sound = fs::read(&path).unwrap();
    // The file is an index, too, so it would be opened if it were found.
    fs::write(&victim, &sound).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (link, file) = (path.with_extension("link"), path.with_extension("file"));
            while !over.load(Ordering::Relaxed) {
                symlink(&victim, &link).unwrap();
                fs::rename(&link, &path).unwrap();
                fs::write(&file, &sound).unwrap();
                fs::rename(&file, &path).unwrap();
            }
        });
        let is_victim = |file: fs::File| file.metadata().unwrap().ino() == victim.metadata().unwrap().ino();
        let folder = Folder::open(path.parent().unwrap()).unwrap();
        let opened = (0..5000).find(|_| folder.file_to_change(INDEX).is_ok_and(is_victim));
        over.store(true, Ordering::Relaxed);
        assert_eq!(opened, None, "the link was followed");
    });
    fs::remove_file(&path).unwrap();
    fs::write(&path, &sound).unwrap();
    assert_usable(&store, "a link that came and went");
    assert!(fs::read(&victim).unwrap() == sound);
}

#[test]
fn the_file_of_another_locking_is_removed() {
    let store = Store::new();
    two_packs(&store.open(Access::Write));
    let old = index(&store).with_file_name(OLD_INDEX);
    fs::rename(index(&store), &old).unwrap();
    assert_usable(&store, "no index of this name");
    assert!(!old.exists());
}

/// A new index knows everything that the writer has stored since it opened the old one.
#[test]
fn damage_while_a_writer_works() {
    for zeroed_from in [0, 4096] {
        for cut in [false, true] {
            let what = format!("zeros from {zeroed_from}, cut: {cut}");
            let store = Store::new();
            let repository = store.open(Access::Write);
            let [one, two] = two_packs(&repository);
            let damage = || {
                let path = index(&store);
                let file = fs::File::options().write(true).open(&path).unwrap();
                let len = file.metadata().unwrap().len();
                file.set_len(zeroed_from).unwrap();
                if !cut {
                    file.set_len(len).unwrap();
                }
            };
            let mut writer = repository.writer().unwrap();
            let three = writer.put(PackKind::Data, &[3; 100], None).unwrap();
            damage();
            assert_eq!(writer.put(PackKind::Data, &[1; 100], None).unwrap(), one, "{what}");
            let (_, statistics) = writer.commit(&manifest(three)).unwrap();
            assert_eq!(statistics.new_blobs, 1, "{what}: what is stored was stored again");
            damage();
            let mut writer = repository.writer().unwrap();
            let four = writer.put(PackKind::Data, &[4; 100], None).unwrap();
            writer.commit(&manifest(four)).unwrap();
            drop(repository);
            let repository = store.open(Access::Read);
            assert_eq!(repository.indexed_packs().unwrap().len(), 4, "{what}");
            assert_eq!(repository.recorded_snapshots().unwrap().len(), 4, "{what}");
            let reader = repository.reader(CacheSizes::default());
            for (byte, id) in (1..).zip([one, two, three, four]) {
                assert_eq!(reader.blob(&id).unwrap().to_vec(), [byte; 100], "{what}");
            }
            assert!(!reader.has_searched(), "{what}");
        }
    }
}

/// Only the index knows that a manifest is missing.
#[test]
fn an_index_made_again_still_misses_a_manifest() {
    let store = Store::new();
    let repository = store.open(Access::Write);
    two_packs(&repository);
    let gone = repository.snapshots().unwrap()[0];
    let root = repository.root().to_owned();
    fs::remove_file(root.join("snapshots").join(gone.to_string())).unwrap();
    repository.index.distrust("for a test".into()).unwrap();
    let recorded = repository.recorded_snapshots().unwrap();
    assert!(recorded.iter().any(|record| record.id == gone), "{recorded:?}");
}
