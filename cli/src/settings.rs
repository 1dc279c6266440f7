//! Finds the repository and the time zone. The sources are the command line, the environment, the config file
//! and the default, in this order.

#[cfg(target_os = "linux")]
pub mod watch;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
#[cfg(target_os = "linux")]
use fs_core::import::layout::Layout;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::zone;

/// The settings of a command.
#[derive(Debug)]
pub struct Settings {
    pub repository: PathBuf,
    /// The zone of times that are shown and typed. Recorded times do not depend on it, except typed ones.
    pub zone: TimeZone,
    /// The zone of the times in dirvish's summaries.
    pub dirvish_zone: TimeZone,
    /// The watched sources, and the config file that names them.
    #[cfg(target_os = "linux")]
    pub watch: (Vec<watch::Table>, Option<PathBuf>),
}

/// How a directory holds history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayoutWord {
    /// Detected
    #[default]
    Auto,
    /// A plain tree
    Tree,
    /// Levels such as daily.0
    Rsnapshot,
    /// A vault of images, or a bank of vaults
    Dirvish,
}

#[cfg(target_os = "linux")]
impl From<LayoutWord> for Layout {
    fn from(word: LayoutWord) -> Self {
        match word {
            LayoutWord::Auto => Layout::Auto,
            LayoutWord::Tree => Layout::Tree,
            LayoutWord::Rsnapshot => Layout::Rsnapshot,
            LayoutWord::Dirvish => Layout::Dirvish,
        }
    }
}

/// The environment variables that are used.
#[derive(Debug, Default)]
struct Environment {
    repository: Option<PathBuf>,
    config_home: Option<PathBuf>,
    data_home: Option<PathBuf>,
    home: Option<PathBuf>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    repository: Option<PathBuf>,
    timezone: Option<String>,
    dirvish_timezone: Option<String>,
    #[cfg(target_os = "linux")]
    #[serde(default)]
    watch: Vec<toml::Spanned<watch::Table>>,
}

impl Settings {
    /// Loads the settings of this process. `repository` and `timezone` are options of the command line, and
    /// `file` is the config file, if it is not the usual one.
    pub fn load(repository: Option<&Path>, timezone: Option<&str>, file: Option<&Path>) -> Result<Self> {
        let environment = Environment::of_process();
        let usual = environment.config_file();
        let config = match (file, &usual) {
            (Some(file), _) => environment.read(file)?,
            (None, Some(usual)) => environment.read_if_there(usual)?,
            (None, None) => Config::default(),
        };
        let zone = zone::named_or_machine(timezone.or(config.timezone.as_deref()))?;
        let dirvish_zone = zone::named_or_machine(config.dirvish_timezone.as_deref());
        let dirvish_zone = dirvish_zone.context("dirvish_timezone")?;
        let repository = environment.repository(repository, &config)?;
        Ok(Self {
            repository,
            zone,
            dirvish_zone,
            #[cfg(target_os = "linux")]
            watch: (
                config.watch.into_iter().map(toml::Spanned::into_inner).collect(),
                file.map(Path::to_owned).or(usual),
            ),
        })
    }
}

impl Environment {
    fn of_process() -> Self {
        let variable =
            |name| env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
        // The XDG base directory specification requires that relative paths are ignored.
        let directory = |name| variable(name).filter(|path: &PathBuf| path.is_absolute());
        let (config, data) =
            if cfg!(windows) { ("APPDATA", "LOCALAPPDATA") } else { ("XDG_CONFIG_HOME", "XDG_DATA_HOME") };
        Self {
            repository: variable("YESTER_REPO"),
            config_home: directory(config),
            data_home: directory(data),
            home: env::home_dir().filter(|home| !home.as_os_str().is_empty()),
        }
    }

    fn config_file(&self) -> Option<PathBuf> {
        let home = || self.home.as_ref().map(|home| home.join(".config"));
        Some(self.config_home.clone().or_else(home)?.join("yester/config.toml"))
    }

