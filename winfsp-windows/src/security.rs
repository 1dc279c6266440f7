//! Read access, as a security descriptor ([MS-DTYP] 2.4.6, self-relative).
//!
//! Without `allow_other` a drive is for the user who mounts it, like a FUSE mount. Administrators and the
//! system have access too, because they can read the repository anyway. With `allow_other` everybody may read
//! what the modes let everybody read. The modes of the file and of all folders above it count: Windows does
//! not check those folders by itself.
//!
//! Nobody may write. The owner is the group of administrators, because the owners in a snapshot are no
//! accounts of this machine.

/// A security identifier in its binary form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sid(Vec<u8>);

/// `S-1-5-32-544`, the administrators
const ADMINISTRATORS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
/// `S-1-5-18`, the system
const SYSTEM: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
/// `S-1-1-0`, everybody
const EVERYONE: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
/// `FILE_GENERIC_READ | FILE_GENERIC_EXECUTE`
const READ: u32 = 0x0012_00a9;
/// Control flags: the list is present, inherits nothing, and all parts lie in one buffer.
const CONTROL: u16 = 0x0004 | 0x1000 | 0x8000;
const HEADER: usize = 20;

impl Sid {
    /// A security identifier from Windows; `None` if the bytes are not one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let whole = matches!(bytes, [1, parts @ 1..=15, ..] if bytes.len() == 8 + 4 * usize::from(*parts));
        whole.then(|| Self(bytes.to_vec()))
    }
}

/// The two descriptors of a drive.
#[derive(Debug, Clone)]
pub struct Security {
    for_user: Vec<u8>,
    for_all: Option<Vec<u8>>,
}

impl Security {
    /// The descriptors of a drive of `user`; `None` if the user is unknown.
    pub fn new(user: Option<&Sid>, allow_other: bool) -> Self {
        let mut readers = vec![SYSTEM, ADMINISTRATORS];
        readers.extend(user.map(|user| &*user.0));
        let for_user = descriptor(&readers);
        readers.push(EVERYONE);
        Self { for_user, for_all: allow_other.then(|| descriptor(&readers)) }
    }

    /// The descriptor of a file or folder. `modes` has the modes of all folders above it and then its own,
    /// each with whether it is a folder.
    pub fn of(&self, modes: impl Iterator<Item = (u16, bool)>) -> &[u8] {
        let is_open = |(mode, is_folder)| {
            let needed = if is_folder { 0o005 } else { 0o004 };
            mode & needed == needed
        };
        match &self.for_all {
            Some(for_all) if { modes }.all(is_open) => for_all,
            _ => &self.for_user,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an identifier has 68 bytes at most, and there are four")]
fn descriptor(readers: &[&[u8]]) -> Vec<u8> {
    let entries: Vec<u8> = readers
        .iter()
        .flat_map(|reader| {
            let size = 8 + reader.len() as u16;
            // ACCESS_ALLOWED_ACE_TYPE, without flags.
            [&[0, 0], &size.to_le_bytes()[..], &READ.to_le_bytes(), reader].concat()
        })
        .collect();
    let (size, count) = (8 + entries.len() as u16, readers.len() as u16);
    // ACL_REVISION
    let list = [&[2, 0], &size.to_le_bytes()[..], &count.to_le_bytes(), &[0, 0], &entries].concat();
    let offset = |at: usize| (at as u32).to_le_bytes();
    let group_at = HEADER + ADMINISTRATORS.len();
    [
        &[1, 0],
        &CONTROL.to_le_bytes()[..],
        &offset(HEADER),
        &offset(group_at),
        // There is no list for audits.
        &offset(0),
        &offset(group_at + ADMINISTRATORS.len()),
        ADMINISTRATORS,
        ADMINISTRATORS,
        &list,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_windows() {
        // O:BAG:BAD:P(A;;0x1200a9;;;SY)(A;;0x1200a9;;;BA)
        let security = Security::new(None, false);
        let administrators = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
        let mut expected = vec![1, 0, 4, 0x90, 20, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 52, 0, 0, 0];
        expected.extend(administrators);
        expected.extend(administrators);
        expected.extend([2, 0, 52, 0, 2, 0, 0, 0]);
        expected.extend([0, 0, 20, 0, 0xa9, 0, 0x12, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
        expected.extend([0, 0, 24, 0, 0xa9, 0, 0x12, 0]);
        expected.extend(administrators);
        assert_eq!(security.of([(0o777, true)].into_iter()), expected);
    }

    #[test]
    fn others_may_enter_as_modes_permit_if_allowed() {
        let user = Sid::from_bytes(&[1, 1, 0, 0, 0, 0, 0, 5, 9, 0, 0, 0]);
        let (own, shared) = (Security::new(user.as_ref(), false), Security::new(user.as_ref(), true));
        let modes = |file| [(0o755, true), (0o711, true), (file, false)].into_iter();
        assert_eq!(shared.of(modes(0o644)), &*shared.for_user);
        let below = |file| [(0o755, true), (0o705, true), (file, false)].into_iter();
        assert_eq!(Some(shared.of(below(0o604))), shared.for_all.as_deref());
        assert_eq!(shared.of(below(0o640)), &*shared.for_user);
        assert_eq!(own.of(below(0o604)), &*own.for_user);
        assert_ne!(own.for_user, Security::new(None, false).for_user);
    }

    #[test]
    fn only_whole_identifiers_are_taken() {
        assert_eq!(Sid::from_bytes(EVERYONE), Some(Sid(EVERYONE.to_vec())));
        for wrong in
            [&[][..], &[1], &[2, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], &[1, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]]
        {
            assert_eq!(Sid::from_bytes(wrong), None);
        }
    }
}
