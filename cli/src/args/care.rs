//! Commands that care for a repository.

use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester check                       is everything there that snapshots need?
  yester check --read-data           and is every stored byte as it was written?
  yester check --read-data=5%        the same for a twentieth of the packs, drawn at random
  yester --json check                an object for each finding, then one with the counts

Nothing is changed, but a damaged index is made again. Imports wait while the structure is checked, not while data is read.

Exit status: 0 when all is well, 4 when something is damaged; what, and which files it damages, is told.")]
pub struct CheckArgs {
    /// Also read and verify every byte, or those of so many percent of the packs
    #[arg(long, value_name = "P%", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "100%", value_parser = percent)]
    pub read_data: Option<u8>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester rebuild-index               also forgets snapshots whose manifests are gone

Nobody has to: any command that meets a damaged index makes it again. The index only tells where
things are: nothing is lost with it. Mounts go on meanwhile.

Exit status: 4 when packs are damaged, so that they are not in the new index.")]
pub struct RebuildIndexArgs {}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester import --heal ~/work        first: what still exists is stored again
  yester repair --dry-run            what would be left out of which snapshots?
  yester repair                      leave it out, and quarantine what is damaged
  yester --json repair               an object for each loss, then one with what was done

Every byte is read. What verifies is kept, also of damaged packs. Snapshots that reach something lost are replaced \
by ones without it; all others stay as they are. Nothing is destroyed: damaged packs and the manifests of replaced \
snapshots go to the folder `damaged` of the repository. Mounts go on meanwhile, imports wait.

Exit status: 0 when nothing was lost, 3 when something was left out; it is named, a line each.")]
pub struct RepairArgs {
    /// Only tell what would be done; change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Go on although most packs are missing or cannot be read: they are lost for good
    #[arg(long)]
    pub really: bool,
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    number.filter(|number| (1..=100).contains(number)).ok_or_else(|| "say it as 1% to 100%".to_owned())
}
