//! Prints one line for each path, or with `--json` one object.

use anyhow::Result;
use fs_core::view::{Aspect, FileKind, Node};

use super::{Change, Item, Printer};
use crate::colour::Colour;
use crate::json;
use crate::output::Output;
use crate::text::printable;

pub(super) struct Names;

impl Change {
    /// The letter at the start of a line, the word in JSON, and the colour.
    pub(super) fn shown(self) -> (char, &'static str, Colour) {
        match self {
            Change::Added => ('+', "added", Colour::Green),
            Change::Deleted => ('-', "deleted", Colour::Red),
            Change::NotRead => ('?', "not read", Colour::Yellow),
            Change::PerhapsNotRead => ('?', "perhaps not read", Colour::Yellow),
            Change::Excluded => ('?', "excluded", Colour::Yellow),
            Change::Modified => ('M', "modified", Colour::Yellow),
            Change::Retyped => ('T', "modified", Colour::Yellow),
            Change::Attributes => ('m', "modified", Colour::Yellow),
        }
    }
}

impl Printer for Names {
    fn print(&mut self, output: &mut Output, item: &Item<'_>) -> Result<()> {
        if output.is_json() {
            return print_json(output, item, None);
        }
        let (letter, _, colour) = item.change().shown();
        let mut line = vec![letter as u8, b' '];
        line.extend(shown(output, item));
        Ok(output.coloured(colour, &line)?)
    }
}

/// A path as it is, or escaped for a terminal. A folder's path ends with a slash.
pub(super) fn shown(output: &Output, item: &Item<'_>) -> Vec<u8> {
    let mut path = item.path.to_vec();
    if item.is_directory() {
        path.push(b'/');
    }
    if output.is_terminal() { printable(&path).into_owned().into_bytes() } else { path }
}

/// The JSON object of a difference. `lines` are the numbers of lines added and removed, if known.
pub(super) fn print_json(output: &mut Output, item: &Item<'_>, lines: Option<(u64, u64)>) -> Result<()> {
    let (lines_added, lines_deleted) = lines.unzip();
    Ok(output.json(&json::Difference {
        path: json::Object::default().text("path", item.path),
        change: item.change().shown().1,
        differs: item.aspects.iter().map(Aspect::name).collect(),
        before: item.before.map(|node| entry(item, node)).transpose()?,
        after: item.after.map(|node| entry(item, node)).transpose()?,
        lines_added,
        lines_deleted,
    })?)
}

fn entry(item: &Item<'_>, node: &Node) -> Result<json::Object> {
    let attr = item.view.recorded_attr(node);
    let target = match attr.kind {
        FileKind::Symlink if item.view.not_read(node).is_none() => {
            Some(item.view.read_link(node).map_err(|reason| item.failed(reason))?)
        }
        _ => None,
    };
    Ok(json::node(&attr, target, item.view.gaps(node)))
}
