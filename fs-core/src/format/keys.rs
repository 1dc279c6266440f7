use std::fmt;

use siphasher::sip::SipHasher24;

use super::codec::head;
use super::{BlobId, ObjectKey, PackId, RecordHash, Salt, SnapshotId, TagId, Version};

/// The random secret of a repository, from which all its keys derive.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub [u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Identifies a path within a snapshot: a chain of keyed hashes from the root, one for each component. The
/// entries of one directory have neighbouring keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathKey(pub [u8; 16]);

impl PathKey {
    /// Key of the snapshot's root directory.
    pub const ROOT: PathKey = PathKey([0; 16]);
}

/// The keys of one repository. Ids are keyed for two reasons. An id reveals nothing about content without the
/// secret. Nobody without the secret can make content with a chosen id.
#[derive(Clone)]
pub struct Keys {
    version: Version,
    blob: [u8; 32],
    name: [u8; 32],
    seal: [u8; 32],
    split: [u8; 32],
    gear: [u8; 32],
    path: [u8; 32],
    inode: [u8; 32],
    stat: [u8; 16],
}

impl Keys {
    /// Derives the keys of a repository of the present version.
    pub fn derive(secret: &Secret) -> Self {
        Self::of_version(secret, Version::Two)
    }

    /// Derives every key with BLAKE3's key derivation, with one context string each.
    pub(super) fn of_version(secret: &Secret, version: Version) -> Self {
        let key = |context: &str| blake3::derive_key(context, &secret.0);
        let stat = key("yester 2026 stat cache");
        Self {
            version,
            blob: key("yester 2026 blob id"),
            name: key("yester 2026 object name"),
            seal: key("yester 2026 seal"),
            split: key("yester 2026 node boundary"),
            gear: key("yester 2026 chunk boundary"),
            path: key("yester 2026 path"),
            inode: key("yester 2026 inode number"),
            stat: std::array::from_fn(|at| stat[at]),
        }
    }

    /// Id of a blob with these bytes.
    pub fn blob_id(&self, bytes: &[u8]) -> BlobId {
        BlobId(*blake3::keyed_hash(&self.blob, bytes).as_bytes())
    }

    /// Id of the pack with this salt and catalogue. As the salt is random, no two packs have one id.
    pub fn pack_id(&self, salt: Salt, catalogue: &[u8]) -> PackId {
        let mut hasher = blake3::Hasher::new_keyed(&self.name);
        if self.version == Version::Two {
            hasher.update(&salt.0);
        }
        PackId(*hasher.update(catalogue).finalize().as_bytes())
    }

    /// Hash of a record of the log with these stored bytes, be they valid or not.
    pub fn record_hash(&self, stored: &[u8]) -> RecordHash {
        RecordHash(*blake3::keyed_hash(&self.name, stored).as_bytes())
    }

    /// Id of the snapshot with this manifest.
    pub fn snapshot_id(&self, manifest: &[u8]) -> SnapshotId {
        SnapshotId(*blake3::keyed_hash(&self.name, manifest).as_bytes())
    }

    /// Id of the tag with this identity: snapshot, source and name.
    pub(super) fn tag_id(&self, identity: &[u8]) -> TagId {
        TagId(*blake3::keyed_hash(&self.name, identity).as_bytes())
    }

    /// Name of the stat cache of this source and tree. `tree` is the tree's key.
    pub fn stat_cache_name(&self, source: &[u8], tree: &[u8]) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.name);
        hasher.update(b"stat cache").update(&(source.len() as u64).to_le_bytes()).update(source).update(tree);
        hasher.finalize().to_hex()[..32].to_owned()
    }

    /// Key of the path `name` below `parent`. It has four bytes that all entries of this directory share,
    /// then the hash of the path.
    pub fn path_key(&self, parent: PathKey, name: &[u8]) -> PathKey {
        let mut hasher = blake3::Hasher::new_keyed(&self.path);
        hasher.update(&parent.0).update(name);
        let mut key = [0; 16];
        key[..4].copy_from_slice(&parent.0[4..8]);
        key[4..].copy_from_slice(&hasher.finalize().as_bytes()[..12]);
        PathKey(key)
    }

    /// 128 bits that identify an inode by the parts that define it. They are not stored, and are stable for a
    /// repository.
    pub fn inode(&self, parts: &[&[u8]]) -> u128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.inode);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        u128::from_le_bytes(head(&hasher.finalize()))
    }

    /// Version of the repository's format.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Key of the object with this salt. Version 1 had no salts.
    pub fn object_key(&self, salt: Salt) -> ObjectKey {
        let key = match self.version {
            Version::One => self.seal,
            Version::Two => *blake3::keyed_hash(&self.seal, &salt.0).as_bytes(),
        };
        ObjectKey::new(key, self.version)
    }

    /// A salt for the pack that a repair makes of blocks of a damaged one. `id` is the id that these blocks would have
    /// with the damaged pack's salt. So a repair that is begun again finds the pack once more, and no other pack has
    /// this salt.
    pub fn salvage_salt(&self, id: PackId) -> Salt {
        let mut hasher = blake3::Hasher::new_keyed(&self.name);
        Salt(*hasher.update(b"salvage").update(&id.0).finalize().as_bytes())
    }

    /// Six bytes that stand for this number in a stat cache. SipHash, as BLAKE3 takes ten times as long for
    /// so few bytes, and each unchanged file needs two of them.
    pub(super) fn stat(&self, number: &[u8]) -> [u8; 6] {
        let hash = SipHasher24::new_with_key(&self.stat).hash(number).to_le_bytes();
        std::array::from_fn(|at| hash[at])
    }

    /// The numbers that decide where the content of a file is cut (FastCDC's gear table).
    pub fn gear_table(&self) -> [u64; 256] {
        let mut numbers = blake3::Hasher::new_keyed(&self.gear).finalize_xof();
        std::array::from_fn(|_| {
            let mut number = [0; 8];
            numbers.fill(&mut number);
            u64::from_le_bytes(number)
        })
    }

    /// The bits that decide where a directory's nodes end.
    pub(super) fn boundary(&self, name: &[u8]) -> u64 {
        u64::from_le_bytes(head(&blake3::keyed_hash(&self.split, name)))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}
