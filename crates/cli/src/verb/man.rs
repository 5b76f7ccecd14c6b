//! `deskwire man`: manual pages, from the same definitions as the help.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::{
    args::Cli,
    context::Context,
    failure::{self, Done},
};

/// Print the manual page, or write those of all verbs into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Write one page per verb into this folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire man
  deskwire man --dir ~/.local/share/man/man1";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let Some(dir) = self.dir else {
            let mut page = Vec::new();
            Man::new(Cli::command())
                .render(&mut page)
                .map_err(|error| failure::local("the manual page", &error))?;
            return context.out.raw(&page);
        };
        write(&dir).map_err(|error| failure::local(&dir.display().to_string(), &error))?;
        context.out.note(&format!("The manual pages are in {}.", dir.display()));
        Ok(())
    }
}

fn write(dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command(), dir)
}
