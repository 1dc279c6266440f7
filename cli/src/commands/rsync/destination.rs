//! Where an rsync with these words writes to.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What rsync will write to.
#[derive(Debug, PartialEq, Eq)]
pub enum Destination {
    /// A folder here.
    Folder(PathBuf),
    /// A folder elsewhere.
    Remote(OsString),
    /// Nothing, and why.
    None(&'static str),
}

/// rsync(1)'s options whose value may be the next word; those of one letter.
const SHORT_WITH_VALUE: &[u8] = b"BTMef@";
const LONG_WITH_VALUE: [&str; 61] = [
    "address",
    "backup-dir",
    "block-size",
    "bwlimit",
    "cc",
    "checksum-choice",
    "checksum-seed",
    "chmod",
    "chown",
    "compare-dest",
    "compress-choice",
    "compress-level",
    "config",
    "contimeout",
    "copy-as",
    "copy-dest",
    "debug",
    "dparam",
    "early-input",
    "exclude",
    "exclude-from",
    "files-from",
    "filter",
    "groupmap",
    "iconv",
    "include",
    "include-from",
    "info",
    "link-dest",
    "log-file",
    "log-file-format",
    "log-format",
    "max-alloc",
    "max-delete",
    "max-size",
    "min-size",
    "modify-window",
    "only-write-batch",
    "out-format",
    "outbuf",
    "partial-dir",
    "password-file",
    "port",
    "protocol",
    "read-batch",
    "remote-option",
    "rsh",
    "rsync-path",
    "skip-compress",
    "sockopts",
    "stderr",
    "stop-after",
    "stop-at",
    "suffix",
    "temp-dir",
    "time-limit",
    "timeout",
    "usermap",
    "write-batch",
    "zc",
    "zl",
];

const DRY_RUN: &str = "this is a dry run";
const NO_COPY: &str = "rsync does not copy here";

impl Destination {
    /// Finds it as rsync does: the last word that is no option and no option's value.
    pub fn find(words: &[OsString]) -> Self {
        let mut found = Words::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if found.take(word) {
                words.next();
            }
        }
        found.destination()
    }
}

/// What was seen of the command line so far.
#[derive(Debug, Default)]
struct Words<'a> {
    paths: Vec<&'a OsStr>,
    options_end: bool,
    reads_batch: bool,
    /// Why nothing will be written.
    idle: Option<&'static str>,
}

impl<'a> Words<'a> {
    /// True when the next word is this one's value.
    fn take(&mut self, word: &'a OsStr) -> bool {
        let bytes = word.as_encoded_bytes();
        match bytes {
            _ if self.options_end => self.paths.push(word),
            b"--" => self.options_end = true,
            [b'-', b'-', long @ ..] => return self.long(&String::from_utf8_lossy(long)),
            [b'-', short @ ..] if !short.is_empty() => return self.short(short),
            _ => self.paths.push(word),
        }
        false
    }

    fn long(&mut self, option: &str) -> bool {
        let (name, value) =
            option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        match name {
            "dry-run" | "only-write-batch" => self.idle = Some(DRY_RUN),
            "list-only" | "help" | "version" | "daemon" | "server" => self.idle = Some(NO_COPY),
            "read-batch" => self.reads_batch = true,
            _ => {}
        }
        value.is_none() && LONG_WITH_VALUE.contains(&name)
    }

    fn short(&mut self, letters: &[u8]) -> bool {
        for (at, letter) in letters.iter().enumerate() {
            match letter {
                b'n' => self.idle = Some(DRY_RUN),
                b'V' => self.idle = Some(NO_COPY),
                letter if SHORT_WITH_VALUE.contains(letter) => return at + 1 == letters.len(),
                _ => {}
            }
        }
        false
    }

    fn destination(&self) -> Destination {
        let least = if self.reads_batch { 1 } else { 2 };
        if let Some(reason) = self.idle {
            return Destination::None(reason);
        }
        match self.paths.last() {
            Some(last) if self.paths.len() >= least && is_remote(last) => {
                Destination::Remote((*last).to_owned())
            }
            Some(last) if self.paths.len() >= least => Destination::Folder(PathBuf::from(last)),
            _ => Destination::None("rsync is given no destination"),
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

    fn find(line: &str) -> Destination {
        Destination::find(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
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
    fn what_writes_nothing_here_is_told_apart() {
        assert_eq!(find("-a src host:dst"), Destination::Remote("host:dst".into()));
        assert_eq!(find("-a src rsync://host/module"), Destination::Remote("rsync://host/module".into()));
        assert_eq!(find("-an src dst"), Destination::None(DRY_RUN));
        assert_eq!(find("-a --dry-run src dst"), Destination::None(DRY_RUN));
        assert_eq!(find("-a host:src"), Destination::None("rsync is given no destination"));
        assert_eq!(find("--version"), Destination::None(NO_COPY));
        assert_eq!(find("-a --exclude -n src dst"), Destination::Folder("dst".into()));
    }
}
