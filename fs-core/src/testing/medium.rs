//! A disk as POSIX promises it: synced data remains. After a crash, any part of the rest may be there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::recording::{Operation, Step};

/// The operations, of those not made durable, that survive a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// All: the process was killed, but the machine goes on.
    Everything,
    /// None.
    Nothing,
    /// Names in directories, but no bytes of files.
    Names,
    /// Names, and the lengths of files, whose bytes are zeros.
    NamesAndZeros,
    /// Bytes of files, but no names.
    Bytes,
    /// A part of each, decided by this seed: writes may be torn at sectors or zero-filled.
    Some(u64),
}

impl Fate {
    /// Whether zeros may replace bytes that were durable.
    pub(super) fn may_zero(self) -> bool {
        matches!(self, Fate::NamesAndZeros | Fate::Some(_))
    }
}

#[derive(Debug, Clone)]
enum Inode {
    File { durable: Vec<u8>, pending: Vec<Change> },
    Directory { durable: BTreeMap<OsString, usize>, pending: Vec<(OsString, Option<usize>)> },
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLength(usize),
}

/// Files by path, with their bytes; `None` for a directory.
pub(super) type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// A directory on a disk, and all operations on it.
#[derive(Debug, Clone)]
pub(super) struct Medium {
    inodes: Vec<Inode>,
}

const ROOT: usize = 0;
/// Size of the unit that a disk writes in full or not at all, in bytes.
const SECTOR: usize = 512;

impl Medium {
    /// An empty directory.
    pub(super) fn new() -> Self {
        Self { inodes: vec![Inode::Directory { durable: BTreeMap::new(), pending: Vec::new() }] }
    }

    /// A directory that holds exactly this tree, durably.
    pub(super) fn holding(tree: &Tree) -> Self {
        let mut medium = Self::new();
        for (path, bytes) in tree.iter().filter(|(path, _)| !path.as_os_str().is_empty()) {
            medium.create(
                path,
                match bytes {
                    None => Inode::Directory { durable: BTreeMap::new(), pending: Vec::new() },
                    Some(bytes) => Inode::File { durable: bytes.clone(), pending: Vec::new() },
                },
            );
        }
        for inode in &mut medium.inodes {
            if let Inode::Directory { durable, pending } = inode {
                pending.drain(..).for_each(|(name, inode)| set_name(durable, name, inode));
            }
        }
        medium
    }

    pub(super) fn apply(&mut self, step: &Step) {
        let path = &step.path;
        match &step.operation {
            Operation::CreateDirectory => {
                self.create(path, Inode::Directory { durable: BTreeMap::new(), pending: Vec::new() });
            }
            Operation::CreateFile => {
                self.create(path, Inode::File { durable: Vec::new(), pending: Vec::new() });
            }
            Operation::Write { offset, bytes } => {
                let offset = usize::try_from(*offset).unwrap();
                self.change(path, Change::Write { offset, bytes: bytes.clone() });
            }
            Operation::SetLength(len) => self.change(path, Change::SetLength(usize::try_from(*len).unwrap())),
            Operation::Rename { to } => {
                let inode = self.resolve(path);
                self.name(to, Some(inode));
                self.name(path, None);
            }
            Operation::Link { to } => {
                let inode = self.resolve(path);
                self.name(to, Some(inode));
            }
            Operation::Remove => self.name(path, None),
            Operation::SyncFile => {
                let Inode::File { durable, pending } = self.inode(path) else { panic!("{}", path.display()) };
                pending.drain(..).for_each(|change| change.apply(durable));
            }
            Operation::SyncDirectory => {
                let Inode::Directory { durable, pending } = self.inode(path) else {
                    panic!("{}", path.display())
                };
                pending.drain(..).for_each(|(name, inode)| set_name(durable, name, inode));
            }
        }
    }

    fn create(&mut self, path: &Path, inode: Inode) {
        self.inodes.push(inode);
        self.name(path, Some(self.inodes.len() - 1));
    }

    fn change(&mut self, path: &Path, change: Change) {
        let Inode::File { pending, .. } = self.inode(path) else { panic!("{} is no file", path.display()) };
        pending.push(change);
    }

    fn name(&mut self, path: &Path, inode: Option<usize>) {
        let name = path.file_name().unwrap().to_owned();
        let Inode::Directory { pending, .. } = self.inode(path.parent().unwrap()) else {
            panic!("no directory")
        };
        pending.push((name, inode));
    }

