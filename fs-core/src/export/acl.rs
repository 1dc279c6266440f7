//! POSIX ACLs: from the bytes of Linux's extended attribute to the text of acl(5).

use crate::format::acl::{Acl, Tag};

/// Formats an ACL as `user::rw-,user:1000:r--,…`; `None` if the bytes are not a valid ACL.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let entry = |(tag, permissions): (Tag, u16)| {
        let whose = match tag {
            Tag::UserObj => "user:".to_owned(),
            Tag::User(id) => format!("user:{id}"),
            Tag::GroupObj => "group:".to_owned(),
            Tag::Group(id) => format!("group:{id}"),
            Tag::Mask => "mask:".to_owned(),
            Tag::Other => "other:".to_owned(),
        };
        let letter = |bit, letter| if permissions & bit == 0 { '-' } else { letter };
        format!("{whose}:{}{}{}", letter(4, 'r'), letter(2, 'w'), letter(1, 'x'))
    };
    Some(Acl::decode(bytes)?.entries().map(entry).collect::<Vec<_>>().join(","))
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
