//! Answers a shell's requests for completion. Commands and options come from the definition of the command
//! line. Times, sources and paths come from the repository.

use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Command;
use clap::builder::StyledStr;
use clap_complete::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};
use fs_core::clock::SystemClock;
use fs_core::history::{SnapshotPath, Source};
use fs_core::service::History;
use fs_core::view::FileKind;

use crate::settings::Settings;
use crate::snapshot_path;
use crate::text::is_unseen;

/// The environment variable that marks a request of a shell.
const VARIABLE: &str = "YESTER_COMPLETE";
const SHELLS: Shells<'static> = Shells(&[&Bash, &Elvish, &Fish, &Powershell, &Zsh]);
/// Maximum number of suggestions. More would not be read.
const MOST: usize = 2000;
/// Time expressions suggested in addition to the names of snapshots. All others are accepted, too.
const EXPRESSIONS: [&str; 4] = ["@latest", "@yesterday", "@today", "@first"];

/// Answers the request of a shell, and ends the process. Returns if there is no request. `command` makes the
/// definition of the command line.
pub fn answer(command: impl Fn() -> Command) {
    CompleteEnv::with_factory(command).var(VARIABLE).shells(SHELLS).complete();
}

/// The names of the supported shells.
pub fn shells() -> impl Iterator<Item = &'static str> {
    SHELLS.names()
}

/// Writes the script that `shell` must read to request completions.
pub fn register(shell: &str, out: &mut dyn Write) -> io::Result<()> {
    let program =
        env::current_exe().map_or_else(|_| "yester".into(), |path| path.to_string_lossy().into_owned());
    match SHELLS.completer(shell) {
        Some(completer) => completer.write_registration(VARIABLE, "yester", "yester", &program, out),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("the shell {shell} is not known"))),
    }
}

/// Suggests sources.
pub fn sources(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(history) = history() else { return Vec::new() };
    let sources = history.view().sources();
    candidates(sources.iter().map(|source| &*source.name), current.as_encoded_bytes())
}

/// Suggests times, and paths below them: `T:PATH`. If there are several sources, the source comes first.
pub fn paths(current: &OsStr) -> Vec<CompletionCandidate> {
    let typed = current.as_encoded_bytes();
    let Some(history) = history() else { return Vec::new() };
    match snapshot_path::parse(current) {
        Ok(path) if typed.contains(&b':') => paths_below(&history, &path, typed),
        _ => times(&history, typed, b":"),
    }
}

/// Suggests times. If there are several sources, the source comes first.
pub fn times_alone(current: &OsStr) -> Vec<CompletionCandidate> {
    history().map_or_else(Vec::new, |history| times(&history, current.as_encoded_bytes(), b""))
}

/// Suggests tags.
pub fn tags(current: &OsStr) -> Vec<CompletionCandidate> {
    let tags = history().and_then(|history| history.tags(None).ok()).unwrap_or_default();
    let names: BTreeSet<_> = tags.into_iter().map(|tag| tag.name).collect();
    candidates(names.iter(), current.as_encoded_bytes())
}

/// Suggests times, each followed by `end`.
fn times(history: &History, typed: &[u8], end: &[u8]) -> Vec<CompletionCandidate> {
    let all = history.view().sources();
    let named = option("--source").map(OsString::into_encoded_bytes);
    let of = |source: &Source, prefix: &[u8]| {
        let names = (0..source.timeline.len()).rev().filter_map(|at| source.timeline.name(at));
        let tags: BTreeSet<_> = source.tags().map(|(tag, _)| format!("@{}", tag.name)).collect();
        let names = EXPRESSIONS.into_iter().chain(tags.iter().map(String::as_str)).chain(names);
        candidates(names.map(|name| [prefix, name.as_bytes(), end].concat()), typed)
    };
    match (history.source(named.as_deref()), typed.iter().position(|byte| *byte == b'@')) {
        (Ok(source), None | Some(0)) => of(&source, b""),
        (_, Some(at)) => all.get(&typed[..at]).map_or_else(Vec::new, |source| of(source, &typed[..at])),
        (Err(_), None) => candidates(all.iter().map(|source| [&source.name, &b"@"[..]].concat()), typed),
    }
}

