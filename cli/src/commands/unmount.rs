use anyhow::Result;

use crate::args::UnmountArgs;
use crate::error::Outcome;
use crate::platform;

pub fn run(args: &UnmountArgs) -> Result<Outcome> {
    platform::unmount(&args.mountpoint, args.lazy)?;
    Ok(Outcome::Done)
}
