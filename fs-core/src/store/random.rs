//! Unpredictable bytes, for secrets and salts.

use std::io;

use super::StoreError;
use crate::format::Salt;

/// A salt for a new object.
pub(crate) fn new_salt() -> Result<Salt, StoreError> {
    random().map(Salt)
}

/// Returns unpredictable bytes.
pub fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Io {
        action: "get random bytes for",
        object: "the repository".into(),
        source: io::Error::other(error.to_string()),
    })?;
    Ok(bytes)
}
