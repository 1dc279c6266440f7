//! Makes small trees, bytes that cannot be compressed, and ACLs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Bytes that depend only on the seed and cannot be compressed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    // splitmix64
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend((mixed ^ (mixed >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Writes a file. Creates missing folders above it.
#[track_caller]
pub fn file(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().expect("a folder above")).expect("folders");
    fs::write(path, content).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

/// Makes a small tree with all kinds of entries that need no privilege.
#[track_caller]
pub fn small(root: &Path) {
    file(root.join("hello.txt"), "hello\n");
    file(root.join("empty"), "");
    file(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n");
    file(root.join("etc/deep/er/file"), noise(1, 5000));
    fs::create_dir_all(root.join("hollow")).expect("a folder");
    symlink("hello.txt", root.join("link")).expect("a link");
    fs::hard_link(root.join("hello.txt"), root.join("etc/hello-again")).expect("a hard link");
}

/// Makes many files of noise, each of `length` bytes, a hundred in each folder.
#[track_caller]
pub fn many(root: &Path, files: u32, length: usize) {
    for number in 0..files {
        file(root.join(format!("{:03}/{number:06}.bin", number / 100)), noise(u64::from(number) + 7, length));
    }
}

/// An ACL in the kernel's binary form (linux/posix_acl_xattr.h). Each entry has its tag, permissions and id.
pub fn acl(entries: impl IntoIterator<Item = (u16, u16, u32)>) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}