    fn inode(&mut self, path: &Path) -> &mut Inode {
        let inode = self.resolve(path);
        &mut self.inodes[inode]
    }

    /// The inode of a path while the system runs.
    fn resolve(&self, path: &Path) -> usize {
        path.iter().fold(ROOT, |inode, name| {
            let Inode::Directory { durable, pending } = &self.inodes[inode] else { panic!("no directory") };
            let last = pending.iter().rev().find(|(other, _)| other == name);
            last.map_or_else(|| durable.get(name).copied(), |(_, inode)| *inode)
                .unwrap_or_else(|| panic!("{} was not recorded", path.display()))
        })
    }

    /// The tree after a crash.
    pub(super) fn after(&self, fate: Fate) -> Tree {
        let mut tree = Tree::new();
        let mut chance = Chance(if let Fate::Some(seed) = fate { seed } else { 0 });
        self.collect(ROOT, Path::new(""), fate, &mut chance, &mut tree);
        tree
    }

    fn collect(&self, inode: usize, path: &Path, fate: Fate, chance: &mut Chance, tree: &mut Tree) {
        match &self.inodes[inode] {
            Inode::File { durable, pending } => {
                let mut bytes = durable.clone();
                for change in pending {
                    if let Some(change) = change.suffer(fate, chance) {
                        change.apply(&mut bytes);
                    }
                }
                tree.insert(path.to_owned(), Some(bytes));
            }
            Inode::Directory { durable, pending } => {
                let mut names = durable.clone();
                for (name, inode) in pending {
                    let there = match fate {
                        Fate::Everything | Fate::Names | Fate::NamesAndZeros => true,
                        Fate::Nothing | Fate::Bytes => false,
                        Fate::Some(_) => chance.below(2) == 0,
                    };
                    if there {
                        set_name(&mut names, name.clone(), *inode);
                    }
                }
                tree.insert(path.to_owned(), None);
                for (name, inode) in names {
                    self.collect(inode, &path.join(name), fate, chance, tree);
                }
            }
        }
    }
}

impl Change {
    fn apply(self, file: &mut Vec<u8>) {
        match self {
            Change::SetLength(len) => file.resize(len, 0),
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[offset..end].copy_from_slice(&bytes);
            }
        }
    }

    /// The result of a crash for a change that was not made durable.
    fn suffer(&self, fate: Fate, chance: &mut Chance) -> Option<Change> {
        let zeros = |change: &Change| match change {
            Change::Write { offset, bytes } => Change::Write { offset: *offset, bytes: vec![0; bytes.len()] },
            Change::SetLength(_) => change.clone(),
        };
        match fate {
            Fate::Everything | Fate::Bytes => Some(self.clone()),
            Fate::Nothing | Fate::Names => None,
            Fate::NamesAndZeros => Some(zeros(self)),
            Fate::Some(_) => match (chance.below(5), self) {
                (0 | 1, _) => Some(self.clone()),
                (2, _) => Some(zeros(self)),
                (3, Change::Write { offset, bytes }) => {
                    let kept = chance.below(bytes.len() / SECTOR + 1) * SECTOR;
                    Some(Change::Write { offset: *offset, bytes: bytes[..kept].to_vec() })
                }
                _ => None,
            },
        }
    }
}

fn set_name(names: &mut BTreeMap<OsString, usize>, name: OsString, inode: Option<usize>) {
    match inode {
        Some(inode) => drop(names.insert(name, inode)),
        None => drop(names.remove(&name)),
    }
}

/// Random numbers from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

/// Makes `root` hold exactly these entries, with the modes of a repository.
pub(super) fn materialise(tree: &Tree, root: &Path) {
    let _ = fs::remove_dir_all(root);
    for (path, bytes) in tree {
        let path = root.join(path);
        let mode = match bytes {
            None => {
                fs::create_dir(&path).unwrap();
                0o700
            }
            Some(bytes) => {
                fs::write(&path, bytes).unwrap();
                0o600
            }
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// The content of `root` without the lock, whose bytes never matter.
pub(super) fn scan(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(path) = waiting.pop() {
        let full = root.join(&path);
        if full.is_dir() {
            waiting.extend(fs::read_dir(&full).unwrap().map(|entry| path.join(entry.unwrap().file_name())));
            tree.insert(path, None);
        } else if path != Path::new("lock") {
            tree.insert(path, Some(fs::read(full).unwrap()));
        }
    }
    tree
}
