//! The `[[watch]]` tables of the config file: the sources that `yester watch` watches.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fs_core::import::ImportOptions;
use fs_core::import::layout::{BackupRoot, Layout};
use fs_core::watch::{Trigger, Watched};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{LayoutWord, Settings};
use crate::text;
use crate::zone;

/// Default time without changes, after which a tree counts as complete.
const QUIET: Duration = Duration::from_secs(5);
/// Default time between two checks of a source if no change is noticed.
const EVERY: Duration = Duration::from_secs(3600);

/// A watched source in the config file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Table {
    path: Option<PathBuf>,
    source: Option<String>,
    layout: LayoutWord,
    config: Option<PathBuf>,
    #[serde(deserialize_with = "duration")]
    quiet: Option<Duration>,
    stamp: Option<PathBuf>,
    live: bool,
    #[serde(deserialize_with = "duration")]
    every: Option<Duration>,
    #[serde(alias = "checksum-every", deserialize_with = "duration")]
    checksum_every: Option<Duration>,
    #[serde(alias = "ignore-inode")]
    ignore_inode: bool,
    origin: Option<String>,
    one_file_system: bool,
    fake_super: bool,
    allow_empty: bool,
    allow_other_tree: bool,
    dirvish_timezone: Option<String>,
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let word = String::deserialize(from)?;
    text::duration(&word)
        .map(Some)
        .map_err(|explanation| D::Error::custom(format!("{word:?}: {explanation}")))
}

impl Table {
    /// Checks the table, and replaces its paths by what `expand` returns.
    pub fn resolve(&mut self, expand: impl Fn(&str, PathBuf) -> Result<PathBuf>) -> Result<()> {
        for (key, path) in
            [("path", &mut self.path), ("config", &mut self.config), ("stamp", &mut self.stamp)]
        {
            *path = path.take().map(|path| expand(key, path)).transpose()?;
        }
        let of_tree = matches!(self.layout, LayoutWord::Auto | LayoutWord::Tree) && self.config.is_none();
        match () {
            () if self.path.is_none() && self.config.is_none() => bail!("a [[watch]] table has no path"),
            () if u8::from(self.quiet.is_some()) + u8::from(self.stamp.is_some()) + u8::from(self.live)
                > 1 =>
            {
                bail!("{}: only one of quiet, stamp and live can be given", self.shown())
            }
            () if self.origin.is_some() && !of_tree => {
                bail!("{}: origin is for plain trees", self.shown())
            }
            () if (self.stamp.is_some() || self.live) && !of_tree => {
                bail!("{}: stamp and live are for plain trees; levels and images need neither", self.shown())
            }
            () => Ok(()),
        }
    }

    /// Whether both tables watch the same folder.
    pub fn is_for_same(&self, other: &Self) -> bool {
        (&self.path, &self.config) == (&other.path, &other.config)
    }

    fn shown(&self) -> String {
        self.path.as_deref().or(self.config.as_deref()).unwrap_or(Path::new("")).display().to_string()
    }

