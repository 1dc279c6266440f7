//! Frames and headers that no writer made, as `docs/format.md` says: a fuzzer would never guess a MAC.

use fs_core::format::{Config, Keys, RepositoryId, Salt, Secret, Time, Version};

pub const SECRET: [u8; 32] = [7; 32];
/// The salt of every object.
pub const SALT: Salt = Salt([8; 32]);
/// The salt of stat caches, which have no header.
pub const NO_SALT: Salt = Salt([0; 32]);
/// Bytes of an object's header. The last of them are its MAC.
pub const HEADER_LEN: usize = 64;
const COVERED: usize = 48;

pub fn config(version: Version) -> Config {
    Config { version, id: RepositoryId([1; 16]), secret: Secret(SECRET), created: Time::default() }
}

pub fn keys(version: Version) -> Keys {
    config(version).keys()
}

fn secret_key() -> [u8; 32] {
    blake3::derive_key("yester 2026 seal", &SECRET)
}

fn object_key(salt: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(&secret_key(), salt).as_bytes()
}

/// A frame with this body. Version 1 has neither salts nor numbers.
pub fn frame(version: Version, salt: Salt, magic: [u8; 4], number: u32, body: &[u8]) -> Vec<u8> {
    let (key, number) = match version {
        Version::One => (secret_key(), Vec::new()),
        Version::Two => (object_key(&salt.0), number.to_le_bytes().to_vec()),
    };
    let mut hasher = blake3::Hasher::new_keyed(&key);
    hasher.update(&magic).update(&number).update(&(body.len() as u64).to_le_bytes()).update(body);
    let mut frame = magic.to_vec();
    frame.extend(number);
    frame.extend(u32::try_from(body.len()).expect("a body below 4 GiB").to_le_bytes());
    frame.extend(&hasher.finalize().as_bytes()[..16]);
    frame.extend(body);
    frame
}

/// An object of a single frame. Version 1 has no headers.
pub fn object(version: Version, magic: [u8; 8], frame_magic: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut object = Vec::new();
    if version == Version::Two {
        object.extend(magic);
        // Algorithm, features, length of the parity data.
        object.extend([0; 8]);
        object.extend(SALT.0);
        object.extend([0; HEADER_LEN - COVERED]);
    }
    let mut object = with_header_mac(&object);
    object.extend(frame(version, SALT, frame_magic, 0, body));
    object
}

/// The same bytes, but with the right MAC in the header that they begin with.
pub fn with_header_mac(object: &[u8]) -> Vec<u8> {
    let mut object = object.to_vec();
    if let Some(header) = object.first_chunk_mut::<HEADER_LEN>() {
        let (covered, mac) = header.split_at_mut(COVERED);
        let hash = blake3::keyed_hash(&object_key(&covered[16..]), covered);
        mac.copy_from_slice(&hash.as_bytes()[..HEADER_LEN - COVERED]);
    }
    object
}