fn paths_below(history: &History, path: &SnapshotPath, typed: &[u8]) -> Vec<CompletionCandidate> {
    let slash = path.path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (folder, begun) = path.path.split_at(slash);
    let before = &typed[..typed.len() - begun.len()];
    let named = option("--source").map(OsString::into_encoded_bytes);
    let source = path.source.as_deref().or(named.as_deref());
    let Ok((view, node)) = history.find(source, &path.time, folder) else { return Vec::new() };
    let mut found = Vec::new();
    // After an error, the names read before it are still of use.
    let _ = view.read_directory(&node, 0, &mut |entry| {
        if entry.name.starts_with(begun) {
            let is_folder = view.attr(&entry.node).kind == FileKind::Directory;
            let end: &[u8] = if is_folder { b"/" } else { b"" };
            found.extend(candidate([before, entry.name, end].concat()));
        }
        found.len() < MOST
    });
    found
}

/// The names that begin with `typed`.
fn candidates(names: impl Iterator<Item: AsRef<[u8]>>, typed: &[u8]) -> Vec<CompletionCandidate> {
    names.filter(|name| name.as_ref().starts_with(typed)).take(MOST).filter_map(candidate).collect()
}

/// `None` if the value is not UTF-8, which no shell can take.
fn candidate(value: impl AsRef<[u8]>) -> Option<CompletionCandidate> {
    let text = std::str::from_utf8(value.as_ref()).ok()?;
    (!text.contains(is_unseen)).then(|| CompletionCandidate::new(text).help(None::<StyledStr>))
}

/// The history that the unfinished command line names.
fn history() -> Option<History> {
    let repository = option("--repo").or_else(|| option("-r")).map(PathBuf::from);
    let timezone = option("--timezone").and_then(|zone| zone.into_string().ok());
    let settings = Settings::load(repository.as_deref(), timezone.as_deref(), None).ok()?;
    History::open(&settings.repository, settings.zone, Arc::new(SystemClock)).ok()
}

/// The value of an option in the unfinished command line.
fn option(name: &str) -> Option<OsString> {
    let mut words = env::args_os().skip_while(|word| word != "--");
    while let Some(word) = words.next() {
        if word == name {
            return words.next();
        }
        let bytes = word.as_encoded_bytes();
        if let Some(value) = bytes.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")) {
            return std::str::from_utf8(value).ok().map(OsString::from);
        }
    }
    None
}

/// Support for bash, which also splits words at `@`, `:` and `=`. The script joins the parts again. From each
/// answer it removes the text up to the last separator, because bash keeps that text.
struct Bash;

const BASH: &str = r#"_yester() {
    local IFS=$' \t\n' rest=${COMP_LINE:0:COMP_POINT} word words=() i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == 0)) || [[ $rest == [[:space:]]* ]]; then
            words+=("")
            rest=${rest#"${rest%%[![:space:]]*}"}
        fi
        ((i == COMP_CWORD)) && word=$rest
        words[${#words[@]} - 1]+=$word
        rest=${rest#"$word"}
    done
    local kept=${words[${#words[@]} - 1]%"$2"}
    COMPREPLY=()
    while IFS= read -r word; do
        printf -v word %q "${word#"$kept"}"
        COMPREPLY+=("$word")
    done < <(VARIABLE=bash YESTER_WORD=$((${#words[@]} - 1)) 'PROGRAM' -- "${words[@]//\\/}")
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} != *[@=/:] ]]; then
        compopt +o nospace
    fi
}
complete -o nospace -o bashdefault -o nosort -F _yester yester
"#;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        variable: &str,
        _name: &str,
        _bin: &str,
        completer: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let program = completer.replace('\'', r"'\''");
        out.write_all(BASH.replace("VARIABLE", variable).replace("PROGRAM", &program).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        folder: Option<&Path>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let word = env::var("YESTER_WORD").ok().and_then(|word| word.parse().ok()).unwrap_or_default();
        for candidate in clap_complete::engine::complete(command, words, word, folder)? {
            writeln!(out, "{}", candidate.get_value().to_string_lossy())?;
        }
        Ok(())
    }
}
