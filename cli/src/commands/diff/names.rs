//! Prints one line for each path, or with `--json` one object.

use anyhow::Result;
use fs_core::view::{Aspect, Attr, FileKind, Node};
use serde::Serialize;

use super::{Change, Item, Teller};
use crate::colour::{Colour, Colours};
use crate::output::Output;
use crate::text::{self, for_json, printable};

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

impl Teller for Names {
    fn tell(&mut self, output: &mut Output, item: &Item<'_>) -> Result<()> {
        if output.is_json() {
            return Ok(output.json(&Described::of(item)?)?);
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

/// A difference in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    change: &'static str,
    /// The aspects that differ, if both sides exist.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Version>,
    /// Number of lines of text added. The next field counts the removed ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lines_added: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lines_deleted: Option<u64>,
}

/// One side of a difference.
#[derive(Debug, Serialize)]
struct Version {
    r#type: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

impl Described {
    pub(super) fn of(item: &Item<'_>) -> Result<Self> {
        let (path, path_bytes) = for_json(item.path);
        let version = |node: Option<&Node>| node.map(|node| Version::of(item, node)).transpose();
        Ok(Self {
            path: path.into_owned(),
            path_bytes,
            change: item.change().word(),
            differs: item.aspects.iter().map(Aspect::name).collect(),
            before: version(item.before)?,
            after: version(item.after)?,
            lines_added: None,
            lines_deleted: None,
        })
    }
}

impl Version {
    fn of(item: &Item<'_>, node: &Node) -> Result<Self> {
        let attr: Attr = item.view.attr(node);
        let target = match attr.kind {
            FileKind::Symlink => Some(item.view.read_link(node).map_err(|reason| item.failed(reason))?),
            _ => None,
        };
        Ok(Self {
            r#type: text::kind(attr.kind),
            mode: format!("{:04o}", attr.mode),
            uid: attr.uid,
            gid: attr.gid,
            size: attr.size,
            mtime: attr.mtime.timestamp().to_string(),
            target: target.map(|target| for_json(target).0.into_owned()),
        })
    }
}
