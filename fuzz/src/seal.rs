//! Frames around bodies that no writer made, as `docs/format.md` says: a fuzzer would never guess a tag.

use fs_core::format::{Keys, Secret};

pub const SECRET: [u8; 32] = [7; 32];

pub fn keys() -> Keys {
    Keys::derive(&Secret(SECRET))
}

pub fn seal(magic: [u8; 4], body: &[u8]) -> Vec<u8> {
    let key = blake3::derive_key("yester 2026 seal", &SECRET);
    let mut hasher = blake3::Hasher::new_keyed(&key);
    hasher.update(&magic).update(&(body.len() as u64).to_le_bytes()).update(body);
    let mut frame = magic.to_vec();
    frame.extend(u32::try_from(body.len()).expect("a body below 4 GiB").to_le_bytes());
    frame.extend(&hasher.finalize().as_bytes()[..16]);
    frame.extend(body);
    frame
}
