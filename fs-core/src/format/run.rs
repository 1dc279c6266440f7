use super::codec::{Cursor, Encode};
use super::limits::MAX_RUN_IDENTITY;
use super::{FormatError, Time};

/// The run of another program that a snapshot was imported from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Identity of the run among all runs of its source, so that it is imported once. Not empty.
    pub identity: Box<[u8]>,
    /// Time at which the run began, if known.
    pub began: Option<Time>,
    /// Time at which the run completed, if known.
    pub completed: Option<Time>,
    /// Time at which the program that made the run deletes it. `None` if it never does, or if the time is
    /// unknown.
    pub expires: Option<Time>,
}

impl Run {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.identity.len() + 32);
        out.put_bytes(&self.identity);
        let times = [self.began, self.completed, self.expires];
        let present = times.iter().enumerate().map(|(bit, time)| u8::from(time.is_some()) << bit);
        out.push(present.sum());
        times.into_iter().flatten().for_each(|time| time.encode(&mut out));
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        let identity = cursor.bytes(MAX_RUN_IDENTITY, "run's identity")?;
        FormatError::invalid_if(identity.is_empty(), "run's identity")?;
        let present = cursor.u8("run's times")?;
        FormatError::invalid_if(present > 0b111, "run's times")?;
        let mut time = |bit: u8| {
            if present & 1 << bit == 0 { Ok(None) } else { Time::decode(&mut cursor).map(Some) }
        };
        let (began, completed, expires) = (time(0)?, time(1)?, time(2)?);
        cursor.end("run")?;
        Ok(Self { identity: identity.into(), began, completed, expires })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn runs() -> impl Strategy<Value = Run> {
        let time =
            || prop::option::of((any::<i64>(), 0u32..1_000_000_000)).prop_map(|t| Time::new(t?.0, t?.1));
        let identity = prop::collection::vec(any::<u8>(), 1..80);
        (identity, time(), time(), time()).prop_map(|(identity, began, completed, expires)| Run {
            identity: identity.into(),
            began,
            completed,
            expires,
        })
    }

    proptest! {
        #[test]
        fn runs_survive(run in runs()) {
            prop_assert_eq!(Run::decode(&run.encode()), Ok(run));
        }

        #[test]
        fn any_bytes_are_decoded_as_themselves_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(run) = Run::decode(&bytes) {
                prop_assert_eq!(run.encode(), bytes);
            }
        }
    }

    #[test]
    fn what_no_writer_makes_is_refused() {
        for bytes in [&b""[..], b"\x00\x00", b"\x01a", b"\x01a\x08", b"\x01a\x00\x00", b"\x01a\x01\x00"] {
            assert!(Run::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
