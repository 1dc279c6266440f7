//! POSIX ACLs: from the bytes of Linux's extended attribute (`linux/posix_acl_xattr.h`) to the text of acl(5).

use std::fmt::Write;

const VERSION: u32 = 2;

const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// `user::rw-,user:1000:r--,…`; `None` when the bytes are no list.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let (version, entries) = bytes.split_first_chunk()?;
    let (entries, rest) = entries.as_chunks::<8>();
    if u32::from_le_bytes(*version) != VERSION || !rest.is_empty() || entries.is_empty() {
        return None;
    }
    let mut text = String::new();
    for [a, b, c, d, id @ ..] in entries {
        let (tag, permissions) = (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
        let word = match tag {
            USER_OBJ | USER => "user",
            GROUP_OBJ | GROUP => "group",
            MASK => "mask",
            OTHER => "other",
            _ => return None,
        };
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(word);
        text.push(':');
        if matches!(tag, USER | GROUP) {
            let _ = write!(text, "{}", u32::from_le_bytes(*id));
        }
        text.push(':');
        for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
            text.push(if permissions & bit != 0 { letter } else { '-' });
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_text() {
        let entry = |tag: u16, permissions: u16, id: u32| {
            [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        let list = [
            2u32.to_le_bytes().to_vec(),
            entry(USER_OBJ, 6, u32::MAX),
            entry(USER, 4, 1000),
            entry(GROUP_OBJ, 5, u32::MAX),
            entry(MASK, 7, u32::MAX),
            entry(OTHER, 0, u32::MAX),
        ]
        .concat();
        assert_eq!(text(&list).as_deref(), Some("user::rw-,user:1000:r--,group::r-x,mask::rwx,other::---"));
        for wrong in [&list[..list.len() - 1], &list[1..], b"", &[2, 0, 0, 0]] {
            assert_eq!(text(wrong), None);
        }
    }
}
