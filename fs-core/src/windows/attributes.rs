//! A file's attributes (hidden, system, archive …) and creation time, in an extended attribute.
//!
//! The name and the format are those of Samba's `xattr_DOSATTRIB`, version 4: the attributes as text, then
//! the attributes and two times in binary. So a Samba share of a mount shows files as they were. Files
//! restored to a share on Linux appear there as on Windows. Attributes that Samba or Wine has recorded on
//! Linux are restored on Windows.

use super::filetime::FileTime;

/// The extended attribute's name.
pub const NAME: &[u8] = b"user.DOSATTRIB";

/// The file is read-only; of a folder it means that its icon is its own.
pub const READ_ONLY: u32 = 0x1;
/// The file is hidden.
pub const HIDDEN: u32 = 0x2;
/// The file belongs to the operating system.
pub const SYSTEM: u32 = 0x4;
/// A folder, or a link to one.
pub const DIRECTORY: u32 = 0x10;
/// The file has changed since the last backup.
pub const ARCHIVE: u32 = 0x20;
/// A link, or something that only a driver understands.
pub const REPARSE_POINT: u32 = 0x400;

/// The valid fields: the attributes, and the creation time.
const VALID: u32 = 0x1 | 0x10;

/// Attributes of a file that Windows has and Unix does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DosAttributes {
    /// Bits such as [`HIDDEN`].
    pub bits: u32,
    /// Creation time, if known.
    pub created: Option<FileTime>,
}

impl DosAttributes {
    /// The extended attribute's value.
    pub fn encode(self) -> Vec<u8> {
        let mut value = format!("0x{:x}\0", self.bits).into_bytes();
        align(&mut value, 2);
        // The version, twice: the second is the union's.
        value.extend([4, 0, 4, 0]);
        align(&mut value, 4);
        let created = self.created.map_or(0, FileTime::ticks);
        let fields = [VALID, self.bits, 0, 0, created as u32, (created >> 32) as u32];
        value.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        value
    }

    /// Decodes a value, also of Samba's other versions. Samba's oldest version and Wine have only the text.
    pub fn decode(value: &[u8]) -> Option<Self> {
        let text = value.split(|byte| *byte == 0).next()?;
        let bits = u32::from_str_radix(str::from_utf8(text).ok()?.strip_prefix("0x")?, 16).ok()?;
        Some(Self { bits, created: created(value, text.len() + 1) })
    }
}

/// The creation time in the binary part, which begins at `at` or soon after.
fn created(value: &[u8], at: usize) -> Option<FileTime> {
    let version = at.next_multiple_of(2);
    let fields = (version + 4).next_multiple_of(4);
    let number = |at: usize| value.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let time = match value.get(version..version + 2)? {
        [3, 0] => 28,
        [4, 0] => 16,
        [5, 0] => 8,
        _ => return None,
    };
    let (low, high) = (number(fields + time)?, number(fields + time + 4)?);
    let ticks = u64::from(low) | u64::from(high) << 32;
    (number(fields)? & 0x10 != 0 && ticks != 0).then(|| FileTime::from_ticks(ticks))
}

fn align(value: &mut Vec<u8>, to: usize) {
    value.resize(value.len().next_multiple_of(to), 0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_form_is_sambas() {
        let created = FileTime::from_unix(1_717_210_800, 0);
        let value = DosAttributes { bits: HIDDEN | ARCHIVE, created: Some(created) }.encode();
        let mut expected = b"0x22\0\0\x04\0\x04\0\0\0\x11\0\0\0\x22\0\0\0".to_vec();
        expected.extend([0; 8]);
        expected.extend(created.ticks().to_le_bytes());
        assert_eq!(value, expected);
    }

    #[test]
    fn other_versions_are_read() {
        let is = |value: &[u8], bits, created| {
            let created = (created != 0).then(|| FileTime::from_ticks(created));
            assert_eq!(DosAttributes::decode(value), Some(DosAttributes { bits, created }));
        };
        is(b"0x2", 2, 0);
        is(b"0x10\0", 0x10, 0);
        is(b"0x20\0\0\x05\0\x05\0\0\0\x11\0\0\0\x20\0\0\0\x01\0\0\0\x02\0\0\0", 0x20, 0x2_0000_0001);
        is(b"0x20\0\0\x05\0\x05\0\0\0\x01\0\0\0\x20\0\0\0\x01\0\0\0\x02\0\0\0", 0x20, 0);
        for wrong in [&b""[..], b"22", b"0x", b"0xg", b"\xff", b"0x111111111"] {
            assert_eq!(DosAttributes::decode(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bits: u32, ticks in 1..=FileTime::MAX.ticks()) {
            for created in [None, Some(FileTime::from_ticks(ticks))] {
                let attributes = DosAttributes { bits, created };
                prop_assert_eq!(DosAttributes::decode(&attributes.encode()), Some(attributes));
            }
        }

        #[test]
        fn any_value_is_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..60), text in "0x[0-9a-f]{0,9}\0") {
            let _ = DosAttributes::decode(&value);
            let _ = DosAttributes::decode(&[text.as_bytes(), &value].concat());
        }
    }
}
