//! Commands for the shell and the manual.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::completion;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples, for the shell's start-up file:
  bash   source <(yester completions bash)
  zsh    source <(yester completions zsh)
  fish   yester completions fish | source

The script calls yester while you type: times, sources and paths come from the repository.")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = PossibleValuesParser::new(completion::shells()))]
    pub shell: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  yester man | man -l -
  yester man --dir /usr/local/share/man/man1      one page per command, as in `man yester-import`")]
pub struct ManArgs {
    /// Write all pages into this directory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
