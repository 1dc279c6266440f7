//! Prints a patch that `git apply` and `patch -p1` accept.

use std::fmt::Write as _;

use anyhow::Result;
use fs_core::view::{FileKind, Node};
use similar::ChangeTag;

use super::lines::{Lines, Text};
use super::{Change, Item, Printer};
use crate::colour::Colour;
use crate::output::Output;
use crate::text::printable;

pub(super) struct Patch;

impl Printer for Patch {
    fn print(&mut self, output: &mut Output, item: &Item<'_>) -> Result<()> {
        if matches!(item.change(), Change::NotRead | Change::PerhapsNotRead | Change::Excluded) {
            // A patch would delete or add the path, which may exist.
            if !item.is_directory() && !differs_in_xattrs(item) {
                let path = printable(item.path);
                let why = match item.change() {
                    Change::Excluded => "it was excluded from one of the snapshots",
                    _ => "the import of one of the snapshots could not read it",
                };
                log::warn!("{path}: left out of the patch: {why}");
            }
            return Ok(());
        }
        if item.change() == Change::Retyped {
            // A patch can express a changed type only as a deletion and an addition.
            part(output, &Item { after: None, ..*item })?;
            return part(output, &Item { before: None, ..*item });
        }
        part(output, item)
    }
}

/// Whether only extended attributes may differ, which no patch has.
fn differs_in_xattrs(item: &Item<'_>) -> bool {
    let both = item.before.zip(item.after);
    both.is_some_and(|(old, new)| item.view.not_read(old).or(item.view.not_read(new)).is_none())
}

fn part(output: &mut Output, item: &Item<'_>) -> Result<()> {
    if item.is_directory() {
        return Ok(());
    }
    let (before, after) = (Text::of(item, item.before)?, Text::of(item, item.after)?);
    if matches!((&before, &after), (Text::NotRead, _) | (_, Text::NotRead)) {
        log::warn!("{}: left out of the patch: an import could not read it", printable(item.path));
        return Ok(());
    }
    let (old_mode, new_mode) =
        (item.before.map(|node| mode(item, node)), item.after.map(|node| mode(item, node)));
    if item.change() == Change::Attributes && old_mode == new_mode {
        return Ok(());
    }
    let (a, b) = (quoted(b"a/", item.path), quoted(b"b/", item.path));
    output.coloured(Colour::Bold, &[b"diff --git ", &a[..], b" ", &b].concat())?;
    let modes = match (old_mode, new_mode) {
        (None, Some(new)) => format!("new file mode {new}"),
        (Some(old), None) => format!("deleted file mode {old}"),
        (Some(old), Some(new)) if old != new => format!("old mode {old}\nnew mode {new}"),
        _ => String::new(),
    };
    for line in modes.lines() {
        output.coloured(Colour::Bold, line.as_bytes())?;
    }
    if item.change() == Change::Attributes {
        return Ok(());
    }
    let from = if item.before.is_some() { a } else { b"/dev/null".to_vec() };
    let to = if item.after.is_some() { b } else { b"/dev/null".to_vec() };
    if let (Text::Lines(before), Text::Lines(after)) = (&before, &after) {
        return hunks(output, &from, &to, before, after);
    }
    let what = match (&before, &after) {
        (Text::Special, _) | (_, Text::Special) => "Special",
        (Text::Large, _) | (_, Text::Large) => "Large",
        _ => "Binary",
    };
    let line = [what.as_bytes(), b" files ", &from, b" and ", &to, b" differ\n"].concat();
    Ok(output.bytes(&line)?)
}

fn hunks(output: &mut Output, from: &[u8], to: &[u8], before: &[u8], after: &[u8]) -> Result<()> {
    // A tab must follow a name with a space; otherwise the name ends at the space.
    let tab = |name: &[u8]| if name.contains(&b' ') { &b"\t"[..] } else { b"" };
    let header = [[b"--- ", from, tab(from)].concat(), [b"+++ ", to, tab(to)].concat()];
    let mut begun = false;
    Lines::compare(before, after).hunks(|hunk| {
        if !begun {
            header.iter().try_for_each(|line| output.coloured(Colour::Bold, line))?;
            begun = true;
        }
        output.coloured(Colour::Cyan, hunk.header().as_bytes())?;
        for (tag, line) in hunk.lines() {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let (sign, colour) = match tag {
                ChangeTag::Equal => (b' ', None),
                ChangeTag::Delete => (b'-', Some(Colour::Red)),
                ChangeTag::Insert => (b'+', Some(Colour::Green)),
            };
            let whole = [&[sign], text].concat();
            match colour {
                Some(colour) => output.coloured(colour, &whole)?,
                None => output.bytes(&[&whole[..], b"\n"].concat())?,
            }
            if text.len() == line.len() {
                output.bytes(b"\\ No newline at end of file\n")?;
            }
        }
        Ok(())
    })
}

/// The mode as git knows it.
fn mode(item: &Item<'_>, node: &Node) -> &'static str {
    let attr = item.view.attr(node);
    match attr.kind {
        FileKind::Symlink => "120000",
        _ if attr.mode & 0o100 != 0 => "100755",
        _ => "100644",
    }
}

/// A name as git writes it: quoted, with special bytes in octal.
fn quoted(side: &[u8], path: &[u8]) -> Vec<u8> {
    let name = [side, path].concat();
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if name.iter().all(plain) {
        return name;
    }
    let mut quoted = String::from("\"");
    for byte in name {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => {
                let _ = write!(quoted, "\\{byte:03o}");
            }
        }
    }
    quoted.push('"');
    quoted.into_bytes()
}
