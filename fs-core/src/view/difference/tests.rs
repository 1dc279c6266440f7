use crate::view::Aspect;
use crate::view::fixtures::{FILES, view};
use crate::view::{Node, Scope, View};

fn snapshot(view: &View, time: &[u8], path: &[u8]) -> Node {
    view.walk(view.sources().get(b"source").unwrap(), time, path).unwrap()
}

/// Paths that differ, each with a letter.
fn lines(view: &View, before: Option<&Node>, after: Option<&Node>) -> Vec<String> {
    let mut lines = Vec::new();
    view.compare(before, after, &mut |difference| {
        let letter = match (difference.before, difference.after) {
            (None, _) => '+',
            (_, None) => '-',
            _ => 'M',
        };
        let aspects: Vec<_> = difference.aspects.iter().map(Aspect::name).collect();
        let path = String::from_utf8_lossy(difference.path);
        lines.push(format!("{letter} {path} {}", aspects.join(",")).trim_end().to_owned());
        true
    })
    .unwrap();
    lines
}

#[test]
fn only_differences_are_reported() {
    let (_folder, view) = view(&[(1, 8), (2, 9)], Scope::Repository);
    let (first, latest) = (snapshot(&view, b"@first", b""), snapshot(&view, b"@latest", b""));
    assert_eq!(lines(&view, Some(&first), Some(&latest)), ["M small/below owner"]);
    assert!(lines(&view, Some(&first), Some(&first)).is_empty());
    let (old, new) =
        (snapshot(&view, b"@first", b"small/below"), snapshot(&view, b"@latest", b"small/below"));
    assert_eq!(lines(&view, Some(&old), Some(&new)), ["M  owner"]);
}

#[test]
fn a_directory_on_one_side_is_reported_in_full() {
    let (_folder, view) = view(&[(1, 8)], Scope::Repository);
    let first = snapshot(&view, b"@first", b"");
    let added = lines(&view, None, Some(&first));
    assert_eq!(added.len(), 1 + 1 + FILES as usize + 1 + 2);
    assert_eq!(added[..3], ["+", "+ large", "+ large/00000"]);
    assert_eq!(added[added.len() - 3..], ["+ link", "+ small", "+ small/below"]);
    let small = snapshot(&view, b"@first", b"small");
    assert_eq!(lines(&view, Some(&small), None), ["-", "- below"]);
}

#[test]
fn a_folder_that_became_a_file_is_gone_and_the_file_is_new() {
    let (_folder, view) = view(&[(1, 8)], Scope::Repository);
    let (small, link) = (snapshot(&view, b"@first", b"small"), snapshot(&view, b"@first", b"link"));
    let below = snapshot(&view, b"@first", b"small/below");
    assert_eq!(lines(&view, Some(&small), Some(&link)), ["-", "+", "- below"]);
    assert_eq!(lines(&view, Some(&link), Some(&small)), ["-", "+", "+ below"]);
    assert_eq!(lines(&view, Some(&link), Some(&below)), ["M  type,owner"]);
}

#[test]
fn a_comparison_ends_when_its_receiver_returns_false() {
    let (_folder, view) = view(&[(1, 8)], Scope::Repository);
    let first = snapshot(&view, b"@first", b"");
    let mut told = 0;
    view.compare(Some(&first), None, &mut |_| {
        told += 1;
        told < 3
    })
    .unwrap();
    assert_eq!(told, 3);
}
