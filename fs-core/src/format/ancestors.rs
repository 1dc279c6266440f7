use super::FormatError;
use super::codec::{Cursor, Encode};

/// A directory above an imported tree, with the attributes that decide who may pass through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ancestor {
    /// Permission bits.
    pub mode: u16,
    /// User id of the owner.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Whether it has an access ACL, which may exclude more users than the mode shows.
    pub has_acl: bool,
}

/// Upper bound on the directories: Linux accepts no path with more components.
pub const MAX_ANCESTORS: usize = 4096;

impl Ancestor {
    pub(super) fn encode_all(all: &[Self]) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_varint(all.len() as u64);
        for Self { mode, uid, gid, has_acl } in all {
            [u64::from(*mode), (*uid).into(), (*gid).into()]
                .into_iter()
                .for_each(|value| out.put_varint(value));
            out.push((*has_acl).into());
        }
        out
    }

    pub(super) fn decode_all(body: &[u8]) -> Result<Vec<Self>, FormatError> {
        let mut cursor = Cursor::new(body);
        let count = cursor.count(MAX_ANCESTORS, 4, "directories above")?;
        let all = (0..count).map(|_| Self::decode(&mut cursor)).collect::<Result<Vec<_>, _>>()?;
        cursor.end("directories above")?;
        Ok(all)
    }

    fn decode(cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        const INVALID: FormatError = FormatError::Invalid("directory above");
        let mode = cursor.varint("directory above")?;
        let mode = u16::try_from(mode).ok().filter(|mode| mode & !0o7777 == 0).ok_or(INVALID)?;
        let mut owner = || u32::try_from(cursor.varint("directory above")?).map_err(|_| INVALID);
        let (uid, gid) = (owner()?, owner()?);
        Ok(Self { mode, uid, gid, has_acl: cursor.flag("directory above")? })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn ancestors() -> impl Strategy<Value = Ancestor> {
        (0u16..=0o7777, any::<u32>(), any::<u32>(), any::<bool>())
            .prop_map(|(mode, uid, gid, has_acl)| Ancestor { mode, uid, gid, has_acl })
    }

    #[test]
    fn modes_and_flags_out_of_range_are_refused() {
        assert!(Ancestor::decode_all(&[1, 0o55, 0, 0, 2]).is_err());
        assert!(Ancestor::decode_all(&[1, 0x80, 0x20, 0, 0, 0]).is_err());
        assert!(Ancestor::decode_all(&[1, 0, 0, 0, 1]).is_ok());
    }
}
