use super::codec::{Cursor, Encode};
use super::limits::MAX_CONFIG;
use super::{FormatError, RepositoryId, Secret, Time};

/// The config that makes a folder a repository. `init` writes it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Id of the repository.
    pub id: RepositoryId,
    /// The secret from which the keys derive.
    pub secret: Secret,
    /// Time of creation.
    pub created: Time,
}

const MAGIC: [u8; 8] = *b"YESTREPO";
/// The format version that this program writes, and the newest that it reads.
const VERSION: u32 = 1;
/// Features that a reader must know; none yet.
const KNOWN_FEATURES: u64 = 0;
const CHECKSUM_LEN: usize = 16;

impl Config {
    /// Encodes the config file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend(KNOWN_FEATURES.to_le_bytes());
        out.extend(self.id.0);
        out.extend(self.secret.0);
        self.created.encode(&mut out);
        // Extensions: none yet.
        out.put_varint(0);
        let checksum = checksum(&out);
        out.extend(checksum);
        out
    }

    /// Inverse of [`encode`](Self::encode). Reports a newer version before it checks anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        if cursor.array("repository config").unwrap_or_default() != MAGIC {
            return Err(FormatError::Magic("yester repository"));
        }
        let version = cursor.u32("format version")?;
        if version > VERSION {
            return Err(FormatError::Version { found: version, known: VERSION });
        }
        let Some((body, stated)) = bytes.split_last_chunk::<CHECKSUM_LEN>() else {
            return Err(FormatError::Truncated("repository config"));
        };
        if *stated != checksum(body) {
            return Err(FormatError::Checksum("repository config"));
        }
        if version == 0 {
            return Err(FormatError::Invalid("format version"));
        }
        let mut cursor = Cursor::new(body);
        cursor.take(MAGIC.len() + 4, "repository config")?;
        FormatError::check_features(cursor.u64("features")?, KNOWN_FEATURES)?;
        let id = RepositoryId(cursor.array("repository id")?);
        let secret = Secret(cursor.array("secret")?);
        let created = Time::decode(&mut cursor)?;
        for _ in 0..cursor.count(MAX_CONFIG, 2, "extensions")? {
            cursor.varint("extension")?;
            cursor.bytes(MAX_CONFIG, "extension")?;
        }
        cursor.end("repository config")?;
        Ok(Self { id, secret, created })
    }
}

/// Detects damage only, not forgery: a keyed checksum needs the secret, which is in the file.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    let hash = blake3::hash(bytes);
    std::array::from_fn(|at| hash.as_bytes()[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            id: RepositoryId([1; 16]),
            secret: Secret([2; 32]),
            created: Time::new(1_717_210_800, 5).unwrap(),
        }
    }

    #[test]
    fn survives_and_notices_damage() {
        let bytes = config().encode();
        assert_eq!(Config::decode(&bytes), Ok(config()));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Config::decode(&damaged).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(Config::decode(&bytes[..len]).is_err(), "length {len}");
        }
    }

    #[test]
    fn a_newer_version_is_said() {
        let mut bytes = config().encode();
        bytes[8] = 2;
        assert_eq!(Config::decode(&bytes), Err(FormatError::Version { found: 2, known: 1 }));
    }
}
