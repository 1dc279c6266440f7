//! Parses the words after `-o`.

use std::ffi::OsString;

use crate::text;

/// The options that the words set.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MountWords {
    pub source: Option<Vec<u8>>,
    pub timezone: Option<String>,
    /// Size of the caches in bytes.
    pub cache_size: Option<usize>,
    pub allow_other: bool,
    pub with_versions: bool,
    pub allow_open_parents: bool,
    /// Words for the kernel. The frontend refuses unknown ones.
    pub extra: Vec<String>,
}

/// Words of fstab that are for mount(8), systemd or writers. They are ignored. mount(8) adds `rw` unless `ro`
/// is given, so `rw` is no request.
const IGNORED: [&str; 18] = [
    "rw",
    "ro",
    "defaults",
    "auto",
    "noauto",
    "user",
    "nouser",
    "users",
    "owner",
    "group",
    "nofail",
    "_netdev",
    "relatime",
    "norelatime",
    "strictatime",
    "diratime",
    "nodiratime",
    "lazytime",
];

impl MountWords {
    /// Parses lists of words separated by commas.
    pub fn parse(lists: &[OsString]) -> Result<Self, String> {
        let mut words = Self::default();
        for list in lists {
            for word in list.as_encoded_bytes().split(|byte| *byte == b',') {
                words.add(word)?;
            }
        }
        Ok(words)
    }

    fn add(&mut self, word: &[u8]) -> Result<(), String> {
        if let Some(name) = word.strip_prefix(b"source=") {
            self.source = Some(name.to_vec());
            return Ok(());
        }
        let word =
            str::from_utf8(word).map_err(|_| format!("unknown mount option {}", text::printable(word)))?;
        match word.split_once('=') {
            Some(("timezone", zone)) => self.timezone = Some(zone.to_owned()),
            Some(("cache-size", text)) => {
                self.cache_size = Some(size(text).map_err(|reason| format!("{word}: {reason}"))?);
            }
            Some(("comment", _)) => {}
            _ if word.starts_with("x-") || word.starts_with("X-") || IGNORED.contains(&word) => {}
            _ if word.is_empty() => {}
            _ if word == "allow_other" => self.allow_other = true,
            _ if word == "with-versions" => self.with_versions = true,
            _ if word == "allow-open-parents" => self.allow_open_parents = true,
            _ => self.extra.push(word.to_owned()),
        }
        Ok(())
    }
}

/// Parses a number of bytes, such as `64M`, of at least a mebibyte.
pub fn size(text: &str) -> Result<usize, String> {
    let bytes = text::bytes(text).ok().and_then(|bytes| usize::try_from(bytes).ok());
    bytes
        .filter(|bytes| *bytes >= 1 << 20)
        .ok_or_else(|| "write it as 64M or 1G; the minimum is 1M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_understood() {
        assert_eq!(size("64M"), Ok(64 << 20));
        assert_eq!(size("2g"), Ok(2 << 30));
        assert_eq!(size("1048576"), Ok(1 << 20));
        for wrong in ["", "M", "1", "1023K", "12X", "-5M", "1MB", "1.5G", "99999999999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    fn parsed(lists: &[&str]) -> MountWords {
        let lists: Vec<OsString> = lists.iter().map(OsString::from).collect();
        MountWords::parse(&lists).unwrap()
    }

    #[test]
    fn words_find_their_place() {
        let words = parsed(&[
            "source=web1,timezone=Europe/Berlin",
            "allow_other,noexec,cache-size=64M,with-versions,allow-open-parents",
        ]);
        let expected = MountWords {
            source: Some(b"web1".to_vec()),
            timezone: Some("Europe/Berlin".into()),
            cache_size: Some(64 << 20),
            allow_other: true,
            with_versions: true,
            allow_open_parents: true,
            extra: vec!["noexec".into()],
        };
        assert_eq!(words, expected);
    }

    #[test]
    fn what_fstab_holds_for_others_is_ignored() {
        let line = "rw,noauto,user,nofail,_netdev,x-systemd.automount,x-gvfs-show,comment=mine,,defaults";
        assert_eq!(parsed(&[line]), MountWords::default());
    }

    #[test]
    fn what_nobody_knows_is_left_to_the_frontend() {
        assert_eq!(parsed(&["no_such_option,uid=5"]).extra, ["no_such_option", "uid=5"]);
    }
}
