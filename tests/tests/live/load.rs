//! Readers that look at a mount in every way, know what must be there, and stop at the first thing that is wrong.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use fs_tests::plant::{file, noise};
use fs_tests::{Mounted, Sandbox};
use rustix::fs::{OFlags, RawDir, SeekFrom, XattrFlags, lgetxattr, lsetxattr, seek};
use rustix::io::Errno;

const LARGE: usize = 3_000_000;
const CROWD: usize = 1200;
const CHANGING: u64 = 10;
const HOLES: u64 = 8 << 20;

/// What every snapshot has in the same way, and a program.
pub fn plant(source: &Path) {
    file(source.join("large"), noise(1, LARGE));
    for number in 0..CROWD {
        file(source.join(format!("crowd/a somewhat longer name {number}")), "x");
    }
    symlink("large", source.join("link")).expect("a link");
    // Not every temporary folder can keep attributes.
    let _ = lsetxattr(source.join("large"), "user.note", b"dear", XattrFlags::empty());
    let sparse = File::create(source.join("sparse")).expect("a file");
    sparse.write_all_at(&noise(2, 100_000), HOLES).expect("data");
    sparse.set_len(4 * HOLES).expect("a hole");
    fs::copy("/bin/cat", source.join("program")).expect("a program");
}

/// What a version has alone.
pub fn plant_version(source: &Path, version: u64) {
    for number in 0..CHANGING {
        file(source.join(format!("changing/{number}")), noise(1000 + version * CHANGING + number, 20_000));
    }
    file(source.join("version"), version.to_string());
}

/// Looks at a mount of the source of a sandbox.
pub struct Load {
    source: PathBuf,
    mount: PathBuf,
    large: Vec<u8>,
    stop: AtomicBool,
    looks: AtomicU64,
}

impl Load {
    /// Readers of `mounted`, whose snapshots were all imported after [`plant`] and [`plant_version`].
    pub fn new(sandbox: &Sandbox, mounted: &Mounted) -> Self {
        Self {
            source: sandbox.source(),
            mount: mounted.point().to_owned(),
            large: noise(1, LARGE),
            stop: AtomicBool::new(false),
            looks: AtomicU64::new(0),
        }
    }

    /// Does `work` beside four readers. None of them may see anything wrong.
    #[track_caller]
    pub fn beside<T>(&self, work: impl FnOnce(&Self) -> T) -> T {
        thread::scope(|scope| {
            let readers: Vec<_> = (0..4).map(|reader| scope.spawn(move || self.read_on(reader))).collect();
            // Nobody waits for readers that a failure would leave reading.
            let stop = Stop(&self.stop);
            let done = work(self);
            drop(stop);
            readers.into_iter().for_each(|reader| reader.join().expect("a reader that saw nothing wrong"));
            done
        })
    }

