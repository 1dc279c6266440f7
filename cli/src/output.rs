//! What goes to stdout: for people, or with `--json` one object a line. Coloured only by `diff`.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;
use term_grid::{Direction, Filling, Grid, GridOptions};
use thiserror::Error;
use unicode_width::UnicodeWidthStr;

use crate::args::Global;
use crate::stderr;
use crate::text::printable;

/// Stdout does not take it.
#[derive(Debug, Error)]
#[error("cannot write the output: {0}")]
pub struct WriteError(#[from] io::Error);

impl WriteError {
    /// Whether the reader has seen enough, as in `yester ls @latest: | head`.
    pub fn is_closed_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

type Result = std::result::Result<(), WriteError>;

/// Where a table's column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Stdout.
#[derive(Debug)]
pub struct Output {
    out: BufWriter<Stdout>,
    json: bool,
    quiet: bool,
    terminal: bool,
}

impl Output {
    pub fn new(global: &Global) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self {
            out: BufWriter::with_capacity(1 << 16, stdout),
            json: global.json,
            quiet: global.quiet,
            terminal,
        }
    }

    /// Whether `--json` was given.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether `--quiet` was given.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether a person looks on.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result {
        Ok(self.out.write_all(bytes)?)
    }

    /// For who writes much.
    pub fn writer(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// Writes a line.
    pub fn line(&mut self, text: &str) -> Result {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Writes a name on a line: its very bytes, or what a terminal can show of them.
    pub fn name(&mut self, name: &[u8]) -> Result {
        if self.terminal {
            return self.line(&printable(name));
        }
        self.bytes(name)?;
        self.bytes(b"\n")
    }

    /// Writes an object on a line.
    pub fn json(&mut self, object: &impl Serialize) -> Result {
        serde_json::to_writer(&mut self.out, object).map_err(io::Error::from)?;
        self.bytes(b"\n")
    }

    /// Writes names side by side, as many as the terminal is wide.
    pub fn columns(&mut self, names: &[Vec<u8>]) -> Result {
        let cells: Vec<_> = names.iter().map(|name| printable(name)).collect();
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        let options = GridOptions { filling: Filling::Spaces(2), direction: Direction::TopToBottom, width };
        let grid = Grid::new(cells, options).to_string();
        if grid.is_empty() { Ok(()) } else { self.line(grid.trim_end_matches('\n')) }
    }

    /// Writes rows with their columns in line.
    pub fn table<const N: usize>(&mut self, aligned: [Align; N], rows: &[[String; N]]) -> Result {
        let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
        let widths: [usize; N] = std::array::from_fn(width);
        for row in rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let padding = " ".repeat(widths[column] - cell.width());
                match aligned[column] {
                    Align::Left => line.extend([cell.as_str(), &padding]),
                    Align::Right => line.extend([padding.as_str(), cell]),
                }
                line.push_str("  ");
            }
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// Tells a person what was done; a program asks for JSON, or looks at the exit status.
    pub fn tell(&mut self, text: &str) -> Result {
        if self.quiet || self.json { Ok(()) } else { self.line(text) }
    }

    /// Says on stderr what goes on.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            stderr::line(text);
        }
    }

    /// Lets everything out, around the progress that may be shown.
    pub fn flush(&mut self) -> Result {
        Ok(stderr::beside(|| self.out.flush())?)
    }
}
