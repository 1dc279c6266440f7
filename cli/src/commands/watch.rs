//! Runs the background importer in the foreground.

mod board;
mod teller;

use std::sync::Arc;

use anyhow::{Result, bail};
pub use board::{Board, Report, Shown};
use fs_core::monitor::Cancellation;
use fs_core::watch::{Watch, WatchLock};
pub use teller::Teller;

use super::Context;
use crate::args::WatchArgs;
use crate::error::{Outcome, abandon};
use crate::platform;
use crate::stderr;
use crate::text::count;

pub fn run(context: &mut Context, args: &WatchArgs) -> Result<Outcome> {
    stderr::log_to(args.log_file.as_deref())?;
    let settings = context.settings_of(args.config.as_deref())?;
    let (tables, file) = &settings.watch;
    if tables.is_empty() {
        let file =
            file.as_ref().map_or_else(|| "a config file".to_owned(), |file| file.display().to_string());
        bail!(
            "there is no source to watch; add a [[watch]] table with path = \"/srv/backup\" to {file} (see --help)"
        );
    }
    let watched = tables.iter().map(|table| table.watched(&settings)).collect::<Result<_>>()?;
    let lock = WatchLock::acquire(&settings.repository)?;
    let mut watch = Watch::new(&settings.repository, watched)?;
    let cancellation = Arc::new(Cancellation::default());
    let (asked, waker) = (Arc::clone(&cancellation), watch.waker());
    platform::on_stop(move |times| {
        asked.cancel();
        waker.wake();
        if times > 1 {
            abandon();
        }
    })?;
    let sources = count(tables.len() as u64, "source");
    context.output.note(&format!("watching {sources} for {}", settings.repository.display()));
    platform::lower_priority();
    let board = Board::new(&lock);
    let mut teller = Teller::new(&mut context.output, &board, &cancellation);
    watch.run(&board, &mut |event| teller.tell(event), &cancellation);
    let ended = teller.finish();
    drop((board, lock));
    ended?;
    Ok(Outcome::Done)
}
