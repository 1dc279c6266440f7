//! What is known of the difference between two states of a path.

use crate::format::Entry;
use crate::history::Reading;
use crate::view::{Aspect, Aspects};

/// The aspects in which two entries certainly differ, and whether the imports could read what matters. `None`
/// if nothing is known to differ. Both are directories, or neither is.
pub(super) fn known_difference(before: &Entry, after: &Entry) -> Option<(Aspects, Reading)> {
    let aspects = Aspects::of(before, after);
    if aspects.is_empty() {
        return may_differ_in_xattrs(before, after).then_some((aspects, Reading::NotRead));
    }
    let lacks_content = |entry: &Entry| !entry.is_directory() && entry.not_read().is_some();
    if lacks_content(before) || lacks_content(after) {
        return Some((aspects.without(Aspect::Content), Reading::NotRead));
    }
    Some((aspects, Reading::Read))
}

/// Whether the entries may differ in extended attributes that only one import could read. If both lack some,
/// as of a file that stays unreadable, and have the same others, nothing suggests a difference.
fn may_differ_in_xattrs(before: &Entry, after: &Entry) -> bool {
    before.gaps.xattrs != after.gaps.xattrs || (before.gaps.xattrs && before.xattrs != after.xattrs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Content, Gaps, Kind, NotRead};
    use crate::testing::samples;

    fn file(content: Content, gaps: Gaps) -> Entry {
        Entry { gaps, ..samples::entry(Kind::File { size: 0, holes: 0, content }) }
    }

    fn words(before: &Entry, after: &Entry) -> Option<(Vec<&'static str>, Reading)> {
        let (aspects, reading) = known_difference(before, after)?;
        Some((aspects.iter().map(Aspect::name).collect(), reading))
    }

    #[test]
    fn a_content_that_was_not_read_is_not_known_to_differ() {
        let read = file(Content::empty(), Gaps::default());
        let gaps = Gaps { content: Some(NotRead::new("refused", None)), ..Gaps::default() };
        let mut hidden = file(Content::NotRead, gaps);
        assert_eq!(words(&hidden, &hidden), None);
        assert_eq!(words(&read, &hidden), Some((vec![], Reading::NotRead)));
        hidden.attributes.mode = 0;
        assert_eq!(words(&read, &hidden), Some((vec!["mode"], Reading::NotRead)));
        assert_eq!(words(&hidden, &read), Some((vec!["mode"], Reading::NotRead)));
    }

    #[test]
    fn attributes_that_one_side_could_not_read_may_differ() {
        let read = file(Content::empty(), Gaps::default());
        let mut bare = file(Content::empty(), Gaps { xattrs: true, ..Gaps::default() });
        assert_eq!(words(&bare, &bare), None);
        for (before, after) in [(&read, &bare), (&bare, &read)] {
            assert_eq!(words(before, after), Some((vec![], Reading::NotRead)));
        }
        bare.attributes.uid = 7;
        assert_eq!(words(&read, &bare), Some((vec!["owner"], Reading::Read)));
    }
}
