//! `deskwire completion`: completions for a shell, from the same definitions as the help.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{args::Cli, context::Context, failure::Done};

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  deskwire completion bash
  deskwire completion fish

To keep them: deskwire completion bash > ~/.local/share/bash-completion/completions/deskwire";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "deskwire", &mut text);
        context.out.raw(&text)
    }
}
