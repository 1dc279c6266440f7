use crate::format::Entry;

/// An aspect in which two entries can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// The type, for example if a file became a symbolic link.
    Kind,
    /// A file's bytes or holes, a symbolic link's target, a device's number.
    Content,
    /// The permissions.
    Mode,
    /// Owner or group.
    Owner,
    /// Time of the last modification.
    Time,
    /// The extended attributes, including ACLs.
    Xattrs,
    /// Whether the file kept changing while it was read.
    Settled,
}

/// A set of aspects in which two entries differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Aspects(u8);

impl Aspect {
    /// All aspects and the words for them, in the order of their declaration.
    const ALL: [(Aspect, &str); 7] = [
        (Aspect::Kind, "type"),
        (Aspect::Content, "content"),
        (Aspect::Mode, "mode"),
        (Aspect::Owner, "owner"),
        (Aspect::Time, "time"),
        (Aspect::Xattrs, "xattrs"),
        (Aspect::Settled, "settled"),
    ];

    /// The word for the aspect.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl Aspects {
    /// Compares what a view shows of two entries. The content of two directories is left out.
    pub(super) fn of(before: &Entry, after: &Entry) -> Self {
        let both_directories = before.is_directory() && after.is_directory();
        let mut aspects = Self::between_versions(before, after);
        aspects.set(Aspect::Settled, false);
        aspects.set(Aspect::Content, aspects.contains(Aspect::Content) && !both_directories);
        aspects
    }

    /// Compares everything that two entries record. A difference makes them two versions. Any change below a
    /// directory changes its content.
    pub fn between_versions(before: &Entry, after: &Entry) -> Self {
        let (old, new) = (&before.attributes, &after.attributes);
        let kind = std::mem::discriminant(&before.kind) != std::mem::discriminant(&after.kind);
        let mut aspects = Self::default();
        aspects.set(Aspect::Kind, kind);
        aspects.set(Aspect::Content, !kind && before.kind != after.kind);
        aspects.set(Aspect::Mode, old.mode != new.mode);
        aspects.set(Aspect::Owner, (old.uid, old.gid) != (new.uid, new.gid));
        aspects.set(Aspect::Time, old.mtime != new.mtime);
        // Attributes that could not be read may be equal.
        let all_read = !before.gaps.xattrs && !after.gaps.xattrs;
        aspects.set(Aspect::Xattrs, all_read && before.xattrs != after.xattrs);
        aspects.set(Aspect::Settled, before.changed_while_read != after.changed_while_read);
        aspects
    }

    fn set(&mut self, aspect: Aspect, differs: bool) {
        let bit = 1 << aspect as u8;
        self.0 = if differs { self.0 | bit } else { self.0 & !bit };
    }

    /// The same, but whether the entries differ in `aspect` is left out.
    #[must_use]
    pub fn without(mut self, aspect: Aspect) -> Self {
        self.set(aspect, false);
        self
    }

    /// Whether the entries differ in `aspect`.
    pub fn contains(self, aspect: Aspect) -> bool {
        self.0 & 1 << aspect as u8 != 0
    }

    /// Whether the entries differ in nothing.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Iterates over the aspects in which the entries differ.
    pub fn iter(self) -> impl Iterator<Item = Aspect> {
        Aspect::ALL.into_iter().map(|(aspect, _)| aspect).filter(move |aspect| self.contains(*aspect))
    }
}
