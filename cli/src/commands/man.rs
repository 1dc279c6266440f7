use std::fs;

use anyhow::{Context as _, Result};
use clap::CommandFactory;

use super::Context;
use crate::args::{Arguments, ManArgs};
use crate::output::WriteError;

pub fn run(context: &mut Context, args: &ManArgs) -> Result<()> {
    let command = Arguments::command();
    match &args.dir {
        Some(dir) => {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
            clap_mangen::generate_to(command, dir)
                .with_context(|| format!("cannot write to {}", dir.display()))?;
        }
        None => clap_mangen::Man::new(command).render(context.output.writer()).map_err(WriteError::from)?,
    }
    Ok(())
}
