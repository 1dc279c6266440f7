use super::codec::{Cursor, head};
use super::parts::{decode_parts, encode_parts};
use super::{FormatError, Keys, RepositoryId, Secret, Time, Version, v1};

/// The config that makes a folder a repository. `init` writes it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Version of all objects of the repository.
    pub version: Version,
    /// Id of the repository.
    pub id: RepositoryId,
    /// The secret from which the keys derive.
    pub secret: Secret,
    /// Time of creation.
    pub created: Time,
}

const MAGIC: [u8; 8] = *b"YESTREPO";
const CHECKSUM_LEN: usize = 16;

impl Config {
    /// The repository's keys.
    pub fn keys(&self) -> Keys {
        Keys::of_version(&self.secret, self.version)
    }

    /// Encodes the config's file, of the present version.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend((Version::Two as u32).to_le_bytes());
        out.extend(self.id.0);
        out.extend(self.secret.0);
        self.created.encode(&mut out);
        encode_parts(&[], &mut out);
        let checksum = checksum(&out);
        out.extend(checksum);
        out
    }

    /// Decodes the config's file. A newer version is detected before anything else is read.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        if cursor.array("repository config").unwrap_or_default() != MAGIC {
            return Err(FormatError::Magic("yester repository"));
        }
        let version = match cursor.u32("format version")? {
            0 => return Err(FormatError::Invalid("format version")),
            1 => Version::One,
            2 => Version::Two,
            found => return Err(FormatError::Version { found, known: Version::Two as u32 }),
        };
        let (body, stated) = bytes.split_last_chunk().ok_or(FormatError::Truncated("repository config"))?;
        if *stated != checksum(body) {
            return Err(FormatError::Checksum("repository config"));
        }
        let mut cursor = Cursor::new(body);
        cursor.take(MAGIC.len() + 4, "repository config")?;
        if version == Version::One {
            v1::no_features(cursor.u64("features")?)?;
        }
        let id = RepositoryId(cursor.array("repository id")?);
        let secret = Secret(cursor.array("secret")?);
        let created = Time::decode(&mut cursor)?;
        match version {
            Version::One => drop(v1::extensions(&mut cursor)?),
            Version::Two => drop(decode_parts(&mut cursor, "repository config", |_, _| Ok(false))?),
        }
        cursor.end("repository config")?;
        Ok(Self { version, id, secret, created })
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    head(&blake3::hash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            version: Version::Two,
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
        bytes[8] = 3;
        assert_eq!(Config::decode(&bytes), Err(FormatError::Version { found: 3, known: 2 }));
        bytes[8] = 0;
        assert_eq!(Config::decode(&bytes), Err(FormatError::Invalid("format version")));
    }
}
