//! The view of a mount.

use std::sync::Arc;

use anyhow::Result;
use fs_core::clock::SystemClock;
use fs_core::service::{History, open_view};
use fs_core::store::CacheSizes;
use fs_core::view::{Options, Scope, View};
use jiff::tz::TimeZone;

use super::Context;
use crate::args::MountArgs;
use crate::mount_options::MountWords;
use crate::platform;
use crate::progress::Bar;
use crate::settings::Settings;

/// The view that `yester mount` asks for. Includes the source if the view has only one.
pub fn asked(
    context: &Context,
    settings: &Settings,
    args: &MountArgs,
    words: &MountWords,
) -> Result<(View, Option<Vec<u8>>)> {
    let source = args.source.as_ref().map(|name| name.as_encoded_bytes().to_vec());
    let source = source.or_else(|| words.source.clone());
    let _bar = Bar::new(&context.output, "opening the repository");
    let view = view(settings, source.as_deref(), args.cache_size.or(words.cache_size))?;
    if let Some(source) = &source {
        require_source(&view, settings, source)?;
    }
    let view = if args.with_versions || words.with_versions { view.listing_versions() } else { view };
    let opens = args.allow_open_parents || words.allow_open_parents;
    Ok((if opens { view.opening_parents() } else { view }, source))
}

/// A view for a mount: of one source, or of all sources. `cache` is the size of its caches in bytes.
pub fn view(settings: &Settings, source: Option<&[u8]>, cache: Option<usize>) -> Result<View> {
    let scope = source.map_or(Scope::Repository, |name| Scope::Source(name.to_vec()));
    let options = Options {
        owner: platform::owner(),
        caches: cache.map_or_else(CacheSizes::default, CacheSizes::of),
        ..Options::new(scope, settings.zone.clone(), Arc::new(SystemClock))
    };
    Ok(open_view(&settings.repository, options)?)
}

/// Fails if the source does not exist.
fn require_source(view: &View, settings: &Settings, source: &[u8]) -> Result<()> {
    if view.sources().get(source).is_none() {
        History::open(&settings.repository, TimeZone::UTC, Arc::new(SystemClock))?.source(Some(source))?;
    }
    Ok(())
}
