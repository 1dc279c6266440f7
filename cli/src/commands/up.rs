use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use fs_core::clock::SystemClock;
use fs_core::import::layout::{BackupRoot, Layout, Plan};
use fs_core::import::{ImportError, check_other_tree, run_states, source_name};
use fs_core::monitor::Cancellation;
use fs_core::service::{self, ServiceError};
use fs_core::store::StoreError;
use fs_core::watch::{Trigger, Watch, WatchLock, Watched};

use super::Context;
use super::import::{Import, runs, tree};
use super::serving::{self, Serving};
use super::viewing;
use super::watch::serve;
use crate::args::UpArgs;
use crate::error::{Outcome, is_interruption, message};
use crate::output::Output;
use crate::platform::Created;
use crate::progress::Bar;
use crate::text::printable;

/// Time without changes in a folder of levels or images, after which it is checked for new runs.
const SETTLED: Duration = Duration::from_secs(5);

pub fn run(context: &mut Context, args: &UpArgs) -> Result<()> {
    let (settings, mut words) = viewing::settings(context, &args.view)?;
    let mut options = tree::options(&args.tree_options, &settings);
    options.one_file_system = args.one_file_system;
    options.source = options.source.or_else(|| words.source.take());
    options.wait = true;
    if !args.tree.is_dir() {
        return Err(ImportError::NotADirectory(args.tree.clone()).into());
    }
    let cancellation = Arc::new(Cancellation::default());
    let root = BackupRoot { root: Some(args.tree.clone()), ..BackupRoot::default() };
    let plan = Plan::make(&root, &options.dirvish_zone, options.clock.now())?;
    if let Some(hint) = &plan.hint {
        runs::note_hint(&mut context.output, &plan.root, hint);
    }
    let is_tree = plan.layout == Layout::Tree;
    // Each run has a source of its own.
    let source = if is_tree { Some(source_name(&args.tree, &options)?) } else { options.source.clone() };

    // A tree that the import refuses must not be mounted first.
    if is_tree {
        check_other_tree(&settings.repository, &args.tree, &options)?;
    } else {
        run_states(&settings.repository, &plan, &options)?;
    }
    // Created folders are removed after the unmount.
    let mut created = Created::default();
    let forbidden = [("the source", args.tree.as_path()), ("the repository", &settings.repository)];
    let point = serving::check_point(&context.output, &args.mountpoint, &forbidden, Some(&mut created))?;
    let bar = Bar::new(&context.output, "opening the repository");
    if let Err(ServiceError::Store(StoreError::NotARepository(_))) =
        service::require_repository(&settings.repository)
    {
        service::init(&settings.repository)?;
        context.output.note(&format!("created the repository {}", settings.repository.display()));
    }
    let view = viewing::view(context, &settings, source.as_deref(), &words)?;
    drop(bar);

    let trigger = if is_tree { Trigger::Time } else { Trigger::Quiet(SETTLED) };
    let backup_root = BackupRoot { layout: plan.layout, ..root };
    let watched = Watched { folder: backup_root, options: options.clone(), trigger, every: args.every };
    let mut watch = Watch::new(&settings.repository, vec![watched], Arc::new(SystemClock))?;
    let (ended, waker) = (Arc::clone(&cancellation), watch.waker());
    let mount_options = serving::mount_options(&settings, words);
    let serving = Serving::start(view, &point, &mount_options, move || {
        ended.cancel();
        waker.wake();
    })?;
    let shown = args.mountpoint.display();
    let of = printable(source.as_deref().unwrap_or(plan.root.as_os_str().as_encoded_bytes())).into_owned();
    context.output.note(&format!("the history of {of} is at {shown}; Ctrl-C unmounts"));

    let inside = if source.is_some() { "/@latest" } else { "" };
    let hint = format!("look: ls {shown}{inside}");
    let output = &mut context.output;
    let mut import = Import { output, repository: &settings.repository, options, cancellation };
    let imported = if is_tree { import.add_tree(&args.tree) } else { runs::add(&mut import, &plan) };
    let served = report_first(import.output, imported, &hint).and_then(|()| {
        if is_tree {
            watch.begin_later();
        }
        // If a `yester watch` runs, the status file is its own. This process then shows no status, and
        // imports what the watch does not.
        let lock = WatchLock::acquire(&settings.repository).ok().and_then(Result::ok);
        Ok(serve(import.output, lock, &mut watch, &import.cancellation)?)
    });
    serving.finish(served)
}

/// Reports the end of the first import: where it is mounted, or that it was interrupted.
fn report_first(output: &mut Output, imported: Result<Outcome>, hint: &str) -> Result<()> {
    match imported {
        Ok(_) => {
            output.message(hint)?;
            output.flush()?;
        }
        Err(error) if is_interruption(&error) => output.note(&message(&error)),
        Err(error) => return Err(error),
    }
    Ok(())
}
