//! Finds the destination of an rsync command line.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::options::{self, Arity};

/// The destination of an rsync command line.
#[derive(Debug, PartialEq, Eq)]
pub enum Destination {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A folder on another machine.
    Remote(OsString),
    /// rsync writes nothing, for this reason.
    None(&'static str),
}

const DRY_RUN: &str = "this is a dry run";
const NO_COPY: &str = "rsync copies nothing";

/// The parts of rsync's command line that decide how its run is imported.
#[derive(Debug, Default)]
pub struct CommandLine<'a> {
    paths: Vec<&'a OsStr>,
    options_end: bool,
    reads_batch: bool,
    /// The reason why rsync writes nothing, if so.
    idle: Option<&'static str>,
    /// The first unknown option.
    unknown: Option<String>,
    /// The last of `--fake-super` and `--super`, for this side. The next field is for the remote side.
    fake_super: Option<bool>,
    remote_fake_super: Option<bool>,
    /// Whether rsync compares all files by content.
    pub checksum: bool,
}

impl<'a> CommandLine<'a> {
    /// Parses the words as rsync does: every argument that is neither an option nor its value is a path.
    pub fn read(words: &'a [OsString]) -> Self {
        let mut line = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if let Some(name) = line.take(word)
                && let Some(value) = words.next()
            {
                line.value(&name, &value.to_string_lossy());
            }
        }
        line
    }

    /// The folder that rsync writes to: the one given to Yester, else the last path. Fails with an unknown
    /// option: the argument after it may be its value or a path.
    pub fn destination(&self, named: Option<&Path>) -> Result<Destination, String> {
        if let Some(folder) = named {
            let idle = self.idle.map(Destination::None);
            return Ok(idle.unwrap_or_else(|| Destination::Folder(folder.to_owned())));
        }
        match &self.unknown {
            Some(option) => Err(option.clone()),
            None => Ok(self.last_path()),
        }
    }

    /// Whether the destination keeps owners, modes and special files in attributes. Between two local
    /// folders, the destination is the remote side.
    pub fn has_fake_super(&self) -> bool {
        let is_local = !self.paths.iter().any(|path| is_remote(path));
        self.remote_fake_super.filter(|_| is_local).or(self.fake_super).unwrap_or(false)
    }

    /// Takes one word. Returns the option whose value is the next argument, if any.
    fn take(&mut self, word: &'a OsStr) -> Option<String> {
        let bytes = word.as_encoded_bytes();
        match bytes {
            _ if self.options_end => self.paths.push(word),
            b"--" => self.options_end = true,
            [b'-', b'-', long @ ..] => return self.long(&String::from_utf8_lossy(long)),
            [b'-', short @ ..] if !short.is_empty() => return self.short(short),
            _ => self.paths.push(word),
        }
        None
    }

    fn long(&mut self, option: &str) -> Option<String> {
        let (name, value) =
            option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        self.option(name);
        match (options::long(name), value) {
            (_, Some(value)) => self.value(name, value),
            (Some(Arity::Value), None) => return Some(name.to_owned()),
            (Some(Arity::Flag), None) => {}
            (None, None) => drop(self.unknown.get_or_insert_with(|| format!("--{name}"))),
        }
        None
    }

    fn short(&mut self, letters: &[u8]) -> Option<String> {
        for (at, letter) in letters.iter().enumerate() {
            let name = char::from(*letter).to_string();
            self.option(&name);
            match options::short(*letter) {
                Some(Arity::Flag) => {}
                Some(Arity::Value) => {
                    let value = String::from_utf8_lossy(&letters[at + 1..]);
                    if value.is_empty() {
                        return Some(name);
                    }
                    self.value(&name, value.strip_prefix('=').unwrap_or(&value));
                    return None;
                }
                None => {
                    let letters = String::from_utf8_lossy(&letters[at..]);
                    let letter = letters.chars().next().unwrap_or_default();
                    self.unknown.get_or_insert_with(|| format!("-{letter}"));
                    // The next word may be the option's value.
                    return None;
                }
            }
        }
        None
    }

    /// Records the effect of an option, given by its long name or its letter.
    fn option(&mut self, name: &str) {
        match name {
            "dry-run" | "only-write-batch" | "n" => self.idle = Some(DRY_RUN),
            // From `daemon` on, each of these makes rsync a daemon.
            "list-only" | "help" | "version" | "V" | "server" | "daemon" | "config" | "dparam" | "detach"
            | "no-detach" => self.idle = Some(NO_COPY),
            "read-batch" => self.reads_batch = true,
            "checksum" | "c" => self.checksum = true,
            "no-checksum" | "no-c" => self.checksum = false,
            "fake-super" => self.fake_super = Some(true),
            "super" | "no-super" => self.fake_super = Some(false),
            _ => {}
        }
    }

    fn value(&mut self, name: &str, value: &str) {
        match (name, value) {
            ("M" | "remote-option", "--fake-super") => self.remote_fake_super = Some(true),
            ("M" | "remote-option", "--super" | "--no-super") => self.remote_fake_super = Some(false),
            _ => {}
        }
    }

    fn last_path(&self) -> Destination {
        let least = if self.reads_batch { 1 } else { 2 };
        match (self.idle, self.paths.last().filter(|_| self.paths.len() >= least)) {
            (Some(reason), _) => Destination::None(reason),
            (None, Some(last)) if is_remote(last) => Destination::Remote((*last).to_owned()),
            (None, Some(last)) => Destination::Folder(PathBuf::from(last)),
            (None, None) => Destination::None("rsync has no destination"),
        }
    }
}

