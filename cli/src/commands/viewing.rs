//! The view of a mount.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use fs_core::service::{History, open_view};
use fs_core::store::CacheSizes;
use fs_core::view::{Options, Scope, View};
use jiff::tz::TimeZone;

use super::Context;
use crate::args::{MountArgs, ViewArgs};
use crate::mount_options::MountWords;
use crate::platform;
use crate::progress::Bar;
use crate::settings::Settings;
use crate::stderr;

/// Sends lines to the log file, if one is given. Returns the settings of a mount, and its options. An option
/// of the command line overrides a word after `-o`.
pub fn settings(context: &mut Context, args: &ViewArgs) -> Result<(Settings, MountWords)> {
    stderr::log_to(args.log_file.as_deref())?;
    let mut words = MountWords::parse(&args.options).map_err(|error| anyhow!(error))?;
    context.global.timezone = context.global.timezone.take().or_else(|| words.timezone.take());
    words.cache_size = args.cache_size.or(words.cache_size);
    words.allow_open_parents |= args.allow_open_parents;
    Ok((context.settings()?, words))
}

/// The view that `yester mount` asks for. Includes the source if the view has only one.
pub fn of_mount(
    context: &Context,
    settings: &Settings,
    args: &MountArgs,
    words: &MountWords,
) -> Result<(View, Option<Vec<u8>>)> {
    let source = args.source.as_ref().map(|name| name.as_encoded_bytes().to_vec());
    let source = source.or_else(|| words.source.clone());
    let _bar = Bar::new(&context.output, "opening the repository");
    let mut view = view(context, settings, source.as_deref(), words)?;
    view.lists_versions |= args.with_versions;
    if let Some(source) = &source
        && view.sources().get(source).is_none()
    {
        // Reports which sources there are.
        let clock = Arc::clone(context.output.clock());
        History::open(&settings.repository, TimeZone::UTC, clock)?.source(Some(source))?;
    }
    Ok((view, source))
}

/// A view for a mount: of one source, or of all sources.
pub fn view(
    context: &Context,
    settings: &Settings,
    source: Option<&[u8]>,
    words: &MountWords,
) -> Result<View> {
    let scope = source.map_or(Scope::Repository, |name| Scope::Source(name.to_vec()));
    let options = Options {
        owner: platform::owner(),
        caches: words.cache_size.map_or_else(CacheSizes::default, CacheSizes::of),
        ..Options::new(scope, settings.zone.clone(), Arc::clone(context.output.clock()))
    };
    let mut view = open_view(&settings.repository, options)?;
    view.lists_versions = words.with_versions;
    view.opens_parents = words.allow_open_parents;
    Ok(view)
}
