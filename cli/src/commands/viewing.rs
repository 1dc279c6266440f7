//! What a mount shows.

use anyhow::Result;
use fs_core::service::{History, open_view};
use fs_core::store::CacheSizes;
use fs_core::view::{Scope, View};
use jiff::tz::TimeZone;

use crate::platform;
use crate::settings::Settings;

/// A view for a mount: of one source, or of all, with caches of so many bytes.
pub fn view(settings: &Settings, source: Option<&[u8]>, cache: Option<usize>) -> Result<View> {
    let scope = source.map_or(Scope::Repository, |name| Scope::Source(name.to_vec()));
    let zone = settings.zone.clone();
    let caches = cache.map_or_else(CacheSizes::default, CacheSizes::of);
    Ok(open_view(&settings.repository, scope, zone, platform::owner(), caches)?)
}

/// Says so when there is no such source.
pub fn require_source(view: &View, settings: &Settings, source: &[u8]) -> Result<()> {
    if view.sources().get(source).is_none() {
        History::open(&settings.repository, TimeZone::UTC)?.source(Some(source))?;
    }
    Ok(())
}
