//! `deskwire statement export`: a statement for bookkeeping.

use std::path::PathBuf;

use deskwire_api_types::{ExportFormat, Language, StatementExportQuery};

use super::target::Target;
use crate::{context::Context, failure::Done, parse::one_of, part::Part};

/// Export a statement: CSV for bookkeeping, JSON with the signed messages, or a page to print.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// As what.
    #[arg(long, default_value = "csv", value_parser = one_of::<ExportFormat>(&["csv", "json", "html"]))]
    format: ExportFormat,
    /// In which language people read it.
    #[arg(long, default_value = "en", value_parser = one_of::<Language>(&["en", "ru", "de"]))]
    language: Language,
    /// Where to put it; standard output unless given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that is already there.
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire statement export 51d0a3f2 --format csv
  deskwire statement export 51d0a3f2 --format html --language de -o october.html";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        if let Some(path) = &self.output {
            Part::room(path, self.force)?;
        }
        let query = StatementExportQuery { format: Some(self.format), language: Some(self.language) };
        let bytes = context.talk(async |client| {
            let id = self.target.find(&client).await?;
            client.export_statement(&id, &query).await
        })?;
        match &self.output {
            None => context.out.raw(&bytes),
            Some(path) => {
                let part = Part::create(path)?;
                part.write(&bytes)?;
                part.finish(path)
            }
        }
    }
}
