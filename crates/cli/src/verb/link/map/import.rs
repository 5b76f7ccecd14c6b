//! `deskwire link map import`: a whole mapping from a file.

use std::path::PathBuf;

use deskwire_api_types::LinkMapping;

use crate::{
    context::Context,
    failure::{self, Done},
    render,
};

/// Set the whole mapping of a link from a file, as TOML or JSON.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// The file.
    file: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link map import kassa kassa.toml";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let shown = self.file.display().to_string();
        let text = std::fs::read_to_string(&self.file).map_err(|error| failure::local(&shown, &error))?;
        let read: Result<LinkMapping, String> = if text.trim_start().starts_with('{') {
            serde_json::from_str(&text).map_err(|error| error.to_string())
        } else {
            toml::from_str(&text).map_err(|error| error.to_string())
        };
        let mapping = read.map_err(|error| failure::usage(format!("{shown}: {error}")))?;
        let mapping = context.talk(async |client| client.set_link_mapping(&self.link, &mapping).await)?;
        context.out.document(&mapping, |style| render::link_mapping(&mapping, style))
    }
}
