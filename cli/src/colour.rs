//! Colours, used only on a terminal whose user has not disabled them (<https://no-color.org>).

use std::env;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Bold = 1,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
}

/// Whether output is coloured.
#[derive(Debug, Clone, Copy)]
pub struct Colours(bool);

impl Colours {
    /// Colours for a terminal, or for output that is not one.
    pub fn of_terminal(terminal: bool) -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        Self(terminal && !unwanted && !dumb)
    }

    /// Whether output is coloured.
    pub fn is_on(self) -> bool {
        self.0
    }

    /// Returns a word, in a colour if colours are on.
    pub fn word(self, colour: Colour, word: &str) -> String {
        if self.0 { format!("\x1b[{}m{word}\x1b[m", colour as u8) } else { word.to_owned() }
    }

    /// Returns a line, without its newline, in a colour if colours are on.
    pub fn paint(self, colour: Colour, line: &[u8]) -> Vec<u8> {
        if self.0 {
            [format!("\x1b[{}m", colour as u8).as_bytes(), line, b"\x1b[m"].concat()
        } else {
            line.to_vec()
        }
    }
}
