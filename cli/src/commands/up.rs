use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use fs_core::import::ImportError;
use fs_core::monitor::Cancellation;
use fs_core::service::{ServiceError, source_name};
use fs_core::store::StoreError;
use fs_core::view::View;

use super::serving::{self, Serving};
use super::{Context, import};
use crate::args::UpArgs;
use crate::error::{Outcome, is_interruption, message};
use crate::mount_options::MountWords;
use crate::progress::Bar;
use crate::settings::Settings;
use crate::text::printable;
use crate::{platform, stderr};

pub fn run(context: &mut Context, args: &UpArgs) -> Result<Outcome> {
    let mut words = MountWords::parse(&args.options).map_err(|error| anyhow!(error))?;
    context.global.timezone = context.global.timezone.take().or_else(|| words.timezone.take());
    let settings = context.settings()?;
    let mut options = import::options(args.source.as_ref(), args.one_file_system, &settings);
    options.source = options.source.or_else(|| words.source.take());
    options.wait = true;
    let source = source_name(&args.tree, &options)?;
    if !args.tree.is_dir() {
        return Err(ServiceError::from(ImportError::NotADirectory(args.tree.clone())).into());
    }

    let created = Created::before(&args.mountpoint);
    let forbidden = [("the source", args.tree.as_path()), ("the repository", &settings.repository)];
    let point = platform::check_mountpoint(&args.mountpoint, &forbidden, true)?;
    let bar = Bar::new(&context.output, "opening the repository");
    let view = open_or_init(context, &settings, &source, args.cache_size.or(words.cache_size))?;
    drop(bar);

    let cancellation = Arc::new(Cancellation::default());
    let ended = Arc::clone(&cancellation);
    let mount_options = serving::mount_options(&settings, words);
    let serving = Serving::start(view, &point, &mount_options, move || ended.cancel())?;
    let shown = args.mountpoint.display();
    context.output.note(&format!("the history of {} is at {shown}; Ctrl-C unmounts", printable(&source)));

    match import::add(&mut context.output, &settings, &args.tree, &options, &cancellation) {
        Ok(_) => {
            context.output.tell(&format!("look: ls {shown}/@latest"))?;
            context.output.flush()?;
        }
        Err(error) if is_interruption(&error) => context.output.note(&message(&error)),
        Err(error) => {
            serving.unmount()?;
            return Err(error);
        }
    }
    options.only_if_changed = true;
    let end = loop {
        if let Some(end) = serving.wait(Some(args.every)) {
            break end;
        }
        match import::add(&mut context.output, &settings, &args.tree, &options, &cancellation) {
            Ok(_) => {}
            Err(error) if is_interruption(&error) => context.output.note(&message(&error)),
            Err(error) => {
                stderr::complain(&format!("{}; the next try is in {:#}", message(&error), every(args)));
            }
        }
    };
    serving.finish(end)?;
    drop(created);
    Ok(Outcome::Done)
}

fn every(args: &UpArgs) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(args.every).unwrap_or(jiff::SignedDuration::MAX)
}

fn open_or_init(context: &Context, settings: &Settings, source: &[u8], cache: Option<usize>) -> Result<View> {
    match serving::view(settings, Some(source), cache) {
        Err(error) if is_missing(&error) => {
            fs_core::service::init(&settings.repository)?;
            context.output.note(&format!("made the repository {}", settings.repository.display()));
            serving::view(settings, Some(source), cache)
        }
        result => result,
    }
}

fn is_missing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ServiceError::Store(StoreError::NotARepository(_))))
}

/// The directories that making the mount point creates; they go with the mount.
#[derive(Debug)]
struct Created(Vec<PathBuf>);

impl Created {
    fn before(point: &Path) -> Self {
        let missing = |path: &&Path| {
            fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let point = std::path::absolute(point).unwrap_or_default();
        Self(point.ancestors().take_while(missing).map(Path::to_owned).collect())
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        for path in &self.0 {
            // What somebody has filled meanwhile stays.
            if fs::remove_dir(path).is_err() {
                return;
            }
        }
    }
}
