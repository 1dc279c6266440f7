//! Commands that check and repair a repository.

use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester check                       is everything present that snapshots need?
  yester check --read-data           and does every stored byte verify?
  yester check --read-data=5%        the same for a random twentieth of the packs
  yester --json check                one object for each finding, then a summary

Nothing is changed, except that a damaged index is rebuilt. Imports wait while the structure is checked, but not \
while data is read.

Exit status: 4 when something is damaged. What is damaged is reported, with the files that cannot be read in full.")]
pub struct CheckArgs {
    /// Also read and verify all data, or P percent of the packs
    #[arg(long, value_name = "P%", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "100%", value_parser = percent)]
    pub read_data: Option<u8>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester import --heal ~/work        first: stores again what still exists
  yester repair --dry-run            shows what would be left out of which snapshots
  yester repair                      leaves it out, and quarantines what is damaged
  yester --json repair               one object for each loss, then a summary

Every byte is read. Whatever verifies is kept, also from damaged packs. Snapshots that need something lost are \
replaced by ones without it; all others stay as they are. Nothing is deleted: damaged packs, and the manifests of \
replaced snapshots, move to the folder `damaged` of the repository. Mounts continue meanwhile; imports wait.

Exit status: 3 when something is lost. Each loss is reported, one per line.")]
pub struct RepairArgs {
    /// Show what would be done; change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Repair even if most packs are missing or unreadable; their data is then lost for good
    #[arg(long)]
    pub really: bool,
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    number.filter(|number| (1..=100).contains(number)).ok_or_else(|| "write 1% to 100%".to_owned())
}