/// rsync's rule: `rsync://…`, or a colon before the first slash.
fn is_remote(path: &OsStr) -> bool {
    let bytes = path.as_encoded_bytes();
    let first = bytes.iter().find(|byte| matches!(byte, b':' | b'/'));
    first == Some(&b':') && bytes.first() != Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn find(line: &str) -> Destination {
        CommandLine::read(&words(line)).destination(None).unwrap()
    }

    #[test]
    fn the_destination_is_the_last_path() {
        let folder = |line| match find(line) {
            Destination::Folder(folder) => folder.into_os_string().into_string().unwrap(),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(folder("-a src/ dst"), "dst");
        assert_eq!(folder("-a src/ dst --exclude tmp -e ssh"), "dst");
        assert_eq!(folder("-avze ssh web1:/home other:/srv /backup/web1/"), "/backup/web1/");
        assert_eq!(folder("-a --link-dest ../old --exclude=x -- -src -dst"), "-dst");
        assert_eq!(folder("-aH --delete -essh host::module/ ./a:b"), "./a:b");
        assert_eq!(folder("-a --read-batch file dst"), "dst");
        assert_eq!(folder("-T /tmp -B 700 -a src dst --info progress2"), "dst");
    }

    #[test]
    fn command_lines_that_write_nothing_here_are_recognised() {
        assert_eq!(find("-a src host:dst"), Destination::Remote("host:dst".into()));
        assert_eq!(find("-a src rsync://host/module"), Destination::Remote("rsync://host/module".into()));
        assert_eq!(find("-an src dst"), Destination::None(DRY_RUN));
        assert_eq!(find("-a --dry-run src dst"), Destination::None(DRY_RUN));
        assert_eq!(find("-a host:src"), Destination::None("rsync has no destination"));
        assert_eq!(find("--version"), Destination::None(NO_COPY));
        assert_eq!(find("-a --exclude -n src dst"), Destination::Folder("dst".into()));
    }

    #[test]
    fn an_unknown_option_is_refused_unless_its_value_is_with_it() {
        let unknown = |line| CommandLine::read(&words(line)).destination(None).unwrap_err();
        assert_eq!(unknown("-az src/ dst --sooner-threads 2"), "--sooner-threads");
        assert_eq!(unknown("-az --sooner src/ dst --later"), "--sooner");
        assert_eq!(unknown("-azw src/ dst"), "-w");
        assert_eq!(unknown("-aé src/ dst"), "-é");
        // Abbreviations are unknown.
        assert_eq!(unknown("--exclu x src dst"), "--exclu");
        assert_eq!(find("-az src/ dst --sooner-threads=2"), Destination::Folder("dst".into()));
        assert_eq!(find("-az src/ dst --compress-threads 2"), Destination::Folder("dst".into()));
        assert_eq!(find("-az --zt 2 src/ dst"), Destination::Folder("dst".into()));
        assert_eq!(find("-a --exclude --unknown src -e -w -- dst"), Destination::Folder("dst".into()));
        assert_eq!(find("-a --no-perms --no-o --no-i-r src dst"), Destination::Folder("dst".into()));
        assert_eq!(find("-a -- src --unknown"), Destination::Folder("--unknown".into()));
    }

    #[test]
    fn a_named_destination_needs_no_guess() {
        let named = |line| CommandLine::read(&words(line)).destination(Some(Path::new("/dst"))).unwrap();
        assert_eq!(named("-az src/ /dst --sooner-threads 2"), Destination::Folder("/dst".into()));
        assert_eq!(named("-az src/ /dst --sooner-threads 2 -n"), Destination::None(DRY_RUN));
    }

    #[test]
    fn checksum_is_found_in_any_form() {
        for (line, expected) in [
            ("-a src dst", false),
            ("-ac src dst", true),
            ("-a --checksum src dst", true),
            ("-ac --no-checksum src dst", false),
            ("-a -e c src dst", false),
            ("-aec src dst", false),
            ("-a --exclude -c src dst", false),
        ] {
            assert_eq!(CommandLine::read(&words(line)).checksum, expected, "{line}");
        }
    }

    #[test]
    fn fake_super_is_that_of_the_destination() {
        for (line, expected) in [
            ("-a src dst", false),
            ("-a --fake-super src dst", true),
            ("-a --fake-super host:src dst", true),
            ("-a --fake-super --super src dst", false),
            ("-a --exclude --fake-super src dst", false),
            ("-a -- --fake-super dst", false),
            // The remote side, which is the destination if both folders are local.
            ("-a -M--fake-super src dst", true),
            ("-a -M --fake-super src dst", true),
            ("-a --remote-option=--fake-super src dst", true),
            ("-a --fake-super -M--super src dst", false),
            ("-a -M--fake-super host:src dst", false),
        ] {
            assert_eq!(CommandLine::read(&words(line)).has_fake_super(), expected, "{line}");
        }
    }
}
