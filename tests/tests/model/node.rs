//! The nodes of the model, and their attributes.

use std::collections::BTreeMap;
use std::sync::Arc;

use fs_tests::tree::{Entry, Kind};

use super::bytes::Bytes;
use super::content::Content;

/// What a node is.
#[derive(Clone, Debug)]
pub enum What {
    Directory,
    File(Content),
    Symlink(Bytes),
    Fifo,
    Socket,
    Char(u32, u32),
    Block(u32, u32),
}

/// The variable part of an access control list; owner, mask and others follow the mode.
#[derive(Clone, Debug)]
pub struct Acl {
    /// The owning group's permissions, which the mode does not show.
    pub group: u16,
    /// Permissions of named users.
    pub users: BTreeMap<u32, u16>,
    /// Permissions of named groups.
    pub groups: BTreeMap<u32, u16>,
}

/// What a node has beside its content, as drawn; what does not suit its type is left out.
#[derive(Clone, Debug)]
pub struct Attributes {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: (i64, u32),
    pub xattrs: BTreeMap<Bytes, Bytes>,
    pub access: Option<Acl>,
    pub default: Option<Acl>,
}

impl Attributes {
    /// What a file has that nobody cared about.
    pub fn plain(mtime: (i64, u32)) -> Self {
        Self { mode: 0o644, uid: 0, gid: 0, mtime, xattrs: BTreeMap::new(), access: None, default: None }
    }
}

/// A node, whatever names it has.
#[derive(Clone, Debug)]
pub struct Node {
    pub what: What,
    pub attributes: Attributes,
}

impl Acl {
    /// As the kernel shows it: in the order of tags.
    fn bytes(&self, mode: u32) -> Vec<u8> {
        const NO_ID: u32 = u32::MAX;
        let of_mode = |shift: u32| u16::try_from(mode >> shift & 7).expect("three bits");
        let mut entries = vec![(0x01_u16, of_mode(6), NO_ID)];
        entries.extend(self.users.iter().map(|(id, permissions)| (0x02, *permissions, *id)));
        entries.push((0x04, self.group, NO_ID));
        entries.extend(self.groups.iter().map(|(id, permissions)| (0x08, *permissions, *id)));
        entries.push((0x10, of_mode(3), NO_ID));
        entries.push((0x20, of_mode(0), NO_ID));
        fs_tests::plant::acl(entries)
    }
}

impl Node {
    pub fn kind(&self) -> Kind {
        match self.what {
            What::Directory => Kind::Directory,
            What::File(_) => Kind::File,
            What::Symlink(_) => Kind::Symlink,
            What::Fifo => Kind::Fifo,
            What::Socket => Kind::Socket,
            What::Char(..) => Kind::CharDevice,
            What::Block(..) => Kind::BlockDevice,
        }
    }

    pub fn is_directory(&self) -> bool {
        matches!(self.what, What::Directory)
    }

    pub fn mode(&self) -> u32 {
        if matches!(self.what, What::Symlink(_)) { 0o777 } else { self.attributes.mode }
    }

    /// The extended attributes that this type of node can have.
    pub fn xattrs(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let takes_user = matches!(self.what, What::File(_) | What::Directory);
        let drawn =
            self.attributes.xattrs.iter().filter(|(name, _)| takes_user || !name.starts_with(b"user."));
        let mut xattrs: BTreeMap<_, _> =
            drawn.map(|(name, value)| (name.0.clone(), value.0.clone())).collect();
        if !matches!(self.what, What::Symlink(_))
            && let Some(acl) = &self.attributes.access
        {
            xattrs.insert(b"system.posix_acl_access".to_vec(), acl.bytes(self.attributes.mode));
        }
        if self.is_directory()
            && let Some(acl) = &self.attributes.default
        {
            xattrs.insert(b"system.posix_acl_default".to_vec(), acl.bytes(0o750));
        }
        xattrs
    }

    /// What the disk and the mount must show of it.
    pub fn expected(&self, identity: u64, names: u64) -> Entry {
        let data: Arc<[u8]> = match &self.what {
            What::File(content) => content.bytes(),
            What::Symlink(target) => target[..].into(),
            _ => Arc::default(),
        };
        Entry {
            kind: self.kind(),
            mode: self.mode(),
            uid: self.attributes.uid,
            gid: self.attributes.gid,
            mtime: self.attributes.mtime,
            size: data.len() as u64,
            data,
            rdev: match self.what {
                What::Char(major, minor) | What::Block(major, minor) => rustix::fs::makedev(major, minor),
                _ => 0,
            },
            nlink: if self.is_directory() { 0 } else { names },
            identity,
            xattrs: self.xattrs(),
        }
    }
}
