use anyhow::Result;
use fs_core::maintain::MaintainError;
use fs_core::store::Repository;
use serde_json::json;

use super::Context;
use crate::error::Outcome;
use crate::progress::Bar;
use crate::stderr;
use crate::text::count;

pub fn run(context: &mut Context) -> Result<Outcome> {
    let settings = context.settings()?;
    let cancellation = context.stop_on_signals()?;
    let progress = Bar::new(&context.output, "opening the repository");
    // The log says why packs could not be read.
    let rebuilt = Repository::rebuild_index(&settings.repository, &progress, &cancellation)?;
    let rebuilt = rebuilt.ok_or(MaintainError::Cancelled)?;
    drop(progress);
    let unreadable: Vec<String> = rebuilt.unreadable.iter().map(|(pack, _)| pack.to_string()).collect();
    if context.output.is_json() {
        context.output.json(&json!({ "packs": rebuilt.packs, "unreadable": unreadable }))?;
    }
    context.output.message(&format!("rebuilt the index from {}", count(rebuilt.packs, "pack")))?;
    if unreadable.is_empty() {
        return Ok(Outcome::Done);
    }
    stderr::error(&format!(
        "{} missing from the index, as they cannot be read; import again to store what still exists; \
         `yester check` lists what is lost",
        if unreadable.len() == 1 {
            "1 pack is".to_owned()
        } else {
            format!("{} packs are", unreadable.len())
        }
    ));
    Ok(Outcome::Damage)
}
