//! Colours, where a person looks on who does not mind them (<https://no-color.org>).

use std::env;

use super::Change;
use crate::output::Output;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Bold = 1,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
}

/// Whether there are any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colours(bool);

impl Colours {
    pub(super) fn of(output: &Output) -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        Self(output.is_terminal() && !unwanted && !dumb)
    }

    /// A line, without its end, in a colour.
    pub(super) fn paint(self, colour: Colour, line: &[u8]) -> Vec<u8> {
        if self.0 {
            [format!("\x1b[{}m", colour as u8).as_bytes(), line, b"\x1b[m"].concat()
        } else {
            line.to_vec()
        }
    }
}

impl From<Change> for Colour {
    fn from(change: Change) -> Self {
        match change {
            Change::Added => Colour::Green,
            Change::Deleted => Colour::Red,
            Change::Modified | Change::Retyped | Change::Attributes => Colour::Yellow,
        }
    }
}