    fn read(&self, path: &Path) -> Result<Config> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.parse(&text).map_err(|error| anyhow!("{}: {error}", path.display()))
    }

    fn read_if_there(&self, path: &Path) -> Result<Config> {
        let is_none = |error: &anyhow::Error| {
            let kind = error.downcast_ref().map(io::Error::kind);
            // A home that this user may not enter holds no config file for this user.
            matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied))
        };
        self.read(path).or_else(|error| if is_none(&error) { Ok(Config::default()) } else { Err(error) })
    }

    fn parse(&self, text: &str) -> Result<Config> {
        let line = |at: usize| 1 + text[..at].matches('\n').count();
        let mut config: Config = toml::from_str(text).map_err(|error| {
            anyhow!("line {}: {}", error.span().map_or(1, |span| line(span.start)), error.message())
        })?;
        config.repository = config.repository.map(|path| self.expand("repository", path)).transpose()?;
        #[cfg(target_os = "linux")]
        for table in &mut config.watch {
            let at = line(table.span().start);
            let resolved = table.get_mut().resolve(|key, path| self.expand(key, path));
            resolved.map_err(|error| anyhow!("line {at}: {error}"))?;
        }
        #[cfg(target_os = "linux")]
        for (at, table) in config.watch.iter().enumerate() {
            if config.watch[..at].iter().any(|other| other.get_ref().is_for_same(table.get_ref())) {
                bail!("line {}: a [[watch]] above already watches this folder", line(table.span().start));
            }
        }
        Ok(config)
    }

    /// Expands a path of the config file. It must not depend on the working directory.
    fn expand(&self, key: &str, path: PathBuf) -> Result<PathBuf> {
        let path = match (path.strip_prefix("~"), &self.home) {
            (Ok(below), Some(home)) => home.join(below),
            _ => path,
        };
        if !path.is_absolute() {
            bail!("{key} {} is neither absolute nor in ~/", path.display());
        }
        Ok(path)
    }

    fn repository(&self, named: Option<&Path>, config: &Config) -> Result<PathBuf> {
        if let Some(path) = named.or(self.repository.as_deref()).or(config.repository.as_deref()) {
            return Ok(path.to_owned());
        }
        let home = || self.home.as_ref().map(|home| home.join(".local/share"));
        let data = self.data_home.clone().or_else(home);
        Ok(data
            .context("there is no home folder for a repository; name one with --repo")?
            .join("yester/repository"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment { home: Some("/home/joe".into()), ..Environment::default() }
    }

    #[test]
    fn the_nearest_word_counts() {
        let mut environment = environment();
        let mut config = Config::default();
        let of = |environment: &Environment, named, config: &Config| {
            environment.repository(named, config).unwrap().display().to_string()
        };
        assert_eq!(of(&environment, None, &config), "/home/joe/.local/share/yester/repository");
        environment.data_home = Some("/data".into());
        assert_eq!(of(&environment, None, &config), "/data/yester/repository");
        config.repository = Some("/configured".into());
        assert_eq!(of(&environment, None, &config), "/configured");
        environment.repository = Some("from/environment".into());
        assert_eq!(of(&environment, None, &config), "from/environment");
        assert_eq!(of(&environment, Some(Path::new("named")), &config), "named");
    }

    #[test]
    fn without_a_home_there_is_no_default() {
        let error = Environment::default().repository(None, &Config::default()).unwrap_err();
        assert!(error.to_string().contains("--repo"), "{error}");
        assert_eq!(Environment::default().config_file(), None);
    }

    #[test]
    fn a_config_is_read_from_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".config/yester/config.toml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "repository = \"~/backup\"\ntimezone = \"Europe/Berlin\"\n").unwrap();
        let environment = Environment { home: Some(folder.path().to_owned()), ..Environment::default() };
        let config = environment.read(&environment.config_file().unwrap()).unwrap();
        assert_eq!(config.repository, Some(folder.path().join("backup")));
        assert_eq!(config.timezone.as_deref(), Some("Europe/Berlin"));
    }

    #[test]
    fn an_error_in_a_config_names_its_line() {
        let error = |text| environment().parse(text).unwrap_err().to_string();
        assert!(error("\nrepositry = \"/r\"").starts_with("line 2: unknown field `repositry`"));
        assert!(error("repository = ").starts_with("line 1: "));
        assert!(error("repository = \"backup\"").contains("neither absolute"));
    }
}
