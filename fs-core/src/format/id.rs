use std::fmt;

/// Defines identifiers of 32 or 16 bytes that print as lower-case hexadecimal.
macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident: $len:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Parses exactly the form that `Display` prints.
            pub fn parse(text: &str) -> Option<Self> {
                parse_hex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )*};
}

identifiers! {
    /// Id of a blob: the keyed BLAKE3 of its bytes.
    BlobId: 32;
    /// Id of a pack: the keyed BLAKE3 of its catalogue.
    PackId: 32;
    /// Id of a snapshot: the keyed BLAKE3 of its manifest.
    SnapshotId: 32;
    /// Id of a tag: the keyed BLAKE3 of its snapshot, source and name.
    TagId: 32;
    /// The first 16 bytes of a blob's id. They tell blobs apart, too, as ids are keyed.
    BlobPrefix: 16;
    /// Id of a repository.
    RepositoryId: 16;
    /// Hash of a record of the log, as it is stored.
    RecordHash: 32;
    /// Tells a record of the log from any other writer's of the same number.
    TransactionId: 16;
}

impl Default for RecordHash {
    /// Stands before the first record.
    fn default() -> Self {
        Self([0; 32])
    }
}

impl BlobId {
    /// The first 16 bytes: the key of the blob in the index, and how deltas name it as their base.
    pub fn prefix(&self) -> BlobPrefix {
        BlobPrefix(std::array::from_fn(|at| self.0[at]))
    }
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    b"0123456789abcdef".iter().position(|known| *known == digit).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_both_ways() {
        let id = PackId(std::array::from_fn(|i| (i * 7) as u8));
        assert_eq!(PackId::parse(&id.to_string()), Some(id));
        for wrong in ["", "00", &"g".repeat(64), &"A".repeat(64), &"0".repeat(63)] {
            assert_eq!(PackId::parse(wrong), None, "{wrong}");
        }
    }
}
