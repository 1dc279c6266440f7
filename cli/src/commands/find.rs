use std::ffi::OsStr;

use anyhow::{Context as _, Result};
use fs_core::history::{Reading, Source};
use fs_core::view::FileKind;
use fs_core::view::versions::{Hit, Query};
use globset::{GlobBuilder, GlobMatcher};

use super::{Context, after_in_each};
use crate::args::FindArgs;
use crate::colour::Colour;
use crate::json;
use crate::output::{self, Output, WriteError};
use crate::progress::Bar;
use crate::snapshot_path::expression;
use crate::text::{count, printable, size};

pub fn run(context: &mut Context, args: &FindArgs) -> Result<()> {
    let pattern = Pattern::new(&args.pattern)?;
    let history = context.history()?;
    let sources = history.sources(args.source.as_ref().map(|name| name.as_encoded_bytes()))?;
    let since = match &args.since {
        Some(time) => after_in_each(&history, &sources, &expression(time))?,
        None => vec![Some(0); sources.len()],
    };
    for (source, since) in sources.iter().zip(since) {
        let Some(since) = since else { continue };
        let matches = |path: &[u8], name: &[u8]| pattern.matches(path, name);
        let query = Query { matches: &matches, deleted: args.deleted, since, larger: args.larger };
        let output = &mut context.output;
        let lines = Lines { source, named: sources.len() > 1, columns: columns(output) };
        // Lines printed to a terminal at once show the progress already.
        let bar = (!output.is_terminal()).then(|| Bar::new(output, "searching the snapshots"));
        let mut failed = None;
        history.search(source, &query, &mut |hit| {
            failed = lines.print(output, &hit).err();
            failed.is_none()
        })?;
        drop(bar);
        failed.map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// A pattern for names, or for whole paths.
struct Pattern {
    glob: GlobMatcher,
    of_path: bool,
}

impl Pattern {
    fn new(pattern: &OsStr) -> Result<Self> {
        let text =
            pattern.to_str().context("the pattern is not UTF-8; write ? for each character that is not")?;
        let glob = GlobBuilder::new(text.trim_start_matches('/')).literal_separator(true).build();
        let glob = glob.with_context(|| format!("the pattern {text} is not valid"))?;
        Ok(Self { glob: glob.compile_matcher(), of_path: text.contains('/') })
    }

    fn matches(&self, path: &[u8], name: &[u8]) -> bool {
        if !self.of_path || path.is_empty() {
            return self.glob.is_match(file_name(name));
        }
        self.glob.is_match(file_name(&[path, b"/", name].concat()))
    }
}

#[cfg(unix)]
fn file_name(name: &[u8]) -> &std::path::Path {
    std::path::Path::new(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name))
}

#[cfg(not(unix))]
fn file_name(name: &[u8]) -> std::path::PathBuf {
    String::from_utf8_lossy(name).into_owned().into()
}

/// A source with the format of the lines for the paths found in it.
struct Lines<'a> {
    source: &'a Source,
    /// Whether the output names the source.
    named: bool,
    /// Number of columns before a path.
    columns: usize,
}

impl Lines<'_> {
    fn print(&self, output: &mut Output, hit: &Hit) -> Result<(), WriteError> {
        let timeline = &self.source.timeline;
        let name = |at| timeline.name(at).unwrap_or_default();
        let is_deleted = hit.missing.is_some_and(Reading::is_certain);
        let missing = hit.missing.map(Reading::of_missing);
        if output.is_json() {
            return output.json(&json::found(self.source, hit));
        }
        let length = if hit.kind == FileKind::Directory { "-".to_owned() } else { size(hit.size) };
        let colours = output.colours();
        let columns = [
            (name(hit.first).to_owned(), 3),
            (format!("{length:>10}"), 2),
            (format!("{:>12}", count(hit.versions as u64, "version")), 1),
            (
                match missing {
                    Some(word) if is_deleted => colours.word(Colour::Red, word),
                    Some(word) => colours.word(Colour::Yellow, word),
                    None if hit.not_read => colours.word(Colour::Yellow, Reading::NotRead.of_missing()),
                    None => " ".repeat(7),
                },
                0,
            ),
        ];
        for (column, _) in columns.iter().filter(|(_, rank)| *rank < self.columns) {
            output.bytes(column.as_bytes())?;
            output.bytes(b"  ")?;
        }
        let source: &[u8] = if self.named { &self.source.name } else { b"" };
        // There it can be read, if anywhere.
        let last = hit.last_read.unwrap_or(hit.last);
        let path = [source, name(last).as_bytes(), b":", &hit.path].concat();
        if output.is_terminal() { output.line(&printable(&path)) } else { output.name(&path) }
    }
}

/// Number of columns before a path. On a terminal they take at most half of its width.
fn columns(output: &Output) -> usize {
    match output::width() / 2 {
        _ if !output.is_terminal() => 4,
        58.. => 4,
        35.. => 3,
        23.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_of_names_or_of_paths() {
        let matches = |pattern: &str, path: &str, name: &str| {
            Pattern::new(OsStr::new(pattern)).unwrap().matches(path.as_bytes(), name.as_bytes())
        };
        assert!(matches("*.tex", "a/b", "x.tex") && !matches("*.tex", "a.tex", "x"));
        assert!(matches("pass?d", "", "passwd") && matches("{a,b}", "c", "b") && matches("*", "", ".hidden"));
        assert!(
            matches("/etc/*", "etc", "passwd")
                && !matches("etc/*", "etc/ssl", "x")
                && !matches("etc/*", "a/etc", "x")
        );
        assert!(
            matches("etc/**", "etc/ssl", "x")
                && matches("**/ssl/*", "etc/ssl", "x")
                && matches("/x", "", "x")
        );
        assert!(Pattern::new(OsStr::new("[z")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_match() {
        assert!(Pattern::new(OsStr::new("a*")).unwrap().matches(b"", b"a\xff"));
    }
}