    /// The watched source of this table.
    pub fn watched(&self, settings: &Settings) -> Result<Watched> {
        let dirvish_zone = match &self.dirvish_timezone {
            Some(name) => zone::named(name).with_context(|| format!("{}: dirvish_timezone", self.shown()))?,
            None => settings.dirvish_zone.clone(),
        };
        let layout = match self.layout {
            // These triggers exist for trees only, so the layout is a tree.
            LayoutWord::Auto if self.stamp.is_some() || self.live => Layout::Tree,
            word => word.into(),
        };
        let trigger = match &self.stamp {
            Some(stamp) => Trigger::Stamp(stamp.clone()),
            None if self.live => Trigger::Time,
            None => Trigger::Quiet(self.quiet.unwrap_or(QUIET)),
        };
        let options = ImportOptions {
            source: self.source.clone().map(String::into_bytes),
            checksum_every: self.checksum_every,
            ignore_inode: self.ignore_inode,
            origin: self.origin.clone().map(String::into_bytes),
            one_file_system: self.one_file_system,
            fake_super: self.fake_super,
            allow_empty: self.allow_empty,
            allow_other_tree: self.allow_other_tree,
            zone: settings.zone.clone(),
            dirvish_zone,
            ..ImportOptions::default()
        };
        Ok(Watched {
            folder: BackupRoot { root: self.path.clone(), layout, config: self.config.clone() },
            options,
            trigger,
            every: self.every.unwrap_or(EVERY),
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn parse(text: &str) -> Result<Table> {
        let mut table: Table = toml::from_str(text)?;
        table.resolve(|_, path| Ok(path))?;
        Ok(table)
    }

    /// The settings of an empty config on a machine whose zone is UTC.
    fn settings() -> Settings {
        let (zone, dirvish_zone) = (TimeZone::UTC, TimeZone::UTC);
        Settings { repository: "/r".into(), zone, dirvish_zone, watch: (Vec::new(), None) }
    }

    #[test]
    fn the_zone_of_dirvish_is_its_own() {
        let mut settings = settings();
        settings.zone = zone::named("Asia/Tokyo").unwrap();
        settings.dirvish_zone = zone::named("Europe/Paris").unwrap();
        let options = |text| parse(text).unwrap().watched(&settings).map(|watched| watched.options);
        let name = |zone: &TimeZone| zone.iana_name().unwrap().to_owned();
        let usual = options("path = '/a'").unwrap();
        assert_eq!((&*name(&usual.zone), &*name(&usual.dirvish_zone)), ("Asia/Tokyo", "Europe/Paris"));
        let own = options("path = '/a'\ndirvish_timezone = 'Europe/Berlin'").unwrap();
        assert_eq!(name(&own.dirvish_zone), "Europe/Berlin");
        let error = format!("{:#}", options("path = '/a'\ndirvish_timezone = 'Mars/Olympus'").unwrap_err());
        assert!(error.contains("/a: dirvish_timezone") && error.contains("Mars/Olympus"), "{error}");
    }

    #[test]
    fn what_is_not_said_is_usual() {
        let watched = parse("path = '/a'").unwrap().watched(&settings()).unwrap();
        assert_eq!(watched.trigger, Trigger::Quiet(QUIET));
        assert_eq!((watched.every, watched.folder.layout), (EVERY, Layout::Auto));
        let watched = parse("path = '/a'\nlive = true\nevery = '15m'").unwrap().watched(&settings()).unwrap();
        assert_eq!((watched.trigger, watched.folder.layout), (Trigger::Time, Layout::Tree));
        assert_eq!(watched.every, Duration::from_secs(900));
        let watched =
            parse("path = '/a'\nstamp = '/s'\nsource = 'web'").unwrap().watched(&settings()).unwrap();
        assert_eq!(watched.trigger, Trigger::Stamp("/s".into()));
        assert_eq!(watched.options.source.as_deref(), Some(&b"web"[..]));
        for key in ["checksum-every", "checksum_every"] {
            let watched =
                parse(&format!("path = '/a'\n{key} = '30d'")).unwrap().watched(&settings()).unwrap();
            assert_eq!(watched.options.checksum_every, Some(Duration::from_secs(30 * 86_400)));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let error = |text| format!("{:#}", parse(text).unwrap_err());
        assert!(error("layout = 'tree'").contains("no path"));
        assert!(error("path = '/a'\nquiet = '1s'\nlive = true").starts_with("/a: only one of"));
        assert!(error("path = '/a'\nlayout = 'dirvish'\nstamp = '/s'").contains("plain trees"));
        assert!(error("path = '/a'\nevery = 'often'").contains("\"often\": write it as"));
        assert!(error("path = '/a'\nlayout = 'rsnap'").contains("rsnapshot"));
        assert!(error("path = '/a'\nevry = '1h'").contains("unknown field"));
    }
}
