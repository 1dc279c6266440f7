//! Prints how much differs: one line for each file, and a total.

use anyhow::Result;

use super::lines::{Lines, Text};
use super::names::{print_json, shown};
use super::{Change, Item, Printer};
use crate::colour::Colour;
use crate::output::Output;
use crate::text::{count, size};

#[derive(Default)]
pub(super) struct Stat {
    added: u64,
    deleted: u64,
    modified: u64,
    not_read: u64,
    excluded: u64,
    lines: (u64, u64),
}

impl Printer for Stat {
    fn print(&mut self, output: &mut Output, item: &Item<'_>) -> Result<()> {
        let change = item.change();
        let total = match change {
            Change::Added => &mut self.added,
            Change::Deleted => &mut self.deleted,
            Change::Modified | Change::Retyped | Change::Attributes => &mut self.modified,
            Change::NotRead | Change::PerhapsNotRead => &mut self.not_read,
            Change::Excluded => &mut self.excluded,
        };
        *total += 1;
        let lines = match change {
            Change::Attributes | Change::NotRead | Change::PerhapsNotRead | Change::Excluded => None,
            _ => lines(item)?,
        };
        let (new, old) = lines.unwrap_or_default();
        self.lines = (self.lines.0.saturating_add(new), self.lines.1.saturating_add(old));
        if output.is_json() {
            return print_json(output, item, lines);
        }
        let what = match lines {
            Some((new, old)) => format!("{:>9} {:>9}", format!("+{new}"), format!("-{old}")),
            None => format!("{:>19}", bytes(item)),
        };
        let (letter, _, colour) = change.shown();
        let start = output.colours().paint(colour, format!("{letter} {what}  ").as_bytes());
        output.bytes(&start)?;
        output.bytes(&shown(output, item))?;
        Ok(output.bytes(b"\n")?)
    }

    fn finish(&mut self, output: &mut Output) -> Result<()> {
        let Self { added, deleted, modified, not_read, excluded, lines: (new, old) } = self;
        if output.is_json() || [*added, *deleted, *modified, *not_read, *excluded] == [0; 5] {
            return Ok(());
        }
        let unknown =
            |number: u64, word| if number > 0 { format!(", {number} {word}") } else { String::new() };
        let not_read = unknown(*not_read, "not read") + &unknown(*excluded, "excluded");
        let total = format!(
            "{added} added, {deleted} deleted, {modified} modified{not_read}; {} of text added, {} deleted",
            count(*new, "line"),
            count(*old, "line"),
        );
        Ok(output.coloured(Colour::Bold, total.as_bytes())?)
    }
}

/// The numbers of lines added and removed, if the file is text.
fn lines(item: &Item<'_>) -> Result<Option<(u64, u64)>> {
    if item.is_directory() {
        return Ok(None);
    }
    match (Text::of(item, item.before)?, Text::of(item, item.after)?) {
        (Text::Lines(before), Text::Lines(after)) => Ok(Some(Lines::compare(&before, &after).counts())),
        _ => Ok(None),
    }
}

/// The sizes of an entry without lines, or the names of its changed attributes.
fn bytes(item: &Item<'_>) -> String {
    let of = |node| item.view.attr(node).size;
    match (item.before.map(of), item.after.map(of)) {
        _ if item.is_directory() || !item.reading.is_certain() => String::new(),
        _ if item.change() == Change::Attributes => {
            item.aspects.iter().map(fs_core::view::Aspect::name).collect::<Vec<_>>().join(",")
        }
        (None, Some(after)) => format!("+{}", size(after)),
        (Some(before), None) => format!("-{}", size(before)),
        (Some(before), Some(after)) => format!("{} > {}", size(before), size(after)),
        (None, None) => String::new(),
    }
}
