use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::super::Retention;
use super::super::folder::{absolute, small_file};
use crate::import::ImportError;

/// Upper bound on a config file, in bytes.
const MAX_LEN: u64 = 1 << 20;
/// Upper bound on included files. It stops files that include each other.
const MAX_FILES: usize = 100;

/// The relevant lines of an `rsnapshot.conf`. The config is read, never executed.
#[derive(Debug, Default)]
pub(in super::super) struct Config {
    path: PathBuf,
    root: Option<PathBuf>,
    pub(super) lock: Option<PathBuf>,
    pub(super) retention: Vec<Retention>,
    files: usize,
}

impl Config {
    pub(in super::super) fn read(path: &Path) -> Result<Self, ImportError> {
        let mut config = Self { path: path.to_owned(), ..Self::default() };
        config.include(path)?;
        Ok(config)
    }

    /// The folder of the levels. If `given` is present, it must be the same folder.
    pub(in super::super) fn root_at(&self, given: Option<&Path>) -> Result<PathBuf, ImportError> {
        let says = self.root.as_ref().ok_or_else(|| ImportError::NoSnapshotRoot(self.path.clone()))?;
        let root = absolute(says)?;
        match given {
            Some(given) if absolute(given)? != root => Err(ImportError::OtherRoot {
                config: self.path.clone(),
                says: says.clone(),
                given: given.to_owned(),
            }),
            _ => Ok(root),
        }
    }

    fn include(&mut self, path: &Path) -> Result<(), ImportError> {
        let (text, _) = small_file(path, MAX_LEN).map_err(ImportError::read(path))?;
        self.text(&text, path)
    }

    fn text(&mut self, text: &[u8], path: &Path) -> Result<(), ImportError> {
        let mut lines = text.split(|byte| *byte == b'\n').zip(1..).peekable();
        while let Some((line, number)) = lines.next() {
            let mut line = line.trim_ascii_end().to_vec();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            // A line that begins with white space continues the line before.
            let continues = |line: &[u8]| {
                line.first().is_some_and(|first| matches!(first, b' ' | b'\t'))
                    && !line.trim_ascii().is_empty()
            };
            while let Some((more, _)) = lines.next_if(|(line, _)| continues(line)) {
                line.push(b'\t');
                line.extend(more.trim_ascii());
            }
            let included = self.line(&line).map_err(|reason| ImportError::Config {
                path: path.to_owned(),
                line: number,
                reason,
            })?;
            if let Some(included) = included {
                self.include(&included)?;
            }
        }
        Ok(())
    }

    /// Takes one line. Returns the file that it includes, if any, or the reason why the line is invalid.
    fn line(&mut self, line: &[u8]) -> Result<Option<PathBuf>, String> {
        let mut words = line.split(|byte| *byte == b'\t').filter(|word| !word.is_empty());
        let key = words.next().unwrap_or_default();
        let value = words.next().ok_or(if key.contains(&b' ') {
            "no tab in it; rsnapshot wants tabs between words, not spaces"
        } else {
            "it has one word only; rsnapshot wants a tab and a value after it"
        })?;
        match key {
            b"include_conf" => return self.included(value.trim_ascii()).map(Some),
            b"snapshot_root" => self.root = Some(full_path(value)?),
            b"lockfile" => self.lock = Some(full_path(value)?),
            b"retain" | b"interval" => self.retention.push(retention(value, words.next())?),
            _ => {}
        }
        Ok(None)
    }

    fn included(&mut self, value: &[u8]) -> Result<PathBuf, String> {
        if value.contains(&b'`') {
            return Err("include_conf with backticks runs a program, which yester does not do; \
                save what it prints in a file, and include that"
                .to_owned());
        }
        self.files += 1;
        if self.files > MAX_FILES {
            return Err("too many files are included; do they include each other?".to_owned());
        }
        // A relative path depends on the folder where rsnapshot is started, which is unknown.
        full_path(value)
    }
}

fn retention(name: &[u8], keep: Option<&[u8]>) -> Result<Retention, String> {
    let name = str::from_utf8(name).ok().filter(|name| is_interval(name.as_bytes()));
    let interval = name.ok_or("an interval's name has letters and digits only")?.to_owned();
    let keep = keep.and_then(|keep| str::from_utf8(keep).ok()?.trim().parse().ok());
    Ok(Retention { interval, keep: keep.ok_or("no number of levels after the interval's name")? })
}

fn full_path(value: &[u8]) -> Result<PathBuf, String> {
    let path = Path::new(OsStr::from_bytes(value.trim_ascii()));
    if path.is_absolute() {
        Ok(path.to_owned())
    } else {
        Err(format!("{} is not a full path", path.display()))
    }
}

pub(super) fn is_interval(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &[u8]) -> Result<Config, ImportError> {
        let mut config = Config::default();
        config.text(text, Path::new("conf"))?;
        Ok(config)
    }

    fn refusal(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_matters_is_found() {
        let text = b"#comment\nconfig_version\t1.2\n\n  \nsnapshot_root\t\t/backup/\n\
            interval\thourly\t6\nretain\n\tdaily\n\t7\nlockfile\t/run/l.pid  \n\
            backup\t/home/\tlocalhost/\t+rsync_long_args=--bwlimit=1\nbackup_script\t/bin/x `y`\tz/\n";
        let config = parse(text).unwrap();
        assert_eq!(config.root.as_deref(), Some(Path::new("/backup/")));
        assert_eq!(config.lock.as_deref(), Some(Path::new("/run/l.pid")));
        let kept: Vec<_> = config.retention.iter().map(|r| (r.interval.as_str(), r.keep)).collect();
        assert_eq!(kept, [("hourly", 6), ("daily", 7)]);
    }

    #[test]
    fn what_cannot_be_relied_on_is_refused_by_line() {
        for (text, expected) in [
            ("#\nsnapshot_root /backup/\n", "conf line 2: no tab in it"),
            ("snapshot_root\n", "one word only"),
            ("snapshot_root\tbackup/\n", "not a full path"),
            ("lockfile\tl.pid\n", "not a full path"),
            ("retain\tdaily\n", "no number"),
            ("retain\tdaily\tmany\n", "no number"),
            ("retain\t../x\t3\n", "letters and digits"),
            ("include_conf\t`cat /etc/x`\n", "does not do"),
            ("include_conf\tother.conf\n", "not a full path"),
            ("include_conf\t/no/such/file\n", "cannot read /no/such/file"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains(expected), "{text:?}: {refusal}");
        }
    }

    #[test]
    fn files_are_included_but_not_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name| directory.path().join(name);
        fs::write(path("b"), "retain\tdaily\t7\n").unwrap();
        fs::write(path("a"), format!("snapshot_root\t/x/\ninclude_conf\t{}\n", path("b").display())).unwrap();
        assert_eq!(Config::read(&path("a")).unwrap().retention.len(), 1);
        fs::write(path("b"), format!("include_conf\t{}\n", path("a").display())).unwrap();
        assert!(Config::read(&path("a")).unwrap_err().to_string().contains("include each other"));
        let fifo = Config::read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(fifo.contains("not a regular file"), "{fifo}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&text);
        }

        #[test]
        fn any_words_are_read_or_refused(
            words in prop::collection::vec("(retain|interval|lockfile|snapshot_root|include_conf|[ \t\n`#/]|[a-z0-9]{1,3}){0,4}", 0..30)
        ) {
            let _ = parse(words.join("\t").as_bytes());
        }
    }
}
