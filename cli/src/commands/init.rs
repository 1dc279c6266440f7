use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::args::InitArgs;

pub fn run(context: &mut Context, args: &InitArgs) -> Result<()> {
    let path = match &args.path {
        Some(path) => path.clone(),
        None => context.settings()?.repository,
    };
    fs_core::service::init(&path)?;
    if context.output.is_json() {
        context.output.json(&json!({ "repository": path.to_string_lossy() }))?;
    }
    Ok(context.output.message(&format!("created the repository {}", path.display()))?)
}
