//! Prints one line for each path, or with `--json` one object.

use anyhow::Result;
use fs_core::view::{Aspect, FileKind, Node};

use super::{Change, Item, Printer};
use crate::colour::{Colour, Colours};
use crate::json;
use crate::output::Output;
use crate::text::printable;

pub(super) struct Names {
    pub(super) colours: Colours,
}

impl Change {
    /// The letter at the start of a line.
    pub(super) fn letter(self) -> char {
        match self {
            Change::Added => '+',
            Change::Deleted => '-',
            Change::NotRead | Change::PerhapsNotRead => '?',
            Change::Modified => 'M',
            Change::Retyped => 'T',
            Change::Attributes => 'm',
        }
    }

    fn word(self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Deleted => "deleted",
            Change::NotRead => "not read",
            Change::PerhapsNotRead => "perhaps not read",
            Change::Modified | Change::Retyped | Change::Attributes => "modified",
        }
    }
}

impl From<Change> for Colour {
    fn from(change: Change) -> Self {
        match change {
            Change::Added => Colour::Green,
            Change::Deleted => Colour::Red,
            Change::Modified
            | Change::Retyped
            | Change::Attributes
            | Change::NotRead
            | Change::PerhapsNotRead => Colour::Yellow,
        }
    }
}

impl Printer for Names {
    fn print(&mut self, output: &mut Output, item: &Item<'_>) -> Result<()> {
        if output.is_json() {
            return print_json(output, item, None);
        }
        let change = item.change();
        let mut line = vec![change.letter() as u8, b' '];
        line.extend(shown(output, item));
        output.bytes(&self.colours.paint(change.into(), &line))?;
        Ok(output.bytes(b"\n")?)
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
        path: json::Text("path", item.path),
        change: item.change().word(),
        differs: item.aspects.iter().map(Aspect::name).collect(),
        before: item.before.map(|node| entry(item, node)).transpose()?,
        after: item.after.map(|node| entry(item, node)).transpose()?,
        lines_added,
        lines_deleted,
    })?)
}

fn entry<'a>(item: &Item<'_>, node: &'a Node) -> Result<json::Entry<'a>> {
    let attr = item.view.attr(node);
    let target = match attr.kind {
        FileKind::Symlink => Some(item.view.read_link(node).map_err(|reason| item.failed(reason))?),
        _ => None,
    };
    Ok(json::Entry::of_node(&attr, target))
}