    /// How often the readers have looked so far.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    /// Whether a reader has seen something wrong, so that there is no point in going on.
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn read_on(&self, reader: u64) {
        let _stop_all = Stop(&self.stop);
        let mut draw = Draw(reader + 1);
        while !self.is_over() {
            self.look(&mut draw);
            self.looks.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn look(&self, draw: &mut Draw) {
        let entries = fs::read_dir(&self.mount).expect("the mount can be listed");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("@20")).collect();
        // The newest are the most likely to be in somebody's way.
        let at = if draw.below(3) == 0 { names.len() - 1 } else { draw.below(names.len()) };
        let snapshot = self.mount.join(&names[at]);
        match draw.below(16) {
            0..4 => self.pieces(&snapshot, draw),
            4..9 => changing(&snapshot, draw),
            9..12 => listing(&snapshot.join("crowd"), draw),
            12..15 => self.attributes(&snapshot),
            _ => self.mapped(&snapshot),
        }
    }

    fn pieces(&self, snapshot: &Path, draw: &mut Draw) {
        let path = snapshot.join("large");
        let open = File::open(&path).expect("the file");
        let direct = File::options()
            .read(true)
            .custom_flags(OFlags::DIRECT.bits().cast_signed())
            .open(&path)
            .expect("O_DIRECT");
        for _ in 0..10 {
            let start = draw.below(LARGE);
            let piece = &self.large[start..LARGE.min(start + draw.below(200_000))];
            let mut read = vec![0; piece.len()];
            open.read_exact_at(&mut read, start as u64).expect("a piece");
            assert!(read == piece, "wrong bytes at {start}+{}", piece.len());

            let start = start / 4096 * 4096;
            let mut read = vec![0; 8192];
            let len = direct.read_at(&mut read, start as u64).expect("a direct read");
            assert!(
                read[..len] == self.large[start..LARGE.min(start + 8192)],
                "wrong direct bytes at {start}"
            );
        }
    }

    fn attributes(&self, snapshot: &Path) {
        for name in ["large", "sparse", "crowd/a somewhat longer name 7", "link", "program"] {
            let [shown, original] =
                [snapshot, &self.source].map(|root| fs::symlink_metadata(root.join(name)));
            let (shown, original) = (shown.expect("attributes"), original.expect("the original's"));
            let of = |meta: &fs::Metadata| {
                (meta.len(), meta.mode(), meta.mtime(), meta.mtime_nsec(), meta.nlink(), meta.uid())
            };
            assert_eq!(of(&shown), of(&original), "{name}");
        }
        assert_eq!(fs::read_link(snapshot.join("link")).expect("the link").to_str(), Some("large"));
        let note = |root: &Path| {
            let mut value = [0_u8; 16];
            lgetxattr(root.join("large"), "user.note", &mut value).map(|len| value[..len].to_vec())
        };
        let (shown, original) = (note(snapshot), note(&self.source));
        assert!(shown == original || original == Err(Errno::OPNOTSUPP), "{shown:?}, not {original:?}");
        let [shown, original] =
            [snapshot, &self.source].map(|root| File::open(root.join("sparse")).expect("it"));
        for from in [SeekFrom::Data(0), SeekFrom::Hole(HOLES), SeekFrom::Hole(9), SeekFrom::Data(2 * HOLES)] {
            assert_eq!(seek(&shown, from), seek(&original, from), "{from:?}");
        }
    }

    /// A program's pages are mapped.
    fn mapped(&self, snapshot: &Path) {
        let ran = Command::new(snapshot.join("program")).arg(snapshot.join("large")).output();
        let ran = ran.expect("a program of a snapshot runs");
        assert!(ran.status.success() && ran.stdout == self.large, "{}", String::from_utf8_lossy(&ran.stderr));
    }
}

fn changing(snapshot: &Path, draw: &mut Draw) {
    let version = fs::read_to_string(snapshot.join("version")).expect("the version");
    let version: u64 = version.parse().expect("a number");
    let number = draw.below(10) as u64;
    let bytes = fs::read(snapshot.join(format!("changing/{number}"))).expect("a file");
    assert!(bytes == noise(1000 + version * CHANGING + number, 20_000), "file {number} of version {version}");
}

fn listing(folder: &Path, draw: &mut Draw) {
    let open = File::open(folder).expect("the folder");
    let list = |limit: usize| -> Vec<(String, u64)> {
        let mut buffer = vec![MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(&open, &mut buffer);
        let mut listed = Vec::new();
        while listed.len() < limit
            && let Some(entry) = entries.next()
        {
            let entry = entry.expect("an entry");
            listed.push((entry.file_name().to_string_lossy().into_owned(), entry.next_entry_cookie()));
        }
        listed
    };
    let all = list(usize::MAX);
    assert_eq!(all.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), CROWD + 2);
    for _ in 0..3 {
        let at = draw.below(all.len());
        seek(&open, SeekFrom::Start(all[at].1)).expect("a position");
        let some = list(50);
        assert!(all[at + 1..].starts_with(&some), "from entry {at} on");
        assert!(!some.is_empty() || at + 1 == all.len(), "nothing from entry {at} on");
    }
}

/// Numbers without order, the same in every run of a reader.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

/// Stops all readers, also when something panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
