//! The command that an rsync daemon runs after each transfer (rsyncd.conf(5), `post-xfer exec`).

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::import::{Import, tree};
use super::{Context, rsync};
use crate::args::{HookArgs, HookEvent};
use crate::error::Outcome;
use crate::stderr;

pub fn run(context: &mut Context, args: &HookArgs) -> Result<Outcome> {
    let HookEvent::PostXfer = args.event;
    // An rsync daemon does not pass stderr on.
    stderr::log_to(None)?;
    let variable = |name: &'static str| {
        env::var_os(name).with_context(|| {
            format!(
                "{name} is not set; an rsync daemon must call this command: `post-xfer exec` in rsyncd.conf"
            )
        })
    };
    let ended = variable("RSYNC_EXIT_STATUS")?;
    let (module, folder) = (variable("RSYNC_MODULE_NAME")?, PathBuf::from(variable("RSYNC_MODULE_PATH")?));
    let status = ended.to_str().and_then(|ended| rsync::run_status(ended.parse().ok()?));
    let Some(status) = status else {
        log::info!("the transfer ended with status {}: no snapshot is added", ended.display());
        return Ok(Outcome::Done);
    };
    let settings = context.settings()?;
    let mut options = tree::options(&args.tree_options, &settings);
    options.source.get_or_insert_with(|| module.into_encoded_bytes());
    options.run_status = status;
    options.fake_super = args.fake_super;
    options.wait = true;
    // A hook that hangs would stay unnoticed.
    options.wait_limit = Some(args.max_wait);
    // The daemon does not say whether a transfer was a push. A pull, a listing or a dry run changes nothing,
    // so only changes are imported.
    options.only_if_changed = true;
    Import::new(context, &settings.repository, options)?.add_tree(&folder)
}
