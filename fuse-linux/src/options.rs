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

/// The width of inode numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InodeBits {
    Short,
    Long,
}

/// The type that `mount` shows after `fuse.`.
pub(crate) const SUBTYPE: &str = "yester";

impl MountOptions {
    /// The device that `mount` shows.
    pub(crate) fn device(&self) -> String {
        label(&self.source_label)
    }

    /// Flags for mount(2).
    pub(crate) fn flags(&self) -> Result<MountFlags, MountError> {
        let mut flags = MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID;
        for option in self.config()?.mount_options {
            match option {
                MountOption::Exec => flags.remove(MountFlags::NOEXEC),
                MountOption::NoExec => flags.insert(MountFlags::NOEXEC),
                MountOption::Suid => flags.remove(MountFlags::NOSUID),
                MountOption::NoSuid => flags.insert(MountFlags::NOSUID),
                MountOption::Dev => flags.remove(MountFlags::NODEV),
                MountOption::NoDev => flags.insert(MountFlags::NODEV),
                MountOption::Atime => flags.remove(MountFlags::NOATIME),
                MountOption::NoAtime => flags.insert(MountFlags::NOATIME),
                _ => {}
            }
        }
        Ok(flags)
    }

    /// The width given by the last `inode32` or `inode64`.
    pub(crate) fn inode_bits(&self) -> InodeBits {
        match self.extra.iter().rev().find(|word| matches!(word.as_str(), "inode32" | "inode64")) {
            Some(word) if word == "inode32" => InodeBits::Short,
            _ => InodeBits::Long,
        }
    }

    /// The options for fuser.
    pub(crate) fn config(&self) -> Result<Config, MountError> {
        let mut options = vec![
            MountOption::RO,
            // Passed as a word for the kernel: fuser drops a `Subtype` unless fusermount3 mounts.
            MountOption::CUSTOM(format!("subtype={SUBTYPE}")),
            MountOption::FSName(label(&self.source_label)),
        ];
        let mut allow_other = self.allow_other;
        for word in &self.extra {
            match word.as_str() {
                "" | "ro" | "defaults" | "default_permissions" | "inode32" | "inode64" => {}
                "allow_other" => allow_other = true,
                "exec" => options.push(MountOption::Exec),
                "noexec" => options.push(MountOption::NoExec),
                "suid" => options.push(MountOption::Suid),
                "nosuid" => options.push(MountOption::NoSuid),
                "dev" => options.push(MountOption::Dev),
                "nodev" => options.push(MountOption::NoDev),
                "atime" => options.push(MountOption::Atime),
                "noatime" => options.push(MountOption::NoAtime),
                other => return Err(MountError::Option(other.to_owned())),
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

/// The device name. A comma would end the option, and fusermount3 interprets backslashes.
fn label(source: &str) -> String {
    if source.is_empty() || source.contains([',', '\\', '\n']) { "yester".into() } else { source.into() }
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
            MountOptions { extra, ..MountOptions::default() }.flags().unwrap()
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
            options.inode_bits()
        };
        assert_eq!(of(&[]), InodeBits::Long);
        assert_eq!(of(&["inode32", "noexec"]), InodeBits::Short);
        assert_eq!(of(&["inode32", "inode64"]), InodeBits::Long);
    }

    #[test]
    fn a_label_cannot_smuggle_options() {
        assert_eq!(label("/backup,suid"), "yester");
        assert_eq!(label("/backup"), "/backup");
    }
}
