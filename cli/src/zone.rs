//! Finds time zones by name. jiff finds one by listing the whole database of twenty folders. If the disk has
//! not been read yet, this takes most of the time until a mount is ready. This module reads the file of that
//! name directly.

use std::env;
use std::fs;
use std::path::{Component, Path};

use anyhow::{Result, anyhow};
use jiff::tz::TimeZone;

const DATABASE: &str = "/usr/share/zoneinfo";
const OF_MACHINE: &str = "/etc/localtime";

/// The zone of this name.
pub fn named(name: &str) -> Result<TimeZone> {
    let zone = read(name).map_or_else(|| TimeZone::get(name), Ok);
    zone.map_err(|_| anyhow!("no time zone is called {name}; names are like Europe/Berlin or UTC"))
}

/// The zone of this name; without a name, the machine's.
pub fn named_or_machine(name: Option<&str>) -> Result<TimeZone> {
    name.map_or_else(|| Ok(of_machine()), named)
}

/// The machine's zone.
fn of_machine() -> TimeZone {
    let is_set = env::var_os("TZ").is_some();
    let linked = || {
        let target = fs::read_link(OF_MACHINE).ok()?;
        let (_, name) = target.to_str()?.split_once("zoneinfo/")?;
        read(name)
    };
    if is_set { None } else { linked() }.unwrap_or_else(TimeZone::system)
}

fn read(name: &str) -> Option<TimeZone> {
    let is_name = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let bytes = fs::read(Path::new(DATABASE).join(name)).ok().filter(|_| is_name)?;
    TimeZone::tzif(name, &bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_or_refused() {
        let at = |zone: TimeZone| zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds();
        assert_eq!(at(named("Europe/Berlin").unwrap()), 3600);
        assert_eq!(at(named("europe/berlin").unwrap()), 3600);
        assert_eq!(at(named("UTC").unwrap()), 0);
        assert!(named("Mars/Olympus").unwrap_err().to_string().contains("Mars/Olympus"));
        for path in ["/usr/share/zoneinfo/UTC", "../zoneinfo/UTC", "Europe", ""] {
            assert!(named(path).is_err(), "{path}");
        }
    }

    #[test]
    fn the_machines_zone_is_what_jiff_finds() {
        let now = jiff::Timestamp::now();
        assert_eq!(of_machine().to_offset(now), TimeZone::system().to_offset(now));
    }
}
