use thiserror::Error;

/// Reason why bytes cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end before the value does.
    #[error("{0} is cut short")]
    Truncated(&'static str),
    /// Bytes follow after the end of the value.
    #[error("{0} is followed by bytes that do not belong to it")]
    Trailing(&'static str),
    /// A number or length exceeds the format's limit.
    #[error("{what} is {value}, beyond the limit of {limit}")]
    Limit {
        /// Name of the field.
        what: &'static str,
        /// Value of the field.
        value: u64,
        /// Largest accepted value.
        limit: u64,
    },
    /// A value that the format does not allow.
    #[error("{0} is invalid")]
    Invalid(&'static str),
    /// The file does not begin with the magic bytes of its kind.
    #[error("this is not a {0}")]
    Magic(&'static str),
    /// The bytes changed since they were written, or another repository wrote them.
    #[error("the checksum of the {0} does not match: it is damaged")]
    Checksum(&'static str),
    /// The format is newer than this program.
    #[error("format version {found} is newer than this program's ({known}): use a newer yester")]
    Version {
        /// The version found.
        found: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// A part that a reader must know to continue, of a later version.
    #[error("the {what} has part {number}, which this program does not know: use a newer yester")]
    Part {
        /// The layout that has the part.
        what: &'static str,
        /// Number of the part.
        number: u64,
    },
    /// Bytes protected by an algorithm of a later version.
    #[error("it is protected by algorithm {0}, which this program does not know: use a newer yester")]
    Algorithm(u8),
    /// A record of the log of a kind of a later version.
    #[error("it makes a change of kind {0}, which this program does not know: use a newer yester")]
    Kind(u8),
    /// A newer feature that a reader must know to continue.
    #[error("it needs features that this program does not know (bits {0:#x}): use a newer yester")]
    Features(u64),
}

impl FormatError {
    /// Whether a later version of this program can decode the bytes.
    pub fn is_newer(&self) -> bool {
        matches!(
            self,
            Self::Version { .. } | Self::Part { .. } | Self::Algorithm(_) | Self::Kind(_) | Self::Features(_)
        )
    }

    /// Fails if `what` breaks a rule of the format.
    pub(super) fn invalid_if(is_broken: bool, what: &'static str) -> Result<(), Self> {
        if is_broken { Err(Self::Invalid(what)) } else { Ok(()) }
    }

    /// Returns a value that is within its limit.
    pub(crate) fn check_limit(what: &'static str, value: u64, limit: u64) -> Result<u64, Self> {
        if value <= limit { Ok(value) } else { Err(Self::Limit { what, value, limit }) }
    }

    /// Fails if a feature is not known.
    pub(super) fn check_features(found: u64, known: u64) -> Result<(), Self> {
        if found & !known == 0 { Ok(()) } else { Err(Self::Features(found & !known)) }
    }
}
