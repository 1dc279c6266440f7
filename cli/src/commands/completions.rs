use anyhow::Result;

use super::Context;
use crate::args::CompletionsArgs;
use crate::completion;
use crate::error::Outcome;
use crate::output::WriteError;

pub fn run(context: &mut Context, args: &CompletionsArgs) -> Result<Outcome> {
    completion::register(&args.shell, context.output.writer()).map_err(WriteError::from)?;
    Ok(Outcome::Done)
}
