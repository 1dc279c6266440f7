//! Files that hold more than one idea.

use syn::spanned::Spanned;

use super::Violation;
use super::read::{Source, is_test_only, item_attrs};

pub(super) const MOST_LINES: usize = 600;

pub(super) fn check_size(source: &Source) -> Option<Violation> {
    if source.test {
        return None;
    }
    let in_tests: usize = source
        .syntax
        .items
        .iter()
        .filter(|item| is_test_only(item_attrs(item)))
        .map(|item| item.span().end().line - item.span().start().line + 1)
        .sum();
    let lines = source.text.lines().count() - in_tests;
    (lines > MOST_LINES).then(|| Violation {
        file: source.name.clone(),
        line: MOST_LINES,
        what: format!("{lines} lines without tests: more than {MOST_LINES}, so it holds more than one idea"),
    })
}
