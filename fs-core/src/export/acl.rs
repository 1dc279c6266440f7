//! POSIX ACLs: from the bytes of Linux's extended attribute to the text of acl(5).

use std::fmt::Write;

use crate::format::acl::{Acl, Tag};

/// Formats an ACL as `user::rw-,user:1000:r--,…`; `None` if the bytes are not a valid ACL.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    for (tag, permissions) in Acl::decode(bytes)?.entries() {
        let (word, id) = match tag {
            Tag::UserObj => ("user", None),
            Tag::User(id) => ("user", Some(id)),
            Tag::GroupObj => ("group", None),
            Tag::Group(id) => ("group", Some(id)),
            Tag::Mask => ("mask", None),
            Tag::Other => ("other", None),
        };
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(word);
        text.push(':');
        if let Some(id) = id {
            let _ = write!(text, "{id}");
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

    const USER_OBJ: u16 = 0x01;
    const USER: u16 = 0x02;
    const GROUP_OBJ: u16 = 0x04;
    const MASK: u16 = 0x10;
    const OTHER: u16 = 0x20;

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
