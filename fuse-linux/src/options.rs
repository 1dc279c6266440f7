use fuser::{Config, MountOption, SessionACL};
use rustix::mount::MountFlags;

use crate::MountError;

/// Options of a mount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// The device that `df` and `mount` show: the repository.
    pub source_label: String,
    /// Lets all users in, as far as file modes permit. Otherwise only the user who mounted may enter, and
    /// sees everything.
    pub allow_other: bool,
    /// Words of mount(8), such as `noexec`.
    pub extra: Vec<String>,
}

/// The type that `mount` shows after `fuse.`.
pub(crate) const SUBTYPE: &str = "yester";

impl MountOptions {
    /// The device that `mount` shows. A comma would end the option, and fusermount3 interprets backslashes.
    pub(crate) fn device(&self) -> String {
        let label = &self.source_label;
        if label.is_empty() || label.contains([',', '\\', '\n']) { SUBTYPE.into() } else { label.clone() }
    }

    /// Flags for mount(2).
    pub(crate) fn flags(&self) -> MountFlags {
        let mut flags = MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID;
        for (_, _, flag, is_set) in self.extra.iter().filter_map(|word| switch(word)) {
            flags.set(flag, is_set);
        }
        flags
    }

    /// Whether inode numbers have 32 bits: whether the last of `inode32` and `inode64` is `inode32`.
    pub(crate) fn has_short_numbers(&self) -> bool {
        let last = self.extra.iter().rev().find(|word| matches!(word.as_str(), "inode32" | "inode64"));
        last.is_some_and(|word| word == "inode32")
    }

    /// The options for fuser.
    pub(crate) fn config(&self) -> Result<Config, MountError> {
        let mut options = vec![
            MountOption::RO,
            // Passed as a word for the kernel: fuser drops a `Subtype` unless fusermount3 mounts.
            MountOption::CUSTOM(format!("subtype={SUBTYPE}")),
            MountOption::FSName(self.device()),
        ];
        let mut allow_other = self.allow_other;
        for word in &self.extra {
            match word.as_str() {
                "" | "ro" | "defaults" | "default_permissions" | "inode32" | "inode64" => {}
                "allow_other" => allow_other = true,
                other => match switch(other) {
                    Some((_, option, ..)) => options.push(option),
                    None => return Err(MountError::Option(other.to_owned())),
                },
            }
        }
        let mut config = Config::default();
        if allow_other {
            // The kernel checks modes and ACLs against the calling user.
            options.push(MountOption::DefaultPermissions);
            config.acl = SessionACL::All;
        }
        config.mount_options = options;
        config.n_threads = Some(std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8));
        config.clone_fd = true;
        Ok(config)
    }
}

/// A word of mount(8), its option for fusermount3, and the flag of mount(2) that it sets or clears.
type Switch = (&'static str, MountOption, MountFlags, bool);

fn switch(word: &str) -> Option<Switch> {
    let all: [Switch; 8] = [
        ("exec", MountOption::Exec, MountFlags::NOEXEC, false),
        ("noexec", MountOption::NoExec, MountFlags::NOEXEC, true),
        ("suid", MountOption::Suid, MountFlags::NOSUID, false),
        ("nosuid", MountOption::NoSuid, MountFlags::NOSUID, true),
        ("dev", MountOption::Dev, MountFlags::NODEV, false),
        ("nodev", MountOption::NoDev, MountFlags::NODEV, true),
        ("atime", MountOption::Atime, MountFlags::NOATIME, false),
        ("noatime", MountOption::NoAtime, MountFlags::NOATIME, true),
    ];
    all.into_iter().find(|(known, ..)| *known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_or_refused() {
        let with = |word: &str| MountOptions { extra: vec![word.into()], ..MountOptions::default() }.config();
        assert_eq!(with("allow_other").unwrap().acl, SessionACL::All);
        assert_eq!(with("noexec").unwrap().acl, SessionACL::Owner);
        assert!(matches!(with("rw"), Err(MountError::Option(word)) if word == "rw"));
    }

    #[test]
    fn words_become_flags() {
        let with = |words: &[&str]| {
            let extra = words.iter().map(|word| (*word).into()).collect();
            MountOptions { extra, ..MountOptions::default() }.flags()
        };
        let usual = MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID;
        assert_eq!(with(&[]), usual);
        assert_eq!(with(&["noexec", "noatime"]), usual | MountFlags::NOEXEC | MountFlags::NOATIME);
        assert_eq!(with(&["suid", "dev", "noexec", "exec"]), MountFlags::RDONLY);
    }

    #[test]
    fn the_last_word_on_numbers_counts() {
        let of = |words: &[&str]| {
            let extra = words.iter().map(|word| (*word).into()).collect();
            let options = MountOptions { extra, ..MountOptions::default() };
            assert!(options.config().is_ok());
            options.has_short_numbers()
        };
        assert!(!of(&[]));
        assert!(of(&["inode32", "noexec"]));
        assert!(!of(&["inode32", "inode64"]));
    }

    #[test]
    fn a_label_cannot_smuggle_options() {
        let device = |label: &str| {
            let options = MountOptions { source_label: label.into(), ..MountOptions::default() };
            options.device()
        };
        assert_eq!(device("/backup,suid"), "yester");
        assert_eq!(device("/backup"), "/backup");
    }
}
