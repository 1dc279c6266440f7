//! Writes to stdout: text for people, or with `--json` one object a line.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::Arc;

use fs_core::clock::Clock;
use jiff::Timestamp;
use serde::Serialize;
use term_grid::{Direction, Filling, Grid, GridOptions};
use thiserror::Error;

use crate::args::Global;
use crate::colour::{Colour, Colours};
use crate::json;
use crate::stderr;
use crate::table::{self, Column};
use crate::text::{ago, printable};

/// A failed write to stdout.
#[derive(Debug, Error)]
#[error("cannot write the output: {0}")]
pub struct WriteError(#[from] io::Error);

impl WriteError {
    /// Whether the reader has closed the pipe, as in `yester ls @latest: | head`.
    pub fn is_closed_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

type Result = std::result::Result<(), WriteError>;

#[derive(Debug)]
pub struct Output {
    out: BufWriter<Stdout>,
    json: bool,
    quiet: bool,
    terminal: bool,
    colours: Colours,
    clock: Arc<dyn Clock>,
}

impl Output {
    pub fn new(global: &Global, clock: Arc<dyn Clock>) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self {
            out: BufWriter::with_capacity(1 << 16, stdout),
            json: global.json,
            quiet: global.quiet,
            terminal,
            colours: Colours::of_terminal(terminal),
            clock,
        }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether stdout is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The clock of this process.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The colours for stdout.
    pub fn colours(&self) -> Colours {
        self.colours
    }

    /// The age of a time, for a person. Empty unless stdout is a terminal: a program gets the time only.
    pub fn when(&self, time: Timestamp) -> String {
        if self.terminal { ago(time, self.clock.now()) } else { String::new() }
    }

    /// Writes bytes unchanged.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result {
        Ok(self.out.write_all(bytes)?)
    }

    /// The buffered writer, for large output.
    pub fn writer(&mut self) -> &mut impl Write {
        &mut self.out
    }

    pub fn line(&mut self, text: &str) -> Result {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Writes bytes as a line, in a colour if colours are on.
    pub fn coloured(&mut self, colour: Colour, line: &[u8]) -> Result {
        self.bytes(&self.colours.paint(colour, line))?;
        self.bytes(b"\n")
    }

    /// Writes a name as a line: its exact bytes, or escaped for a terminal.
    pub fn name(&mut self, name: &[u8]) -> Result {
        if self.terminal {
            return self.line(&printable(name));
        }
        self.bytes(name)?;
        self.bytes(b"\n")
    }

    /// Writes an object as a line.
    pub fn json(&mut self, object: &impl Serialize) -> Result {
        json::write(&mut self.out, object)?;
        self.bytes(b"\n")
    }

    /// Writes words in columns that fill the width of the terminal.
    pub fn columns(&mut self, cells: Vec<String>) -> Result {
        let (filling, direction) = (Filling::Spaces(2), Direction::TopToBottom);
        let options = GridOptions { filling, direction, width: width() };
        let grid = Grid::new(cells, options).to_string();
        if grid.is_empty() { Ok(()) } else { self.line(grid.trim_end_matches('\n')) }
    }

    /// Writes rows with aligned columns. On a terminal, only the columns that fit are written.
    pub fn table<const N: usize>(&mut self, columns: [Column; N], rows: &[[String; N]]) -> Result {
        let room = if self.terminal { width() } else { usize::MAX };
        table::lines(columns, rows, room).iter().try_for_each(|line| self.line(line))
    }

    /// Writes a line for a person. With `--json` or `--quiet` it is left out: a program reads the objects or
    /// the exit status.
    pub fn message(&mut self, text: &str) -> Result {
        if self.quiet || self.json { Ok(()) } else { self.line(text) }
    }

    /// Writes a note to stderr, unless `--quiet` was given.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            stderr::line(text);
        }
    }

    /// Flushes the buffer. Progress on the terminal is hidden meanwhile.
    pub fn flush(&mut self) -> Result {
        Ok(stderr::without_progress(|| self.out.flush())?)
    }
}

/// Width of the terminal, in columns.
pub fn width() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0))
}
